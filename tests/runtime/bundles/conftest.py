"""A small true bundle: the whole program with hand-made networks, as ONNX, and faults planted in it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from ldikit.reference.config import PipelineConfig
from ldikit.reference.depth.protocol import depth_networks
from ldikit.reference.inpaint.protocol import inpaint_networks
from ldikit.reference.layering.soft import Gap
from ldikit.reference.pipeline import build_program
from ldikit.reference.sizes import parse_size
from ldikit.runtime.manifest import GoldenFile, Manifest, ModelFile, TensorSpec, digest
from ldikit.runtime.parity.weights import loaded_weights
from onnx import helper
from PIL import Image
from torch import nn

SIZE = "64x96"
NAMES = ("color", "disparity", "occupancy")
CONFIG = PipelineConfig(depth="test_red", inpaint="test_flat", layers=3)


class RedIsNear(nn.Module):
    """Depth read from the red channel: known by hand, and sharp where the photo is."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.9))

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        return photo[:, :1] * self.scale + 0.05


class FlatPaint(nn.Module):
    """Paints the mean of red, green and blue of the layer in front, at the far side's disparity."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.8))

    def forward(self, color: torch.Tensor, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
        return color.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1) * self.gain, gap.source


if "test_red" not in depth_networks:
    depth_networks.register("test_red")(lambda height, width: RedIsNear().eval())
    inpaint_networks.register("test_flat")(lambda height, width: FlatPaint().eval())


class Plain(nn.Module):
    """The program with a plain tuple of outputs, which exporters want."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, photo: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.program(photo))


def make_photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Red cards before a blue-green slope: two clear steps of depth and some texture."""
    rows, columns = np.mgrid[0:height, 0:width]
    photo = np.stack([40 + 20 * rows / height, 90 + 60 * columns / width, 120 - 40 * rows / height], -1)
    photo[height // 4 : height // 2, width // 4 : width // 2] = (200, 60, 50)
    photo[height // 2 : height * 7 // 8, width // 2 : width * 7 // 8] = (150, 180, 90)
    noise = np.random.default_rng(seed).uniform(-3, 3, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, onnx.ModelProto]:
    """The program in ONNX at two sizes, exported once."""
    models = {}
    for size in (SIZE, "96x64"):
        shape = parse_size(size)
        program = Plain(build_program(CONFIG, shape.height, shape.width)).eval()
        photo = torch.rand(1, 3, shape.height, shape.width)
        exported = torch.onnx.export(
            program,
            (photo,),
            dynamo=True,
            opset_version=18,
            input_names=["photo"],
            output_names=list(NAMES),
            verbose=False,
        )
        models[size] = exported.model_proto
    return models


def edit(
    model: onnx.ModelProto, output: str, operation: str, *constants: np.ndarray, **attributes: Any
) -> Any:
    """Return a copy of a model with one more operation before an output."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for node in changed.graph.node:
        node.output[:] = [f"{output}_before" if name == output else name for name in node.output]
        node.input[:] = [f"{output}_before" if name == output else name for name in node.input]
    inputs = [f"{output}_before"]
    for index, constant in enumerate(constants):
        name = f"{output}_constant{index}"
        changed.graph.initializer.append(onnx.numpy_helper.from_array(constant, name))
        inputs.append(name)
    changed.graph.node.append(helper.make_node(operation, inputs, [output], **attributes))
    return changed


def swap_input(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a model that reads blue as red, as a wrong pixel format would."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for node in changed.graph.node:
        node.input[:] = ["photo_swapped" if name == "photo" else name for name in node.input]
    order = onnx.numpy_helper.from_array(np.array([2, 1, 0]), "channel_order")
    changed.graph.initializer.append(order)
    swap = helper.make_node("Gather", ["photo", "channel_order"], ["photo_swapped"], axis=1)
    changed.graph.node.insert(0, swap)
    return changed


def specs(size: str) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    shape = parse_size(size)
    frame = (shape.height, shape.width)
    channels = zip(NAMES, (3, 1, 1), strict=True)
    return (
        (TensorSpec("photo", (1, 3, *frame), "float32", "NCHW"),),
        tuple(TensorSpec(name, (1, 3, depth, *frame), "float32", "NLCHW") for name, depth in channels),
    )


def write_bundle(folder: Path, models: dict[str, tuple[str, onnx.ModelProto]]) -> Path:
    """Write a bundle of ONNX files.

    Args:
        folder: of the bundle.
        models: {file name: (precision, model)}; the size is read from the model's input.
    """
    (folder / "onnx").mkdir(parents=True)
    (folder / "golden").mkdir()
    files = []
    for name, (precision, model) in models.items():
        path = folder / "onnx" / name
        path.write_bytes(model.SerializeToString())
        _, _, height, width = (d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim)
        size = f"{height}x{width}"
        inputs, outputs = specs(size)
        sha256, total = digest(path)
        files.append(
            ModelFile(f"onnx/{name}", "program", size, "onnx", precision, sha256, total, inputs, outputs)
        )
    photo = folder / "golden" / "photo.png"
    Image.fromarray(make_photo(64, 96)).save(photo)
    manifest = Manifest(
        pipeline=CONFIG,
        weights=loaded_weights(build_program(CONFIG, 64, 96)),
        files=tuple(files),
        golden=(GoldenFile("golden/photo.png", *digest(photo)),),
        sizes=tuple(sorted({file.size for file in files})),
        preprocessing={"range": [0, 1]},
    )
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return folder


@pytest.fixture
def bundle_of(tmp_path: Path) -> Callable[..., Path]:
    """Write a bundle from {file name: (precision, model)}."""
    return lambda models: write_bundle(tmp_path / "bundle", models)


@pytest.fixture
def plain_bundle(exported: dict[str, onnx.ModelProto], bundle_of: Callable[..., Path]) -> Path:
    """A bundle whose two files are what the exporter made."""
    return bundle_of({f"p-{size}.fp32.onnx": ("fp32", model) for size, model in exported.items()})


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """The helpers of this file: conftest modules cannot be imported by tests."""
    return SimpleNamespace(
        config=CONFIG, size=SIZE, make_photo=make_photo, edit=edit, swap_input=swap_input, specs=specs
    )
