"""Pictures of all kinds of scene, one after another from a seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .country import country
from .heaps import heap, still
from .library import Library
from .mesh import Array
from .photo import develop
from .renderer import Renderer
from .road import road
from .rooms import room, table
from .stage import Rng, Stage
from .street import street
from .subject import with_subject

KINDS: dict[str, tuple[Callable[[Rng, Library], Stage | None], float]] = {
    "room": (room, 0.34),
    "table": (table, 0.26),
    "street": (street, 0.14),
    "country": (country, 0.16),
    "road": (road, 0.10),
    "heap": (heap, 0.12),
    "still": (still, 0.12),
}
"""Each kind: how it is built, and its share of the pictures."""

_SUBJECT = 0.18


@dataclass(frozen=True)
class Picture:
    """A photo H×W×3 uint8 with the inverse depth H×W (1/metre, 0: sky) of every pixel, and its kind."""

    photo: Array
    disparity: Array
    kind: str


def pictures(
    library: Library, seed: int, sizes: list[tuple[int, int]], views: int = 4, kind: str | None = None
) -> Iterator[Picture]:
    """Endless pictures; several views of each scene, of a size drawn for each.

    Args:
        sizes: height and width to draw from, each as likely.
        views: of a scene, each from its own camera.
        kind: one of `KINDS`; drawn by its share if not given.
    """
    renderer = Renderer(library.picture)
    names, shares = list(KINDS), np.array([share for _, share in KINDS.values()])
    number = 0
    while True:
        rng = np.random.default_rng([seed, number])
        number += 1
        drawn = kind or str(rng.choice(names, p=shares / shares.sum()))
        stage = KINDS[drawn][0](rng, library)
        if stage is None:
            continue
        made = 0
        for _ in range(6 * views):
            if made == views:
                break
            shot = stage.aim(rng)
            if shot is None:
                continue
            name = drawn
            if rng.random() < _SUBJECT:
                shot = with_subject(rng, library, shot)
                name = f"{drawn}+subject"
            height, width = sizes[int(rng.integers(len(sizes)))]
            view = renderer.draw(
                [*stage.items, *shot.extra], shot.camera, shot.light, stage.sky, height, width
            )
            if not _worth(view.disparity, view.color):
                continue
            made += 1
            yield Picture(develop(rng, view), view.disparity, name)


def _worth(disparity: Array, color: Array) -> bool:
    """Whether the view shows something: not one surface alone, nothing right at the lens, not black."""
    low, middle, high = np.quantile(disparity[::4, ::4], (0.03, 0.5, 0.97))
    blocked = (disparity > 6.0).mean() > 0.25
    return bool(high > 1.25 * low and high > 0 and not blocked and color.mean() > 0.01 and middle < 5)
