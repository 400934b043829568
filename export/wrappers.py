"""Pixels as each platform hands them over, inside the graph; and how the manifest declares them."""

import torch
from torch import nn

from ..reference.sizes import ProgramSize
from ..runtime.manifest import TensorSpec
from .stages import Plane, StageProgram

PIXEL_MAX = 255.0


def is_photo(plane: Plane) -> bool:
    """Say whether a stage's input is what comes from a camera (and not from another stage)."""
    return plane.name == "photo"


class Positional(nn.Module):
    """A stage with plain tensors in and a tuple of tensors out, channels first: ONNX."""

    def __init__(self, stage: StageProgram) -> None:
        super().__init__()
        self.stage = stage.module

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(1, C, H, W) each → (1, C, H, W) or (1, L, C, H, W) each."""
        result = self.stage(*tensors)
        return (result,) if isinstance(result, torch.Tensor) else tuple(result)


class ImageInput(Positional):
    """As `Positional`, the photo given as a picture with values 0 to 255: Core ML."""

    def __init__(self, stage: StageProgram) -> None:
        super().__init__(stage)
        self.photos = [is_photo(plane) for plane in stage.inputs]

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Photo (1, 3, H, W) in [0, 255], other planes as they are."""
        pairs = zip(tensors, self.photos, strict=True)
        return super().forward(*(tensor / PIXEL_MAX if photo else tensor for tensor, photo in pairs))


class ChannelsLast(nn.Module):
    """A stage with named tensors in and out, channels last: TFLite."""

    def __init__(self, stage: StageProgram) -> None:
        super().__init__()
        self.stage = Positional(stage)
        self.inputs = [plane.name for plane in stage.inputs]
        self.outputs = [plane.name for plane in stage.outputs]

    def forward(self, **tensors: torch.Tensor) -> dict[str, torch.Tensor]:
        """(1, H, W, C) each → (1, H, W, C) or (1, L, H, W, C) each."""
        planes = self.stage(*(tensors[name].permute(0, 3, 1, 2) for name in self.inputs))
        return {
            name: plane.movedim(-3, -1).contiguous() for name, plane in zip(self.outputs, planes, strict=True)
        }


def channels_first_spec(plane: Plane, size: ProgramSize) -> TensorSpec:
    """Declare a float plane in the program's own layout."""
    layout = "NCHW" if plane.layers is None else "NLCHW"
    return TensorSpec(plane.name, plane.shape(size), "float32", layout)


def channels_last_spec(plane: Plane, size: ProgramSize) -> TensorSpec:
    """Declare a float plane with its channels last."""
    frame = (size.height, size.width, plane.channels)
    if plane.layers is None:
        return TensorSpec(plane.name, (1, *frame), "float32", "NHWC")
    return TensorSpec(plane.name, (1, plane.layers, *frame), "float32", "NLHWC")


def image_spec(plane: Plane, size: ProgramSize) -> TensorSpec:
    """Declare a photo that the platform hands over as a picture."""
    shape = (1, size.height, size.width, plane.channels)
    return TensorSpec(plane.name, shape, "uint8", "NHWC", kind="image", range=(0.0, PIXEL_MAX))
