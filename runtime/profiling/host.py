"""The fingerprint of a host: what a latency depends on, and nothing that names its owner."""

import hashlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

# Distributions whose version changes a latency.
LIBRARIES = ("ldikit", "torch", "numpy", "onnxruntime", "ai-edge-litert", "tflite-runtime", "coremltools")

_GIB = 1 << 30


@dataclass(frozen=True)
class Host:
    """A machine, without its name or its user's.

    Attributes:
        cpu: model of the processor, with family and stepping where the system tells.
        architecture: "x86_64", "arm64", ….
        physical_cores, logical_cores: of the machine; physical_cores is 0 where the system does not tell.
        usable_cores: those this process may run on.
        memory_gib: main memory, rounded to a tenth.
        system: "Linux", "Darwin", "Windows".
        release: of the system's kernel.
        python: version.
        versions: of the `LIBRARIES` that are installed.
    """

    cpu: str
    architecture: str
    physical_cores: int
    logical_cores: int
    usable_cores: int
    memory_gib: float
    system: str
    release: str
    python: str
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """16 hexadecimal digits of a hash over the hardware and the system's name.

        Kernel, Python and libraries are left out: a profile before and after their upgrade may be compared.
        """
        machine = asdict(self)
        for changing in ("release", "python", "versions"):
            del machine[changing]
        return hashlib.sha256(json.dumps(machine, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """One line for people."""
        return (
            f"{self.cpu}, {self.usable_cores} of {self.logical_cores} cores, {self.memory_gib:g} GiB, "
            f"{self.system} {self.release}, Python {self.python}"
        )


def this_host() -> Host:
    """Return the fingerprint of the machine this runs on."""
    import psutil

    return Host(
        cpu=_cpu_model(),
        architecture=platform.machine(),
        physical_cores=psutil.cpu_count(logical=False) or 0,
        logical_cores=psutil.cpu_count() or 1,
        usable_cores=_usable_cores(),
        memory_gib=round(psutil.virtual_memory().total / _GIB, 1),
        system=platform.system(),
        release=platform.release(),
        python=platform.python_version(),
        versions=installed_versions(),
    )


def installed_versions() -> dict[str, str]:
    """Return the versions of those of `LIBRARIES` that are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_model() -> str:
    """Name the processor; `platform.processor()` alone is empty or "x86_64" on Linux."""
    if sys.platform == "linux":
        return parse_cpuinfo(Path("/proc/cpuinfo").read_text()) or platform.machine()
    if sys.platform == "darwin":
        asked = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"],
            capture_output=True,
            text=True,
            check=False,
        )
        return asked.stdout.strip() or platform.processor()
    return platform.processor()


def parse_cpuinfo(text: str) -> str:
    """Return the model in the first block of /proc/cpuinfo.

    Virtual machines often give a bare "AMD EPYC" for many generations: family, model and stepping tell them
    apart. On Arm, where there is no model name, the implementer and part numbers do.
    """
    block = text.strip().split("\n\n")[0]
    pairs = (line.split(":", 1) for line in block.splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in pairs}
    name = fields.get("model name", "")
    keys = ("cpu family", "model", "stepping", "CPU implementer", "CPU part", "CPU revision")
    details = [f"{key} {fields[key]}" for key in keys if key in fields]
    return f"{name} ({', '.join(details)})".strip() if details else name
