"""A small true bundle with int8 and w8 files in ONNX, from networks of a few layers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from ldikit.calibration.calibrate import calibrate
from ldikit.calibration.samples import CalibrationSamples
from ldikit.reference.config import PipelineConfig
from ldikit.reference.depth.protocol import depth_networks
from ldikit.reference.inpaint.protocol import inpaint_networks
from ldikit.reference.layering.soft import Gap
from ldikit.reference.pipeline import build_program
from ldikit.reference.program import PhotoToLDI
from ldikit.reference.quantized.program import quantized_program
from ldikit.reference.quantized.recipe import Recipe
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.manifest import GoldenFile, Manifest, ModelFile, TensorSpec, digest
from ldikit.runtime.parity.weights import loaded_weights
from PIL import Image
from torch import nn
from torch.nn import functional as F

HEIGHT, WIDTH = 64, 96
SIZE = f"{HEIGHT}x{WIDTH}"
NAMES = ("color", "disparity", "occupancy")
CONFIG = PipelineConfig(depth="test_small_depth", inpaint="test_small_inpaint", layers=2)


class Body(nn.Module):
    """Two scales: a layer, a coarser one, upsampling, a sum, and a last layer that stays float."""

    def __init__(self, outputs: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.middle = 0.5 - 0.1 * seed  # else the exporter merges what both networks do first
        self.enter = nn.Sequential(nn.Conv2d(3, 6, 3, 1, 1), nn.ReLU6())
        self.coarse = nn.Conv2d(6, 6, 3, 2, 1)
        self.head = nn.Conv2d(6, outputs, 1)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        fine = self.enter((photo - self.middle) * 2.0)
        coarse = F.interpolate(self.coarse(fine), scale_factor=2.0, mode="bilinear")
        return torch.tanh(self.head(fine + coarse))


class SmallDepth(nn.Module):
    """Mostly the red channel, so that there are steps; the layers add to it."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        self.body = Body(1, 0)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        return (photo[:, :1] * 0.8 + 0.1 * self.body(photo) + 0.1).clamp(0.0, 1.0)


class SmallInpaint(nn.Module):
    """Paints what its layers make of the colour, at the far side's disparity."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Body(3, 1)

    def forward(self, color: torch.Tensor, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
        return 0.5 + 0.4 * self.body(color), gap.source


if "test_small_depth" not in depth_networks:
    depth_networks.register("test_small_depth")(lambda height, width: SmallDepth().eval())
    inpaint_networks.register("test_small_inpaint")(lambda height, width: SmallInpaint().eval())


class Plain(nn.Module):
    """The program with a plain tuple of outputs, which exporters want."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, photo: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.program(photo))


def make_photo(seed: int) -> np.ndarray:
    """Red cards before a blue-green slope: two clear steps of depth and some texture; (64, 96, 3)."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    photo = np.stack([40 + 20 * rows / HEIGHT, 90 + 60 * columns / WIDTH, 120 - 40 * rows / HEIGHT], -1)
    photo[16:32, 24:48] = (200, 60, 50)
    photo[32:56, 48:84] = (150, 180, 90)
    return np.clip(photo + np.random.default_rng(seed).uniform(-9, 9, photo.shape), 0, 255).astype(np.uint8)


def flat_photo() -> np.ndarray:
    """A photo that hides nothing."""
    return np.full((HEIGHT, WIDTH, 3), (90, 100, 110), np.uint8)


def export(program: PhotoToLDI) -> onnx.ModelProto:
    exported = torch.onnx.export(
        Plain(program),
        (torch.rand(1, 3, HEIGHT, WIDTH),),
        dynamo=True,
        opset_version=18,
        input_names=["photo"],
        output_names=list(NAMES),
        verbose=False,
    )
    model: onnx.ModelProto = exported.model_proto
    return model


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """The recipe, calibrated on the photo of seed 1, and the files of it, exported once."""
    program = build_program(CONFIG, HEIGHT, WIDTH)
    samples = CalibrationSamples(
        "given", [("one.png", lambda: make_photo(1))], lambda height, width: ProgramSize(HEIGHT, WIDTH)
    )
    recipe = calibrate(CONFIG, samples)
    models = {
        "int8": export(quantized_program(program, recipe, HEIGHT, WIDTH)),
        "w8": export(quantized_program(program, recipe.weights_only(), HEIGHT, WIDTH)),
    }
    return SimpleNamespace(recipe=recipe, models=models)


def write_bundle(folder: Path, models: dict[str, onnx.ModelProto], recipe: Recipe | None) -> Path:
    """Write a bundle of ONNX files {precision: model} with their recipe."""
    (folder / "onnx").mkdir(parents=True)
    (folder / "golden").mkdir()
    frame = (HEIGHT, WIDTH)
    outputs = tuple(
        TensorSpec(name, (1, CONFIG.layers, channels, *frame), "float32", "NLCHW")
        for name, channels in zip(NAMES, (3, 1, 1), strict=True)
    )
    inputs = (TensorSpec("photo", (1, 3, *frame), "float32", "NCHW"),)
    files = []
    for precision, model in models.items():
        path = folder / "onnx" / f"p.{precision}.onnx"
        path.write_bytes(model.SerializeToString())
        place = f"onnx/{path.name}"
        files.append(ModelFile(place, "program", SIZE, "onnx", precision, *digest(path), inputs, outputs))
    photo = folder / "golden" / "photo.png"
    Image.fromarray(make_photo(0)).save(photo)
    if recipe is not None:
        recipe.write(folder / "recipe.json")
    manifest = Manifest(
        pipeline=CONFIG,
        weights=loaded_weights(build_program(CONFIG, HEIGHT, WIDTH)),
        files=tuple(files),
        golden=(GoldenFile("golden/photo.png", *digest(photo)),),
        sizes=(SIZE,),
        preprocessing={},
        recipe_hash=None if recipe is None else recipe.hash,
    )
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return folder


@pytest.fixture
def bundle_of(tmp_path: Path, made: SimpleNamespace) -> Callable[..., Path]:
    """Write a bundle from {precision: model}; the recipe is the one that they were made by."""

    def write(models: dict[str, onnx.ModelProto], recipe: Recipe | None = made.recipe) -> Path:
        return write_bundle(tmp_path / "bundle", models, recipe)

    return write


@pytest.fixture
def photo_files(tmp_path: Path) -> Callable[..., list[Path]]:
    """Write photos {name: pixels} and return their paths."""

    def write(photos: dict[str, np.ndarray]) -> list[Path]:
        for name, pixels in photos.items():
            Image.fromarray(pixels).save(tmp_path / name)
        return [tmp_path / name for name in photos]

    return write


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """The helpers of this file: conftest modules cannot be imported by tests."""
    return SimpleNamespace(
        config=CONFIG,
        height=HEIGHT,
        width=WIDTH,
        make_photo=make_photo,
        flat_photo=flat_photo,
        replace=replace,
    )
