"""The most memory that a process has held: read inside a fresh one, so that it is one candidate's alone."""

import sys
from pathlib import Path


def peak_memory_bytes() -> int:
    """Return the largest resident set of this process so far, in bytes.

    On Linux this is VmHWM, not `getrusage`: the kernel carries the latter over from the parent when a child
    is started, so a large parent would show up as its child's peak.
    """
    if sys.platform == "linux":
        return parse_peak(Path("/proc/self/status").read_text())
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    # Bytes on macOS; kibibytes on the other systems that have getrusage.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def parse_peak(status: str) -> int:
    """Return VmHWM of the text of /proc/PID/status, in bytes.

    Raises:
        ValueError: the kernel does not tell it.
    """
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ValueError("/proc/self/status has no VmHWM line")
