import builtins
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ldikit.reference.errors import BackendUnavailableError, InputError, MissingExtraError
from ldikit.runtime.backends import coreml_backend, litert_backend, onnxruntime_backend
from ldikit.runtime.backends.canonical import run_canonical
from ldikit.runtime.backends.loader import backend_for, open_runner, simulates, unavailable
from ldikit.runtime.manifest import ModelFile, TensorSpec


def entry(kind: str, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> ModelFile:
    return ModelFile("model", "program", "64x64", kind, "fp32", "", 0, inputs, outputs)


def tensor(name: str, shape: tuple[int, ...], layout: str = "NCHW", dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name, shape, dtype, layout)


@pytest.fixture(scope="session")
def tflite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """x, y → x − y and x · y, converted by litert-torch."""
    litert_torch = pytest.importorskip("litert_torch")
    import torch

    class Two(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x - y, x * y

    path = tmp_path_factory.mktemp("tflite") / "two.tflite"
    example = (torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4))
    litert_torch.convert(Two().eval(), example).export(str(path))
    return path


def test_litert_finds_tensors_by_the_signatures_names(tflite: Path) -> None:
    """The names are given in another order than the file's, so an order alone would be wrong."""
    shape = (1, 2, 4, 4)
    declared = entry(
        "tflite",
        (tensor("args_1", shape), tensor("args_0", shape)),
        (tensor("output_1", shape), tensor("output_0", shape)),
    )
    x, y = np.full(shape, 5, np.float32), np.full(shape, 3, np.float32)
    result = open_runner(tflite, declared).infer({"args_0": x, "args_1": y})
    assert (result["output_0"] == 2).all()
    assert (result["output_1"] == 15).all()


def test_litert_says_nothing_on_standard_error(tflite: Path) -> None:
    """Its runtime remarks on a delegate, once a process: so this needs one of its own."""
    code = (
        "import sys; from pathlib import Path\n"
        "from ldikit.runtime.backends import litert_backend\n"
        "from ldikit.runtime.manifest import ModelFile, TensorSpec\n"
        "def tensor(name): return TensorSpec(name, (1, 2, 4, 4), 'float32', 'NCHW')\n"
        "inputs, outputs = ((tensor(f'{n}_0'), tensor(f'{n}_1')) for n in ('args', 'output'))\n"
        "entry = ModelFile('m', 'program', '64x64', 'tflite', 'fp32', '', 0, inputs, outputs)\n"
        "litert_backend.open_file(Path(sys.argv[1]), entry)\n"
        "print('here', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tflite], capture_output=True, text=True, check=True)
    assert done.stderr == "here\n"


def test_litert_refuses_what_the_manifest_does_not_declare(tflite: Path, tmp_path: Path) -> None:
    shape = (1, 2, 4, 4)
    names = (tensor("output_0", shape), tensor("output_1", shape))
    wrong_shape = entry("tflite", (tensor("args_0", (1, 2, 4, 8)), tensor("args_1", shape)), names)
    with pytest.raises(InputError, match="declares float32 \\(1, 2, 4, 8\\)"):
        open_runner(tflite, wrong_shape)
    with pytest.raises(InputError, match="2 inputs, its manifest declares 1"):
        open_runner(tflite, entry("tflite", (tensor("x", shape),), names))
    (tmp_path / "bad.tflite").write_bytes(b"not a flatbuffer at all")
    with pytest.raises(InputError, match="litert cannot open"):
        open_runner(tmp_path / "bad.tflite", wrong_shape)


def test_onnxruntime_refuses_a_damaged_file_and_other_names(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1, 2, 2]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "neg.onnx")
    shape = (1, 1, 2, 2)
    good = entry("onnx", (tensor("x", shape),), (tensor("y", shape),))
    runner = open_runner(tmp_path / "neg.onnx", good, threads=2)
    assert (runner.infer({"x": np.ones(shape, np.float32)})["y"] == -1).all()
    with pytest.raises(InputError, match="onnxruntime cannot run"):
        runner.infer({"x": np.ones((1, 1, 2, 3), np.float32)})
    with pytest.raises(InputError, match="its manifest declares"):
        open_runner(tmp_path / "neg.onnx", entry("onnx", good.inputs, (tensor("z", shape),)))
    (tmp_path / "bad.onnx").write_bytes(b"not a protobuf")
    with pytest.raises(InputError, match="onnxruntime cannot open"):
        open_runner(tmp_path / "bad.onnx", good)


class FakeProgram:
    """Stands for a loaded ML Program; gives back what it was fed."""

    path = Path("fake.mlpackage")

    def predict(self, inputs: dict[str, np.ndarray], precision: str = "once") -> dict[str, np.ndarray]:
        self.fed, self.precision = inputs["photo"], precision
        return {"y": inputs["photo"].astype(np.float32).transpose(2, 0, 1)[None]}


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_coreml_images_are_handed_over_as_pixels(layout: str) -> None:
    shape = {"NCHW": (1, 3, 2, 4), "NHWC": (1, 2, 4, 3)}[layout]
    image = TensorSpec("photo", shape, "uint8", layout, "image", (0.0, 255.0))
    declared = entry("coreml", (image,), (tensor("y", (1, 3, 2, 4)),))
    program = FakeProgram()
    runner = coreml_backend.EvaluatorRunner(program, declared).rounded("pessimistic")
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    photo = pixels.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
    result = run_canonical(runner, declared.inputs, declared.outputs, {"photo": photo})
    assert np.array_equal(program.fed, pixels)
    assert program.fed.dtype == np.uint8
    assert program.precision == "pessimistic"
    assert np.array_equal(result["y"][0].transpose(1, 2, 0), pixels)
    assert runner.simulated
    with pytest.raises(InputError, match="unknown rounding"):
        runner.rounded("twice")


def test_a_missing_output_of_a_core_ml_program_is_named() -> None:
    image = TensorSpec("photo", (1, 3, 2, 4), "uint8", "NCHW", "image", (0.0, 255.0))
    declared = entry("coreml", (image,), (tensor("z", (1, 3, 2, 4)),))
    runner = coreml_backend.EvaluatorRunner(FakeProgram(), declared)
    with pytest.raises(InputError, match="no output 'z'"):
        runner.infer({"photo": np.zeros((1, 3, 2, 4), np.uint8)})


def test_on_a_mac_coreml_is_core_ml_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for coremltools, as there is no Core ML here."""

    class Model:
        def __init__(self, path: str) -> None:
            self.path = path

        def predict(self, feeds: dict[str, Any]) -> dict[str, np.ndarray]:
            return {"y": np.asarray(feeds["photo"]).astype(np.float32).transpose(2, 0, 1)[None]}

    fake = SimpleNamespace(models=SimpleNamespace(MLModel=Model))
    monkeypatch.setattr(coreml_backend.sys, "platform", "darwin")
    monkeypatch.setattr(coreml_backend, "_coremltools", lambda: fake)
    image = TensorSpec("photo", (1, 3, 2, 4), "uint8", "NCHW", "image", (0.0, 255.0))
    declared = entry("coreml", (image,), (tensor("y", (1, 3, 2, 4)),))
    runner = open_runner(Path("x.mlpackage"), declared)
    assert not runner.simulated
    assert not simulates("coreml")
    pixels = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    result = runner.infer({"photo": pixels.transpose(0, 3, 1, 2)})
    assert np.array_equal(result["y"], pixels.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("module", "imports"),
    [
        (onnxruntime_backend, {"onnxruntime"}),
        (litert_backend, {"ai_edge_litert.interpreter", "tflite_runtime.interpreter"}),
        (coreml_backend, {"google.protobuf"}),
    ],
)
@pytest.mark.parametrize("error", [ModuleNotFoundError, ImportError])
def test_a_runtime_that_is_missing_or_broken_is_unavailable(
    module: Any, imports: set[str], error: type[ImportError], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name in imports:
            raise error(f"no {name}", name=name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    expected = MissingExtraError if error is ModuleNotFoundError else BackendUnavailableError
    with pytest.raises(expected) as caught:
        module.require()
    assert caught.value.exit_code == 3


def test_each_format_has_its_backend() -> None:
    assert [backend_for(kind) for kind in ("onnx", "tflite", "coreml", "torch")] == [
        "onnxruntime",
        "litert",
        "coreml",
        "torch",
    ]
    with pytest.raises(InputError, match="runs onnx files"):
        backend_for("tflite", "onnxruntime")
    assert unavailable("torch") is None
    with pytest.raises(InputError, match="unknown backend"):
        unavailable("tensorrt")
