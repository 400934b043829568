import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from ldikit.runtime.parity.faithful import OPERATIONS_GATE, SCALES_GATE
from ldikit.runtime.parity.result import CandidateResult
from ldikit.runtime.parity.verify import ParityReport, verify

# Gates that judge quality are out of the way: only what is wrong with the file may fail here.
LENIENT = {
    precision: {
        "ldi.gap_iou": 0.0,
        "views.psnr": 0.0,
        "views.psnr_disoccluded": 0.0,
        "views.flip": 1.0,
    }
    for precision in ("int8", "w8")
}

Bundles = Callable[..., Path]


def gate(candidate: CandidateResult, name: str) -> object:
    return next(gate for gate in candidate.gates if gate.name == name)


def judged(folder: Path) -> ParityReport:
    return verify(folder, gates=LENIENT, pictures=False)


def initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def own_initializer(
    model: onnx.ModelProto, users: list[onnx.NodeProto], place: int, values: np.ndarray
) -> None:
    """Give nodes another constant as one of their inputs, whoever else shares the old one."""
    name = f"{users[0].name}_planted{place}"
    model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    for user in users:
        user.input[place] = name


def rounding_of(model: onnx.ModelProto, index: int) -> list[onnx.NodeProto]:
    """Return the QuantizeLinear of the n-th rounded tensor with every DequantizeLinear that reads it."""
    node = [node for node in model.graph.node if node.op_type == "QuantizeLinear"][index]
    return [node, *(user for user in model.graph.node if node.output[0] in user.input)]


def value(model: onnx.ModelProto, name: str) -> np.ndarray:
    return onnx.numpy_helper.to_array(initializer(model, name))


def scale_times_four(model: onnx.ModelProto) -> None:
    users = rounding_of(model, 1)
    own_initializer(model, users, 1, value(model, users[0].input[1]) * np.float32(4))


def zero_point_plus_twenty(model: onnx.ModelProto) -> None:
    users = rounding_of(model, -2)
    own_initializer(model, users, 2, (value(model, users[0].input[2]) + 20).astype(np.int8))


def weight_scale_times_four(model: onnx.ModelProto) -> None:
    constants = {tensor.name for tensor in model.graph.initializer}
    node = next(n for n in model.graph.node if n.op_type == "DequantizeLinear" and n.input[0] in constants)
    scales = value(model, node.input[1]).copy()
    scales[2] *= 4
    own_initializer(model, [node], 1, scales)


def flip_align_corners(model: onnx.ModelProto, index: int) -> None:
    node = [node for node in model.graph.node if node.op_type == "Resize"][index]
    attribute = next(a for a in node.attribute if a.name == "coordinate_transformation_mode")
    assert attribute.s == b"half_pixel"
    attribute.s = b"align_corners"


def test_faithful_files_pass_both_gates_and_the_budget_is_split(
    made: SimpleNamespace, bundle_of: Bundles
) -> None:
    report = judged(bundle_of(made.models))
    assert report, [(c.verdict, c.reason, c.gates) for c in report.candidates]
    for candidate in report.candidates:
        assert gate(candidate, SCALES_GATE).value == 0
        assert gate(candidate, OPERATIONS_GATE).value < 1e-6
        assert candidate.faults == []
        budget = candidate.error_budget
        assert budget["unmeasured"] == {}
        # Nothing but rounding was changed, and rounding is the same in torch and in the file as written.
        assert budget["quantization"]["tensors"]["disparity"]["max_abs"] > 1e-4
        assert budget["conversion"]["tensors"]["disparity"]["mean_abs"] < 1e-4
        assert budget["quantization"]["views"]["psnr"] < budget["conversion"]["views"]["psnr"]
        assert set(budget["kernels"]["steps"]) == {"depth", "inpaint_disparity", "inpaint_color"}
    w8 = report.candidates[1]
    assert {layer["kind"] for layer in w8.layers} == {"weight"}


