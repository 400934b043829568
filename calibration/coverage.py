"""How much of what a network computes on photos outside calibration falls outside the calibrated ranges."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ..reference.errors import InputError

WORST = 10
"""Tensors, and photos of each, that are told of in JSON."""

Run = Callable[[torch.Tensor], Iterable[tuple[str, torch.Tensor]]]
"""Runs the float graph on a photo (1, 3, H, W) and yields each tensor's name and values."""


@dataclass(frozen=True)
class PhotoOutside:
    """What one photo has outside the range of one tensor.

    Attributes:
        photo: its name.
        below, above: shares of the tensor's values on it that int8 clips, 0 to 1.
        lowest, highest: of its values.
    """

    photo: str
    below: float
    above: float
    lowest: float
    highest: float

    @property
    def outside(self) -> float:
        """Share of the values on either side."""
        return self.below + self.above


@dataclass(frozen=True)
class TensorCoverage:
    """What falls outside the range of one tensor.

    Attributes:
        tensor: its name.
        low, high: its range.
        outside: share of its values over all photos together, 0 to 1.
        photos: those with values outside, the worst first.
    """

    tensor: str
    low: float
    high: float
    outside: float
    photos: tuple[PhotoOutside, ...]


@dataclass(frozen=True)
class Coverage:
    """Of a whole network.

    Attributes:
        photos: how many were run.
        tensors: all of them, worst first: by the worst photo, then by all together.
    """

    photos: int
    tensors: tuple[TensorCoverage, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values: the `WORST` tensors that miss anything, each with its worst photos."""
        missing = [tensor for tensor in self.tensors if tensor.photos]
        return {
            "photos": self.photos,
            "tensors": len(self.tensors),
            "tensors_outside": len(missing),
            "worst": [
                {**asdict(tensor), "photos": [asdict(photo) for photo in tensor.photos[:WORST]]}
                for tensor in missing[:WORST]
            ],
        }


def measure_coverage(
    ranges: Mapping[str, tuple[float, float]], samples: Iterable[tuple[str, torch.Tensor]], run: Run
) -> Coverage:
    """Return how much falls outside each range.

    Args:
        ranges: low and high by tensor, as int8 represents them (or as observed); tensors that `run` yields
            beside these are passed over.
        samples: name and photo of each, none of which calibrated.
        run: a tensor that it yields more than once on a photo counts as one.

    Raises:
        InputError: there is no photo, a value is not finite, or a range's tensor never came.
    """
    names: list[str] = []
    # By tensor, then by photo (its place, for photos of different folders may share a name): values, below,
    # above, lowest, highest.
    seen: dict[str, dict[int, list[float]]] = {tensor: {} for tensor in ranges}
    for place, (name, photo) in enumerate(samples):
        names.append(name)
        for tensor, values in run(photo):
            if tensor in ranges:
                counts = seen[tensor].setdefault(place, [0, 0, 0, math.inf, -math.inf])
                _count(counts, values, ranges[tensor])
                if not all(map(math.isfinite, counts)):
                    raise InputError(
                        f"tensor {tensor} is not finite on {name}: the float network itself fails"
                    )
    if not names:
        raise InputError("no photo to measure coverage on: give at least one that did not calibrate")
    lacking = [tensor for tensor, found in seen.items() if not found]
    if lacking:
        raise InputError(f"the network never computed {lacking[0]}: the ranges are those of another network")
    covered = [_tensor(tensor, ranges[tensor], found, names) for tensor, found in seen.items()]
    covered.sort(key=lambda c: (-c.photos[0].outside if c.photos else 0.0, -c.outside, c.tensor))
    return Coverage(len(names), tuple(covered))


def _count(counts: list[float], values: torch.Tensor, ends: tuple[float, float]) -> None:
    """Add a tensor's values to the counts of one photo."""
    lowest, highest = (float(end) for end in torch.aminmax(values))
    counts[0] += values.numel()
    counts[1] += int((values < ends[0]).sum())
    counts[2] += int((values > ends[1]).sum())
    # NaN must not lose against a number.
    counts[3] = lowest if math.isnan(lowest) else min(counts[3], lowest)
    counts[4] = highest if math.isnan(highest) else max(counts[4], highest)


def _tensor(
    tensor: str, ends: tuple[float, float], found: Mapping[int, list[float]], names: Sequence[str]
) -> TensorCoverage:
    """Return one tensor's coverage from its counts by photo."""
    photos = [
        PhotoOutside(names[place], below / count, above / count, lowest, highest)
        for place, (count, below, above, lowest, highest) in found.items()
        if below or above
    ]
    photos.sort(key=lambda photo: (-photo.outside, photo.photo))
    total = sum(counts[0] for counts in found.values())
    outside = sum(counts[1] + counts[2] for counts in found.values()) / total
    return TensorCoverage(tensor, *ends, outside, tuple(photos))
