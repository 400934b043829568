"""coremltools' own tools, predicting with the evaluator."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ldikit.reference.errors import InputError
from ldikit.runtime import mil
from PIL import Image


@pytest.fixture
def installed(ct: Any) -> Iterator[None]:
    if ct.models.model._MLModelProxy is not None:
        pytest.skip("Core ML itself is here")
    with pytest.warns(mil.SimulatedPredictionWarning), mil.install():
        yield


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(torch.randn(4, 3, 3, 3, generator=generator))
        self.last = torch.nn.Parameter(torch.randn(2, 4, 1, 1, generator=generator))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.nn.functional.conv2d(x, self.weight, padding=1)
        return torch.nn.functional.conv2d(torch.relu(x), self.last)


class Apply(torch.nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def to_coreml(ct: Any, half: bool = False) -> Any:
    x = torch.zeros(1, 3, 8, 8)
    return ct.convert(
        torch.jit.trace(Net().eval(), x),
        inputs=[ct.TensorType(name="x", shape=x.shape)],
        outputs=[ct.TensorType(name="y")],
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
    )


def photo(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(1, 3, 8, 8)).astype(np.float32)


def test_predicts_what_torch_does_one_by_one_and_in_a_list(ct: Any, installed: None) -> None:
    model = to_coreml(ct)
    wanted = [Net()(torch.from_numpy(photo(i))).detach().numpy() for i in range(2)]
    np.testing.assert_allclose(model.predict({"x": photo(0)})["y"], wanted[0], rtol=1e-5, atol=1e-5)
    for got, want in zip(model.predict([{"x": photo(0)}, {"x": photo(1)}]), wanted, strict=True):
        np.testing.assert_allclose(got["y"], want, rtol=1e-5, atol=1e-5)


def test_off_by_default_and_off_again(ct: Any) -> None:
    def refuses() -> None:
        with pytest.raises(Exception, match="macOS"):
            to_coreml(ct).predict({"x": photo(0)})

    if ct.models.model._MLModelProxy is not None:
        pytest.skip("Core ML itself is here")
    make_state = ct.models.MLModel.make_state
    refuses()
    with pytest.warns(mil.SimulatedPredictionWarning, match="simulated"):
        mil.install()
    with pytest.raises(InputError, match="already"):
        mil.install()
    mil.uninstall()
    mil.uninstall()
    assert ct.models.MLModel.make_state is make_state
    refuses()


def test_refuses_to_stand_in_for_core_ml_itself(ct: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ct.models.model, "_MLModelProxy", object)
    with pytest.raises(InputError, match="nothing to simulate"):
        mil.install()
    assert ct.models.model._MLModelProxy is object


def test_numbers_of_other_types_are_converted_and_half_comes_back_as_float(ct: Any, installed: None) -> None:
    model = to_coreml(ct, half=True)
    want = model.predict({"x": np.ones((1, 3, 8, 8), np.float32)})["y"]
    assert want.dtype == np.float32
    for dtype in (np.float64, np.int32, np.bool_):
        np.testing.assert_array_equal(model.predict({"x": np.ones((1, 3, 8, 8), dtype)})["y"], want)


def test_bad_input_is_a_runtime_error_as_on_a_mac(ct: Any, installed: None) -> None:
    with pytest.raises(RuntimeError, match=r"wants shape \[1, 3, 8, 8\]"):
        to_coreml(ct).predict({"x": np.zeros((1, 3, 8, 9), np.float32)})


def test_images_go_in_and_out_as_pil(ct: Any, installed: None) -> None:
    x = torch.zeros(1, 3, 4, 6)
    model = ct.convert(
        torch.jit.trace(Apply(lambda x: 255 - x), x),
        inputs=[ct.ImageType(name="x", shape=x.shape)],
        outputs=[ct.ImageType(name="y")],
        minimum_deployment_target=ct.target.iOS16,
    )
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    result = model.predict({"x": Image.fromarray(pixels)})["y"]
    assert isinstance(result, Image.Image)
    np.testing.assert_array_equal(np.asarray(result), 255 - pixels)


def test_a_function_is_chosen_by_name(ct: Any, installed: None, tmp_path: Path) -> None:
    description = ct.utils.MultiFunctionDescriptor()
    for name, factor in (("double", 2.0), ("triple", 3.0)):
        x = torch.zeros(2)
        model = ct.convert(
            torch.jit.trace(Apply(lambda x, factor=factor: x * factor), x),
            inputs=[ct.TensorType(name="x", shape=(2,))],
            outputs=[ct.TensorType(name="y")],
            minimum_deployment_target=ct.target.iOS18,
        )
        model.save(str(tmp_path / f"{name}.mlpackage"))
        description.add_function(str(tmp_path / f"{name}.mlpackage"), "main", name)
    description.default_function_name = "double"
    both = str(tmp_path / "both.mlpackage")
    ct.utils.save_multifunction(description, both)
    for name, want in ((None, [2.0, 4.0]), ("double", [2.0, 4.0]), ("triple", [3.0, 6.0])):
        model = ct.models.MLModel(both, function_name=name)
        np.testing.assert_array_equal(model.predict({"x": np.array([1.0, 2.0])})["y"], want)


@pytest.mark.skipif(not hasattr(mil.MilModel, "make_state"), reason="the evaluator has no states")
def test_a_state_is_kept_between_predictions_and_can_be_written(ct: Any, installed: None) -> None:
    class Accumulator(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("total", torch.zeros(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.total.add_(x)
            return self.total * 2

    model = ct.convert(
        torch.jit.trace(Accumulator(), torch.zeros(2)),
        inputs=[ct.TensorType(name="x", shape=(2,))],
        outputs=[ct.TensorType(name="y")],
        states=[ct.StateType(ct.TensorType(shape=(2,)), name="total")],
        minimum_deployment_target=ct.target.iOS18,
    )
    first, second = model.make_state(), model.make_state()
    x = np.array([1.0, 3.0])
    np.testing.assert_array_equal(model.predict({"x": x}, first)["y"], [2, 6])
    np.testing.assert_array_equal(model.predict({"x": x}, first)["y"], [4, 12])
    np.testing.assert_array_equal(model.predict({"x": x}, second)["y"], [2, 6])
    np.testing.assert_array_equal(first.read_state("total"), [2, 6])
    second.write_state("total", np.array([10.0, 20.0], np.float16))
    np.testing.assert_array_equal(model.predict({"x": x}, second)["y"], [22, 46])


def test_activation_calibration_gives_the_ranges_that_torch_gives(ct: Any, installed: None) -> None:
    x = photo(3)
    hidden = torch.nn.functional.conv2d(torch.from_numpy(x), Net().weight, padding=1).detach().numpy()
    config = ct.optimize.coreml.OptimizationConfig(
        global_config=ct.optimize.coreml.experimental.OpActivationLinearQuantizerConfig(
            mode="linear_symmetric"
        )
    )
    model = ct.optimize.coreml.linear_quantize_activations(to_coreml(ct), config, [{"x": x}])
    scales = sorted(
        float(operation.scale.val)
        for operation in model._mil_program.functions["main"].find_ops(op_type="quantize")
    )
    # Symmetric int8: the largest |activation| of the input and of the ReLU's output are 127 steps; scales are
    # kept as fp16.
    np.testing.assert_allclose(scales, sorted([np.abs(x).max() / 127, hidden.max() / 127]), rtol=1e-3)


def test_the_comparator_finds_the_operation_that_was_changed(ct: Any, installed: None) -> None:
    from coremltools.models.ml_program.experimental.debugging_utils import MLModelComparator

    logging.getLogger("coremltools").setLevel(logging.ERROR)
    reference, target = to_coreml(ct), to_coreml(ct)
    block = next(iter(target._spec.mlProgram.functions["main"].block_specializations.values()))
    relu = next(operation for operation in block.operations if operation.type == "relu")
    relu.type = "abs"
    target = ct.models.MLModel(target._spec, weights_dir=target.weights_dir)

    def close(operation: Any, one: np.ndarray, other: np.ndarray) -> bool:
        return bool(np.allclose(one, other, atol=1e-5))

    comparator = MLModelComparator(reference, target)
    failing = asyncio.run(comparator.find_failing_ops(inputs={"x": photo(0)}, compare_outputs=close))
    assert [operation.type for operation in failing] == ["relu"]


def test_what_cannot_be_evaluated_is_named_when_predicting_not_before(ct: Any, installed: None) -> None:
    x = torch.zeros(1, 3, 8, 8)
    inputs = [ct.TensorType(name="x", shape=x.shape)]
    model = ct.convert(torch.jit.trace(Net().eval(), x), inputs=inputs, convert_to="neuralnetwork")
    with pytest.raises(RuntimeError, match="holds a neural network, not an ML Program"):
        model.predict({"x": photo(0)})


def test_no_durations_and_no_compiled_model_are_made_up(ct: Any, installed: None) -> None:
    model = to_coreml(ct)
    model.predict({"x": photo(0)})
    assert model.load_duration_in_nano_seconds is None
    assert model.last_predict_duration_in_nano_seconds is None
    with pytest.raises(RuntimeError, match="no compiled model"):
        model.get_compiled_model_path()
