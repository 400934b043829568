"""Retired ARM64 instructions of an inference, by kind: a cost that repeats, and never a time.

Counted by a plug-in of our own (kinds.c) in a QEMU that loads plug-ins. The numbers compare two files, or two
versions of one, on the same processor model; how many instructions a real processor retires at once, and how
long it waits for memory, they do not tell.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...reference.errors import BackendUnavailableError, InputError
from ..bundle import Bundle
from ..manifest import ModelFile
from ..profiling.subjects import random_input
from .backend import require
from .by_operation import OperationCount, count_operations
from .cpus import CPUS, Cpu, cpu_named
from .guest import Guest
from .plugin import compile_plugin, counting_emulator

RUNTIME_OF_FORMAT = {"onnx": "onnxruntime", "tflite": "litert"}
# The first inferences still plan memory and pack weights.
WARM_UP = 2


@dataclass(frozen=True)
class Count:
    """The instructions of one inference.

    Attributes:
        file: path in the bundle.
        stage, size, format, precision: of the file.
        cpu: the processor model.
        kinds: instructions by kind: `memory`, `branch`, `integer`, `vector` (integer SIMD), `float` (fp32 and
            fp64), `fp16`, `dot_product`, `matrix`, `sve`, `other`.
        operations: the same by type of operation, where that was asked for. Counted in an inference of its
            own with the runtime's profiler on, whose own work lies between the operations.
    """

    file: str
    stage: str
    size: str
    format: str
    precision: str
    cpu: str
    kinds: dict[str, int]
    operations: tuple[OperationCount, ...] = ()

    @property
    def total(self) -> int:
        """All instructions."""
        return sum(self.kinds.values())

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        operations = [operation.to_json() for operation in self.operations]
        return {**asdict(self), "total": self.total, "operations": operations}


def count_bundle(
    bundle: Bundle, cpus: Sequence[str], size: str | None = None, operations: bool = False
) -> list[Count]:
    """Count one inference of every ONNX and TFLite file of a bundle, on fixed random inputs.

    Args:
        bundle: see `open_bundle`.
        cpus: names of processors.
        size: "HEIGHTxWIDTH"; None for the bundle's first.
        operations: also count by type of operation, which takes as long again.

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
    found = []
    for cpu in map(cpu_named, cpus):
        for entry in entries:
            path = bundle.path(entry)
            whole = count(path, entry, cpu)
            if operations:
                by_type = count_operations(path, entry, RUNTIME_OF_FORMAT[entry.format], cpu, WARM_UP)
                whole = replace(whole, operations=by_type)
            found.append(whole)
    return found


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
            kinds = json.loads(counted.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError) as error:
            raise BackendUnavailableError(f"the plug-in counted nothing: {error}") from error
    return Count(entry.path, entry.stage, entry.size, entry.format, entry.precision, cpu.name, kinds)
