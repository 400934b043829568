"""What `verify --arm64` is going to run, and about how long that takes."""

from collections.abc import Sequence

from ...reference.sizes import parse_size
from ..backends.protocol import BACKEND_OF_FORMAT
from ..bundle import Bundle
from .backend import require
from .cpus import DEFAULT_CPUS, RUNTIMES, cpu_named
from .estimate import in_words, seconds

# Beside the photos: the comparison of int8 steps.
EXTRA_RUNS = {"int8": 1}


def plan(bundle: Bundle, cpus: Sequence[str], photos: int) -> tuple[list[str], str]:
    """Choose the backends.

    Args:
        bundle: that is verified.
        cpus: names of processors, or "default".
        photos: how many.

    Returns:
        the backends: each format's own, then the emulated ones; and a line that says what takes how long.

    Raises:
        InputError: an unknown processor.
        BackendUnavailableError: there is no ARM64 root.
    """
    named = list(dict.fromkeys(n for name in cpus for n in (DEFAULT_CPUS if name == "default" else (name,))))
    for name in named:
        cpu_named(name)
    files = [f for f in bundle.files("program") if BACKEND_OF_FORMAT[f.format] in RUNTIMES]
    for runtime in {BACKEND_OF_FORMAT[f.format] for f in files}:
        require(runtime)
    formats = dict.fromkeys(f.format for f in bundle.files("program"))
    own = [BACKEND_OF_FORMAT[kind] for kind in formats]
    emulated = [f"{b}@{cpu}" for cpu in named for b in own if b in RUNTIMES]
    # A photo runs at one size, so the files of several sizes share them.
    candidates = {(f.format, f.precision) for f in files}
    macs = _macs(bundle)
    total = sum(
        seconds(macs, precision, photos + EXTRA_RUNS.get(precision, 0)) * len(named)
        for _, precision in candidates
    )
    runs = len(candidates) * len(named)
    line = f"{runs} ARM64 candidates on {photos} photos: {in_words(total)} of one core"
    return [*own, *emulated], line


def _macs(bundle: Bundle) -> int:
    from ...reference.pipeline import build_program
    from ..profiling.macs import count_macs

    size = parse_size(bundle.manifest.sizes[0])
    program = build_program(bundle.manifest.pipeline_at(bundle.folder), size.height, size.width)
    return count_macs(program, size.height, size.width)["program"]
