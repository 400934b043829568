"""Files without the rounding of their activations, and faults planted in a TFLite file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import coremltools as ct
import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from coremltools.converters.mil import Builder
from ldikit.export.convert import export_file
from ldikit.export.quantisation import Quantisation
from ldikit.reference.pipeline import build_program
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.bundle import open_bundle
from ldikit.runtime.manifest import ModelFile, TensorSpec, digest
from ldikit.runtime.parity.faithful import OPERATIONS_GATE, SCALES_GATE
from ldikit.runtime.parity.unrounded import open_unrounded
from ldikit.runtime.parity.verify import verify

Bundles = Callable[..., Path]
LENIENT = {"int8": {"ldi.gap_iou": 0.0, "views.psnr": 0.0, "views.psnr_disoccluded": 0.0, "views.flip": 1.0}}
KINDS = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def test_a_core_ml_program_loses_its_rounding(tmp_path: Path) -> None:
    @Builder.program(input_specs=[Builder.TensorSpec((1, 3, 4, 4))], opset_version=ct.target.iOS17)
    def program(x: Any) -> Any:
        coarse = Builder.quantize(input=x, scale=np.float32(0.5), zero_point=np.int8(3), output_dtype="int8")
        back = Builder.dequantize(input=coarse, scale=np.float32(0.5), zero_point=np.int8(3))
        return Builder.mul(x=back, y=np.float32(2.0), name="y")

    model = ct.convert(
        program,
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
        # Optimising would merge the two operations.
        pass_pipeline=ct.PassPipeline.EMPTY,
    )
    path = tmp_path / "p.mlpackage"
    model.save(str(path))
    spec = TensorSpec("x", (1, 3, 4, 4), "float32", "NCHW")
    entry = ModelFile(
        path.name, "program", "64x96", "coreml", "int8", "", 0, (spec,), (replace(spec, name="y"),)
    )
    values = np.random.default_rng(0).uniform(-1, 1, (1, 3, 4, 4)).astype(np.float32)
    found = open_unrounded(path, entry).infer({"x": values})["y"]
    assert np.array_equal(found, values * 2)


@pytest.fixture(scope="module")
def tflite(
    kit: SimpleNamespace, made: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModelFile, bytes]:
    """The int8 file in TFLite: its entry and content."""
    path = tmp_path_factory.mktemp("tflite") / "p.int8.tflite"
    size = ProgramSize(kit.height, kit.width)
    program = build_program(kit.config, kit.height, kit.width)
    exported = export_file(program, "program", size, "tflite", "int8", path, Quantisation(made.recipe))
    return exported.entry, path.read_bytes()


@pytest.fixture
def tflite_bundle(
    bundle_of: Bundles, made: SimpleNamespace, tflite: tuple[ModelFile, bytes]
) -> Callable[[Callable[[Any], None]], Path]:
    """Write a bundle of the TFLite file alone, after a change of its model."""

    def write(change: Callable[[Any], None]) -> Path:
        folder = bundle_of({"int8": made.models["int8"]})
        entry, content = tflite
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        change(model)
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        path = folder / "p.int8.tflite"
        path.write_bytes(bytes(builder.Output()))
        sha256, total = digest(path)
        manifest = open_bundle(folder).manifest
        only = replace(manifest, files=(replace(entry, path=path.name, sha256=sha256, bytes=total),))
        (folder / "manifest.json").write_text(only.to_json(), encoding="utf-8")
        return folder

    return write


def operations(model: Any, kind: str) -> list[Any]:
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    return [op for op in model.subgraphs[0].operators if KINDS[codes[op.opcodeIndex]] == kind]


def rounded(model: Any, kind: str, index: int) -> Any:
    """Return how the result of an int8 operation is rounded."""
    tensors = model.subgraphs[0].tensors
    results = [tensors[op.outputs[0]] for op in operations(model, kind)]
    return [t for t in results if t.type == schema.TensorType.INT8][index].quantization


def as_it_is(model: Any) -> None:
    """Change nothing."""


def scale_times_four(model: Any) -> None:
    held = rounded(model, "ADD", 0)
    held.scale = np.asarray(held.scale, np.float32) * np.float32(4)


def zero_point_plus_twenty(model: Any) -> None:
    held = rounded(model, "ADD", 1)
    held.zeroPoint = np.asarray(held.zeroPoint) + 20


def flip_align_corners(model: Any) -> None:
    options = operations(model, "RESIZE_BILINEAR")[0].builtinOptions
    assert options.halfPixelCenters and not options.alignCorners
    options.halfPixelCenters, options.alignCorners = False, True


def test_a_faithful_tflite_file_passes(tflite_bundle: Callable[..., Path]) -> None:
    (candidate,) = verify(tflite_bundle(as_it_is), gates=LENIENT, pictures=False).candidates
    assert candidate.verdict == "pass", candidate.reason
    gates = {gate.name: gate.value for gate in candidate.gates}
    assert gates[SCALES_GATE] == 0
    assert gates[OPERATIONS_GATE] < 1e-5  # no constant is joined to a rounded tensor here
    assert candidate.error_budget["unmeasured"] == {}


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (scale_times_four, ("depth network", "body/add", "4×")),
        (zero_point_plus_twenty, ("inpaint network", "body/add", "zero point")),
        (flip_align_corners, ("depth stage",)),
    ],
)
def test_faults_in_a_tflite_file_fail_by_name(
    plant: Callable[[Any], None], words: tuple[str, ...], tflite_bundle: Callable[..., Path]
) -> None:
    report = verify(tflite_bundle(plant), gates=LENIENT, pictures=False)
    assert report.exit_code == 1
    for word in words:
        assert word in report.candidates[0].reason, report.candidates[0].reason
