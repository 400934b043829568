"""Retired ARM64 instructions of an inference, by kind: a cost that repeats, and never a time.

Counted by a plug-in of our own (kinds.c) in a QEMU that loads plug-ins. The numbers compare two files, or two
versions of one, on the same processor model; how many instructions a real processor retires at once, and how
long it waits for memory, they do not tell.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...reference.errors import BackendUnavailableError, InputError
from ...reference.files import atomic_file
from ..bundle import Bundle
from ..manifest import ModelFile
from ..profiling.subjects import random_input
from .backend import require
from .cache import Cache
from .checksum import sha256_of
from .cpus import CPUS, Cpu, cpu_named
from .guest import Guest

SOURCE = Path(__file__).with_name("kinds.c")
COMPILERS = ("cc", "gcc", "clang")
RUNTIME_OF_FORMAT = {"onnx": "onnxruntime", "tflite": "litert"}
# The first inferences still plan memory and pack weights.
WARM_UP = 2
_LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")


@dataclass(frozen=True)
class Count:
    """The instructions of one inference.

    Attributes:
        file: path in the bundle.
        stage, size, format, precision: of the file.
        cpu: the processor model.
        kinds: instructions by kind: `memory`, `branch`, `integer`, `vector` (integer SIMD), `float` (fp32 and
            fp64), `fp16`, `dot_product`, `matrix`, `sve`, `other`.
    """

    file: str
    stage: str
    size: str
    format: str
    precision: str
    cpu: str
    kinds: dict[str, int]

    @property
    def total(self) -> int:
        """All instructions."""
        return sum(self.kinds.values())

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "total": self.total}


def count_bundle(bundle: Bundle, cpus: Sequence[str], size: str | None = None) -> list[Count]:
    """Count one inference of every ONNX and TFLite file of a bundle, on fixed random inputs.

    Args:
        bundle: see `open_bundle`.
        cpus: names of processors.
        size: "HEIGHTxWIDTH"; None for the bundle's first.

    Raises:
        InputError: a processor that cannot be counted on, a file that cannot be run, no such file.
        BackendUnavailableError: no ARM64 root, no C compiler.
    """
    for name in cpus:
        if not cpu_named(name).counted:
            known = ", ".join(cpu.name for cpu in CPUS.values() if cpu.counted)
            raise InputError(f"instructions are not counted on {name}: the QEMU that counts knows {known}")
    size = size or bundle.manifest.sizes[0]
    entries = [f for f in bundle.manifest.files if f.format in RUNTIME_OF_FORMAT and f.size == size]
    if not entries:
        raise InputError(f"{bundle.folder} has no ONNX or TFLite file of size {size}")
    return [count(bundle.path(entry), entry, cpu_named(name)) for name in cpus for entry in entries]


def count(path: Path, entry: ModelFile, cpu: Cpu) -> Count:
    """Count one inference of a file, after `WARM_UP` others.

    Raises:
        InputError: the file cannot be run, or its path cannot be given to QEMU.
        BackendUnavailableError: no ARM64 root, no C compiler, or the guest died.
    """
    runtime = RUNTIME_OF_FORMAT[entry.format]
    cache = require(runtime)
    plugin = compile_plugin(cache)
    inputs = {spec.name: random_input(spec) for spec in entry.inputs}
    with tempfile.TemporaryDirectory(prefix="ldikit-arm64-") as scratch:
        counted = Path(scratch) / "counted"
        emulator = counting_emulator(cache, cpu, plugin, Path(scratch) / "root", counted)
        outputs = [spec.name for spec in entry.outputs]
        with Guest(cache, cpu, runtime, path, list(inputs), outputs, emulator) as guest:
            for index in range(WARM_UP + 1):
                guest.run(inputs, marks=index == WARM_UP)
        try:
            kinds = json.loads(counted.read_text())
        except (OSError, ValueError) as error:
            raise BackendUnavailableError(f"the plug-in counted nothing: {error}") from error
    return Count(entry.path, entry.stage, entry.size, entry.format, entry.precision, cpu.name, kinds)


def compile_plugin(cache: Cache) -> Path:
    """Return the plug-in, compiled into the cache folder when it is first needed.

    Raises:
        BackendUnavailableError: no C compiler, or the cache has no QEMU that loads plug-ins.
        InputError: it does not compile, or cannot be written.
    """
    if cache.counter is None:
        raise BackendUnavailableError(
            "a root of one's own has no QEMU that loads plug-ins: `ldikit arm64 setup` without --root has"
        )
    target = cache.folder / f"kinds-{sha256_of(SOURCE)[:12]}.so"
    if target.is_file():
        return target
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        raise BackendUnavailableError(
            f"counting instructions takes a C compiler, none of {', '.join(COMPILERS)} is on the path"
        )
    with atomic_file(target, overwrite=True) as temporary:
        command = [compiler, "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-o", str(temporary)]
        done = subprocess.run(
            [*command, str(SOURCE)], capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            lines = done.stderr.splitlines() or [f"status {done.returncode}"]
            raise InputError(f"{compiler} does not compile the plug-in: {lines[0][:300]}")
    return target


def counting_emulator(cache: Cache, cpu: Cpu, plugin: Path, root: Path, counted: Path) -> list[str]:
    """Return the command of the QEMU that counts, after making the root that it sees.

    That QEMU hands the host's /proc/cpuinfo to its guest, and a runtime that believes it takes instructions
    which are not there. So its root has one of its own, as the newer QEMU fakes it for this processor.

    Raises:
        InputError: a path with a comma, which QEMU takes for the end of it.
        BackendUnavailableError: the newer QEMU does not run.
    """
    assert cache.counter is not None
    for path in (plugin, counted):
        if "," in str(path):
            raise InputError(f"QEMU takes no plug-in paths with a comma: {path}")
    (root / "proc").mkdir(parents=True)
    for part in cache.root.iterdir():
        if part.name != "proc":
            (root / part.name).symlink_to(part.resolve())
    program = "import sys; sys.stdout.write(open('/proc/cpuinfo').read())"
    command = [str(cache.qemu), "-L", str(cache.root), "-cpu", cpu.model, str(cache.root / cache.python)]
    try:
        told = subprocess.run(
            [*command, "-S", "-c", program], capture_output=True, text=True, timeout=60, env={}, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BackendUnavailableError(f"the ARM64 guest does not run: {error}") from error
    (root / "proc" / "cpuinfo").write_text(told.stdout)
    libraries = [str(cache.counter / folder) for folder in _LIBRARIES]
    loader = str(cache.counter / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    qemu = str(cache.counter / "usr/bin/qemu-aarch64")
    return [
        *(loader, "--library-path", os.pathsep.join(libraries), qemu),
        *("-L", str(root), "-plugin", f"{plugin},out={counted}"),
    ]
