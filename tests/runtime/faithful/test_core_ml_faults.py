"""Faults planted in a Core ML file: each fails, and its layer or stage is named."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ldikit.export.convert import export_file
from ldikit.export.quantisation import Quantisation
from ldikit.reference.pipeline import build_program
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.bundle import open_bundle
from ldikit.runtime.manifest import ModelFile, digest
from ldikit.runtime.parity.faithful import OPERATIONS_GATE, SCALES_GATE
from ldikit.runtime.parity.verify import verify

Bundles = Callable[..., Path]
LENIENT = {"int8": {"ldi.gap_iou": 0.0, "views.psnr": 0.0, "views.psnr_disoccluded": 0.0, "views.flip": 1.0}}
PROGRAM = "Data/com.apple.CoreML/model.mlmodel"


class Saved:
    """The operations of a saved program and the constants that they take."""

    def __init__(self, spec: Any) -> None:
        block = next(iter(spec.mlProgram.functions["main"].block_specializations.values()))
        self.operations = list(block.operations)
        self._values = {
            op.outputs[0].name: op.attributes["val"].immediateValue.tensor
            for op in self.operations
            if op.type == "const"
        }

    def of(self, kind: str) -> list[Any]:
        return [op for op in self.operations if op.type == kind]

    def constant(self, operation: Any, name: str) -> Any:
        return self._values[operation.inputs[name].arguments[0].name]

    def users(self, result: str) -> list[Any]:
        """The operations that take a result."""
        return [
            op
            for op in self.operations
            if any(argument.name == result for value in op.inputs.values() for argument in value.arguments)
        ]

    def rounding(self, index: int) -> list[Any]:
        """The n-th rounding, with the operations that take its numbers back."""
        rounding = self.of("quantize")[index]
        return [rounding, *self.users(rounding.outputs[0].name)]


def as_it_is(saved: Saved) -> None:
    """Change nothing."""


def scale_times_four(saved: Saved) -> None:
    constants = {id(c): c for op in saved.rounding(1) for c in [saved.constant(op, "scale")]}
    for constant in constants.values():
        constant.floats.values[0] *= 4


def zero_point_plus_twenty(saved: Saved) -> None:
    constants = {id(c): c for op in saved.rounding(-2) for c in [saved.constant(op, "zero_point")]}
    for constant in constants.values():
        constant.bytes.values = bytes([(constant.bytes.values[0] + 20) % 256])


def flip_align_corners(saved: Saved) -> None:
    flipped = saved.constant(saved.of("upsample_bilinear")[0], "align_corners")
    assert not flipped.bools.values[0]
    flipped.bools.values[0] = True


@pytest.fixture(scope="module")
def exported(
    kit: SimpleNamespace, made: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModelFile, Path]:
    """The int8 file in Core ML: its entry and place."""
    pytest.importorskip("coremltools")
    path = tmp_path_factory.mktemp("coreml") / "p.int8.mlpackage"
    size = ProgramSize(kit.height, kit.width)
    program = build_program(kit.config, kit.height, kit.width)
    return export_file(
        program, "program", size, "coreml", "int8", path, Quantisation(made.recipe)
    ).entry, path


@pytest.fixture
def bundle_with(
    bundle_of: Bundles, made: SimpleNamespace, exported: tuple[ModelFile, Path]
) -> Callable[[Callable[[Saved], None]], Path]:
    """Write a bundle of the Core ML file alone, after a change of its program."""

    def write(change: Callable[[Saved], None]) -> Path:
        from coremltools.proto import Model_pb2

        folder = bundle_of({"int8": made.models["int8"]})
        entry, source = exported
        path = folder / source.name
        shutil.copytree(source, path)
        spec = Model_pb2.Model()
        spec.ParseFromString((path / PROGRAM).read_bytes())
        change(Saved(spec))
        (path / PROGRAM).write_bytes(spec.SerializeToString())
        sha256, total = digest(path)
        manifest = open_bundle(folder).manifest
        only = replace(manifest, files=(replace(entry, path=path.name, sha256=sha256, bytes=total),))
        (folder / "manifest.json").write_text(only.to_json(), encoding="utf-8")
        return folder

    return write


def test_a_faithful_file_passes(bundle_with: Callable[..., Path]) -> None:
    (candidate,) = verify(bundle_with(as_it_is), gates=LENIENT, pictures=False).candidates
    assert candidate.verdict == "pass", candidate.reason
    gates = {gate.name: gate.value for gate in candidate.gates}
    assert gates[SCALES_GATE] == 0 and gates[OPERATIONS_GATE] < 1e-5


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (scale_times_four, ("depth network", "enter", "scale", "4×")),
        (zero_point_plus_twenty, ("inpaint network", "zero point")),
        (flip_align_corners, ("depth stage",)),
    ],
)
def test_planted_faults_fail_by_name(
    plant: Callable[[Saved], None], words: tuple[str, ...], bundle_with: Callable[..., Path]
) -> None:
    report = verify(bundle_with(plant), gates=LENIENT, pictures=False)
    assert report.exit_code == 1
    for word in words:
        assert word in report.candidates[0].reason, report.candidates[0].reason
