"""What mixtures are judged on: photos, and the same photos changed, which stand for those not seen."""

from collections.abc import Iterator, Sequence

import torch
from torch.nn import functional as F

MOST_CASES = 24
"""Photos are changed until there are so many; more photos than that are judged on as they are."""


def judged_on(photos: Sequence[tuple[str, torch.Tensor]]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield photos, then each mirrored, then the middle of each.

    Six photos say little of what a mixture costs the next one: a hidden layer is a few hundred pixels, and a
    search among many mixtures finds one that happens to spare just those. Mirrored, a photo is another one to
    the networks.

    Args:
        photos: name and tensor (1, 3, H, W) of each.
    """
    yield from photos
    changed = [(f"{name} mirrored", photo.flip(-1)) for name, photo in photos]
    changed += [(f"{name} middle", _middle(photo)) for name, photo in photos]
    yield from changed[: max(MOST_CASES - len(photos), 0)]


def _middle(photo: torch.Tensor) -> torch.Tensor:
    """Return the middle two thirds of a photo's sides at its own size."""
    height, width = photo.shape[-2:]
    top, left = height // 6, width // 6
    part = photo[..., top : height - top, left : width - left]
    return F.interpolate(part, size=(height, width), mode="bilinear", align_corners=False)
