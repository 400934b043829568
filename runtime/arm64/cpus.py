"""The processors that are emulated, and the names of the backends on them."""

import platform
import sys
from dataclasses import dataclass

from ...reference.errors import InputError

# The runtimes that have an ARM64 build for Linux, as the distributions that hold it.
RUNTIMES = {"onnxruntime": "onnxruntime", "litert": "ai-edge-litert"}


@dataclass(frozen=True)
class Cpu:
    """One processor model of QEMU.

    Attributes:
        name: ours, after the "@" of a backend.
        model: what QEMU takes as -cpu.
        counted: whether the QEMU that counts instructions (7.2) knows it too.
        note: what it stands for.
    """

    name: str
    model: str
    counted: bool
    note: str


# Without SVE and SME: no phone's kernels of these runtimes need them, and their emulation costs most.
CPUS = {
    cpu.name: cpu
    for cpu in (
        Cpu("cortex-a53", "cortex-a53", True, "ARMv8.0 without dot products: phones of 2014 to 2019"),
        Cpu("cortex-a55", "cortex-a55", False, "ARMv8.2: the small cores of phones since 2018"),
        Cpu(
            "cortex-a76", "cortex-a76", True, "ARMv8.2 with dot products and fp16: the large cores since 2019"
        ),
        Cpu("max", "max,sve=off,sme=off", False, "all that QEMU knows without SVE and SME: i8mm, bf16"),
    )
}
DEFAULT_CPUS = ("cortex-a53", "cortex-a76")


def cpu_named(name: str) -> Cpu:
    """Return a processor.

    Raises:
        InputError: no such one.
    """
    if name not in CPUS:
        raise InputError(f"unknown ARM64 processor {name!r}; known: {', '.join(CPUS)}")
    return CPUS[name]


def backend_names() -> tuple[str, ...]:
    """Return the names of all emulated backends."""
    return tuple(f"{runtime}@{cpu}" for runtime in RUNTIMES for cpu in CPUS)


def split(backend: str) -> tuple[str, Cpu]:
    """Return the runtime and the processor of a backend's name, like "litert@cortex-a53".

    Raises:
        InputError: no such runtime or processor.
    """
    runtime, _, cpu = backend.partition("@")
    if runtime not in RUNTIMES:
        raise InputError(f"unknown ARM64 runtime {runtime!r}; known: {', '.join(RUNTIMES)}")
    return runtime, cpu_named(cpu)


def native() -> bool:
    """Say whether this machine's own processor is an ARM64 one."""
    return platform.machine().lower() in ("arm64", "aarch64")


def emulating_host() -> bool:
    """Say whether QEMU's user-mode emulation works on this system: Linux on x86-64."""
    return sys.platform == "linux" and platform.machine().lower() in ("x86_64", "amd64")
