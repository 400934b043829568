"""What goes in and out of a model: images and arrays, as the platform hands them over."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...reference.errors import InputError
from .types import BY_NAME, DType

_ARRAY_TYPES = {65568: "fp32", 65600: "fp64", 131104: "int32", 131080: "int8", 65552: "fp16"}
_COLORS = {10: "grey", 20: "rgb", 30: "bgr", 40: "grey fp16"}


@dataclass(frozen=True)
class Feature:
    """One input or output of a model.

    Attributes:
        name: its name.
        kind: "image" or "tensor"; of a classifier's outputs "label" or "dictionary".
        shape: of the array that `predict` takes or gives: H×W×3 of an RGB or BGR image (channels in RGB
            order), H×W of a grey one, the tensor's own otherwise. Empty where the model leaves it open.
        dtype: numpy's name of the element type: "uint8" of an image.
        color: "rgb", "bgr", "grey" or "grey fp16" of an image, None of a tensor.
        shapes: further shapes that are admitted, where the model lists them.
        ranges: least and greatest size of each axis (None: no limit), where the model gives ranges.
        optional: whether it may be left out.
        default: its value where it is left out.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    color: str | None = None
    shapes: tuple[tuple[int, ...], ...] = ()
    ranges: tuple[tuple[int, int | None], ...] = ()
    optional: bool = False
    default: float | None = None

    def admits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of `shape` may be given."""
        if self.ranges:
            return len(shape) == len(self.ranges) and all(
                low <= size and (high is None or size <= high)
                for size, (low, high) in zip(shape, self.ranges, strict=True)
            )
        return shape == self.shape or shape in self.shapes or not self.shape

    def _admitted(self) -> str:
        if self.ranges:
            return " × ".join(f"{low}..{'' if high is None else high}" for low, high in self.ranges)
        return " or ".join(str(list(shape)) for shape in dict.fromkeys((self.shape, *self.shapes)))

    def to_program(self, array: Any, dtype: DType) -> np.ndarray:
        """Turn what a user gives into what the program's input takes.

        An image (H×W×3 uint8, RGB) becomes 1×3×H×W of values 0..255 in the model's channel order; a tensor
        keeps its shape.

        Args:
            array: what was given; an image may be a PIL image of mode RGB, L or F.
            dtype: the element type that the program declares.

        Raises:
            InputError: the type or shape is not the model's.
        """
        if self.kind == "image":
            array = self._pixels(array)
        if not isinstance(array, np.ndarray):
            raise InputError(f"input {self.name!r} wants a numpy array, got {type(array).__name__}")
        if self.kind == "image":
            wanted = np.float16 if self.color == "grey fp16" else np.uint8
            if array.dtype != wanted:
                raise InputError(
                    f"input {self.name!r} is an image of {np.dtype(wanted)} (0..255), got {array.dtype}"
                )
        else:
            kinds = "f" if np.dtype(self.dtype).kind == "f" else "iu"
            if array.dtype.kind not in kinds:
                raise InputError(f"input {self.name!r} wants {self.dtype}, got {array.dtype}")
        if not self.admits(array.shape):
            raise InputError(f"input {self.name!r} wants shape {self._admitted()}, got {list(array.shape)}")
        if self.kind == "tensor":
            if array.dtype.kind in "iu" and array.size:
                low, high = np.iinfo(self.dtype).min, np.iinfo(self.dtype).max
                if array.min() < low or array.max() > high:
                    raise InputError(f"input {self.name!r} has values that {self.dtype} cannot hold")
            return array.astype(self.dtype).astype(dtype.numpy)
        planes = array[None, None] if array.ndim == 2 else np.moveaxis(array, -1, 0)[None]
        if self.color == "bgr":
            planes = planes[:, ::-1]
        return np.ascontiguousarray(planes.astype(dtype.numpy))

    def _pixels(self, picture: Any) -> Any:
        """The pixels of a PIL image, whose mode has to fit; anything else as it is."""
        mode = getattr(picture, "mode", None)
        if mode is None or isinstance(picture, np.ndarray):
            return picture
        wanted = {"grey": "L", "grey fp16": "F"}.get(self.color or "", "RGB")
        if mode != wanted:
            raise InputError(f"input {self.name!r} wants a PIL image of mode {wanted}, got {mode}")
        pixels = np.asarray(picture)
        return pixels.astype(np.float16) if wanted == "F" else pixels

    def picture(self, pixels: np.ndarray) -> Any:
        """Turn an image that `predict` gave into a PIL image: mode RGB, L, or F of a grey fp16 one.

        Raises:
            InputError: it is no image.
        """
        from PIL import Image

        if self.kind != "image":
            raise InputError(f"output {self.name!r} is no image")
        return Image.fromarray(pixels.astype(np.float32) if self.color == "grey fp16" else pixels)

    def from_program(self, array: Any) -> Any:
        """Turn what the program gives into what the model's output is: the inverse of `to_program`.

        Images are clamped to 0..255 and rounded to the nearest.
        """
        if not isinstance(array, np.ndarray) or self.kind in ("label", "dictionary"):
            return array
        if self.kind == "tensor":
            return (array.reshape(1) if array.ndim == 0 else array).astype(self.dtype)
        planes = array.reshape(array.shape[-3:])
        if self.color == "bgr":
            planes = planes[::-1]
        if self.color != "grey fp16":
            planes = np.rint(np.clip(planes, 0, 255))
        pixels = planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1)
        return np.ascontiguousarray(pixels.astype(self.dtype))

    def absent(self, dtype: DType) -> np.ndarray:
        """The array that stands for an optional input that was not given.

        Raises:
            InputError: the input is not optional.
        """
        if not self.optional or not self.shape:
            raise InputError(f"input {self.name!r} is missing")
        return np.full(self.shape, self.default or 0, dtype.numpy)


def _ranges(message: Any) -> tuple[tuple[int, int | None], ...]:
    return tuple((r.lowerBound, None if r.upperBound < 0 else r.upperBound) for r in message)


def read_feature(message: Any) -> Feature:
    """Turn a `FeatureDescription` message into a `Feature`.

    Raises:
        InputError: a kind of feature that ML Programs do not have here (dictionary, sequence), or an
            unknown type or colour.
    """
    kind = message.type.WhichOneof("Type")
    if kind == "imageType":
        image = message.type.imageType
        if image.colorSpace not in _COLORS:
            raise InputError(f"image {message.name!r} has the unknown colour space number {image.colorSpace}")
        color = _COLORS[image.colorSpace]
        depth = (3,) if color in ("rgb", "bgr") else ()
        ranges: tuple[tuple[int, int | None], ...] = ()
        if image.WhichOneof("Flexibility") == "imageSizeRange":
            ranges = _ranges([image.imageSizeRange.heightRange, image.imageSizeRange.widthRange])
            ranges += tuple((d, d) for d in depth)
        return Feature(
            message.name,
            "image",
            (image.height, image.width, *depth),
            "float16" if color == "grey fp16" else "uint8",
            color,
            tuple((size.height, size.width, *depth) for size in image.enumeratedSizes.sizes),
            ranges,
            message.type.isOptional,
        )
    if kind in ("stringType", "int64Type"):
        return Feature(message.name, "label", (), "str" if kind == "stringType" else "int64")
    if kind == "dictionaryType":
        return Feature(message.name, "dictionary", (), "float64")
    if kind != "multiArrayType":
        raise InputError(
            f"feature {message.name!r} is of kind {kind or 'none'}: only images and arrays are known"
        )
    array = message.type.multiArrayType
    if array.dataType not in _ARRAY_TYPES:
        raise InputError(f"array {message.name!r} has the unknown element type number {array.dataType}")
    default = array.WhichOneof("Default")
    return Feature(
        message.name,
        "tensor",
        tuple(array.shape),
        str(BY_NAME[_ARRAY_TYPES[array.dataType]].numpy),
        None,
        tuple(tuple(shape.shape) for shape in array.enumeratedShapes.shapes),
        _ranges(array.shapeRange.sizeRanges) if array.WhichOneof("Flexibility") == "shapeRange" else (),
        message.type.isOptional,
        getattr(array, default) if default else None,
    )
