"""The scales and zero points that a file holds, and how they differ from the recipe's."""

from dataclasses import dataclass

import numpy as np

from ...reference.quantized.recipe import Recipe
from .slots import Slot


@dataclass(frozen=True)
class FoundScale:
    """How a file rounds one tensor or one layer's weights.

    Attributes:
        slot: what it is.
        scales: float32; one, or one per output channel.
        zero_points: as many, or one for all.
    """

    slot: Slot
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]


@dataclass(frozen=True)
class FoundScales:
    """All that was read out of one file; a slot stands several times where a file holds its numbers so."""

    activations: tuple[FoundScale, ...] = ()
    weights: tuple[FoundScale, ...] = ()


@dataclass(frozen=True)
class OperationPrecision:
    """In which precision one operation is truly computed.

    Attributes:
        kind: as the format calls it.
        precision: "int8", "fp16", "fp32"; "hybrid" where floats meet int8 weights in one operation; "unknown"
            where the runtime has merged it with others.
        slot: the recipe's own operation that it is; None for one that was never to be int8.
    """

    kind: str
    precision: str
    slot: Slot | None = None


@dataclass(frozen=True)
class ScaleDifference:
    """One number of a file that is not the recipe's.

    Attributes:
        slot: what it is of.
        text: one line: the slot, what the file has, what the recipe has.
    """

    slot: Slot
    text: str

    def __str__(self) -> str:
        return self.text


def check_scales(found: FoundScales, recipe: Recipe) -> list[ScaleDifference]:
    """Return every scale and zero point of a file that is not the recipe's, exact as float32.

    Args:
        found: by one of the readers of this package.
        recipe: that the file was exported from.
    """
    differences = []
    for entry in found.activations:
        given = recipe.network(entry.slot.network).activations[entry.slot.name]
        differences += _compare(entry, (given.scale,), (given.zero_point,))
    for entry in found.weights:
        scales = recipe.network(entry.slot.network).weights[entry.slot.name]
        differences += _compare(entry, scales, (0,))
    return differences


def _compare(
    entry: FoundScale, scales: tuple[float, ...], zero_points: tuple[int, ...]
) -> list[ScaleDifference]:
    what = "tensor" if entry.slot.kind == "activation" else "layer"
    differences = []

    def say(text: str) -> None:
        differences.append(ScaleDifference(entry.slot, f"{what} {entry.slot}: {text}"))

    own = np.asarray(entry.scales, np.float32)
    wanted = np.asarray(scales, np.float32)
    if own.shape != wanted.shape:
        say(f"the file has {own.size} scales, the recipe {wanted.size}")
    elif not np.array_equal(own, wanted):
        wrong = np.flatnonzero(own != wanted)
        ratio = own[wrong] / wanted[wrong]
        worst = int(wrong[np.argmax(np.abs(np.log(np.abs(ratio) + 1e-30)))])
        channel = f" of channel {worst} ({len(wrong)} of {own.size} differ)" if own.size > 1 else ""
        say(
            f"scale{channel} is {own[worst]:.9g} in the file, {wanted[worst]:.9g} in the recipe "
            f"({own[worst] / wanted[worst]:.4g}×)"
        )
    points = np.asarray(entry.zero_points)
    if not np.all(points == np.asarray(zero_points)):
        first = int(points[np.flatnonzero(points != zero_points[0])[0]])
        say(f"zero point is {first} in the file, {zero_points[0]} in the recipe")
    return differences