@pytest.mark.parametrize(
    ("plant", "names"),
    [
        (scale_times_four, ("depth network", "scale", "4×", "enter")),
        (zero_point_plus_twenty, ("inpaint network", "zero point")),
        (weight_scale_times_four, ("depth network", "layer depth/body.enter.0", "channel 2", "4×")),
    ],
)
def test_a_corrupted_scale_or_zero_point_fails_by_name(
    plant: Callable[[onnx.ModelProto], None],
    names: tuple[str, ...],
    made: SimpleNamespace,
    bundle_of: Bundles,
) -> None:
    model = copy.deepcopy(made.models["int8"])
    plant(model)
    report = judged(bundle_of({"int8": model}))
    assert report.exit_code == 1
    (candidate,) = report.candidates
    assert gate(candidate, SCALES_GATE).value == 1
    for name in names:
        assert name in candidate.reason, candidate.reason


@pytest.mark.parametrize("precision", ["int8", "w8"])
@pytest.mark.parametrize(("resize", "stage"), [(0, "depth"), (1, "inpainting")])
def test_a_flipped_align_corners_fails_and_its_stage_is_named(
    precision: str, resize: int, stage: str, made: SimpleNamespace, bundle_of: Bundles
) -> None:
    model = copy.deepcopy(made.models[precision])
    flip_align_corners(model, resize)
    report = judged(bundle_of({precision: model}))
    assert report.exit_code == 1
    (candidate,) = report.candidates
    assert gate(candidate, SCALES_GATE).passed
    assert not gate(candidate, OPERATIONS_GATE).passed
    assert f"{stage} stage" in candidate.reason


def test_quantised_files_without_a_recipe_are_not_verified(made: SimpleNamespace, bundle_of: Bundles) -> None:
    report = judged(bundle_of({"int8": made.models["int8"]}, None))
    assert report.exit_code == 3
    assert "no quantisation recipe" in report.candidates[0].reason


def test_when_quantisation_itself_fails_the_worst_layers_are_named(
    made: SimpleNamespace, bundle_of: Bundles
) -> None:
    strict = {"int8": {**LENIENT["int8"], "views.psnr": 150.0}}
    report = verify(bundle_of({"int8": made.models["int8"]}), gates=strict, pictures=False)
    (candidate,) = report.candidates
    assert candidate.verdict == "fail"
    assert "quantisation itself costs most; worst layers: " in candidate.reason
    cause = next(stage for stage, figures in candidate.stages.items() if figures["cause"])
    network = {"depth": "depth", "inpainting": "inpaint"}[cause]
    worst = next(layer for layer in candidate.layers if layer["network"] == network)
    assert f"{worst['network']} network, {worst['kind']} {worst['name']}" in candidate.reason
    scores = [layer["sqnr_db"] for layer in candidate.layers]
    assert scores == sorted(scores)


def test_photos_that_calibrated_are_left_out_and_named(
    kit: SimpleNamespace, made: SimpleNamespace, bundle_of: Bundles, photo_files: Callable[..., list[Path]]
) -> None:
    paths = photo_files({"seen.png": kit.make_photo(1), "new.png": kit.make_photo(2)})
    report = verify(bundle_of({"int8": made.models["int8"]}), paths, gates=LENIENT, pictures=False)
    assert report.photos == ("new",)
    assert report.candidates[0].photos == 1
    assert any("1 photo left out" in line and "seen.png" in line for line in report.warnings)
    assert report.to_json()["warnings"] == list(report.warnings)


def test_only_photos_that_calibrated_are_refused(
    kit: SimpleNamespace, made: SimpleNamespace, bundle_of: Bundles, photo_files: Callable[..., list[Path]]
) -> None:
    from ldikit.reference.errors import InputError

    with pytest.raises(InputError, match="all 1 calibrated"):
        verify(bundle_of({"int8": made.models["int8"]}), photo_files({"seen.png": kit.make_photo(1)}))


def test_photos_that_hide_nothing_are_counted(
    kit: SimpleNamespace, made: SimpleNamespace, bundle_of: Bundles, photo_files: Callable[..., list[Path]]
) -> None:
    paths = photo_files({"cards.png": kit.make_photo(3), "flat.png": kit.flat_photo()})
    report = verify(bundle_of({"w8": made.models["w8"]}), paths, gates=LENIENT, pictures=False)
    (candidate,) = report.candidates
    assert (candidate.photos, candidate.hidden) == (2, 1)
    assert gate(candidate, "ldi.gap_iou").measured_on == 1
    assert gate(candidate, "views.psnr").measured_on == 2
    assert any("1 of 2 photos hide nothing" in line and "flat" in line for line in report.warnings)
