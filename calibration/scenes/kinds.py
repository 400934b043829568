"""The kinds of scene: what a photo shows, from a street to a flower."""

from collections.abc import Callable

import numpy as np

from . import shapes, thin
from .backdrops import hills, outdoors, room, slanted_wall
from .light import random_light
from .material import palette_color
from .stage import PEOPLE, PLANTS, STREET_FURNITURE, THINGS, TREES, Stage
from .view import View

Rng = np.random.Generator
Size = tuple[int, int]


def _view(rng: Rng, size: Size, focal: tuple[float, float], pitch: tuple[float, float]) -> View:
    roll = rng.normal(0, 0.03) if rng.random() < 0.6 else 0.0
    return View(*size, float(rng.uniform(*focal)), float(rng.uniform(*pitch)), float(roll))


def _air(rng: Rng) -> np.ndarray:
    return np.clip(rng.uniform(0.6, 0.95) + rng.normal(0, 0.05, 3), 0, 1).astype(np.float32)


def _outside(rng: Rng, size: Size, high: float, pitch: tuple[float, float], unit: float = 2.0) -> Stage:
    view = _view(rng, size, (0.6, 1.5), pitch)
    fog = float(rng.choice([0, 0, 0.002, 0.006, 0.015, 0.03])) / max(unit / 2, 1)
    light = random_light(rng, _air(rng), fog)
    stage = Stage(rng, view, light, outdoors(rng, view, light, high, unit))
    # Looking down there is no skyline.
    ridges = int(rng.integers(0, 4)) if view.pitch < 0.35 else 0
    for depth in sorted(rng.uniform(30, 250, ridges)):
        stage.put(hills(rng, view, light, float(depth), float(rng.uniform(0.02, 0.2))))
    return stage


def _pick(rng: Rng, makers: tuple) -> Callable[[Rng], shapes.Shape]:
    return makers[int(rng.integers(len(makers)))]  # type: ignore[no-any-return]


def _cut_by_frame(stage: Stage, chance: float = 0.5) -> None:
    """Now and then something large and near reaches in from an edge of the picture."""
    rng, view = stage.rng, stage.view
    if rng.random() > chance:
        return
    z = rng.uniform(0.8, 2.2) * max(0.4 * stage.height, 0.1)
    half = 0.5 * view.width / view.focal_px * z
    side = float(rng.choice([-1, 1]))
    tall = rng.uniform(0.5, 1.6) * half * 2
    style = rng.random()
    # Its foot is below the frame.
    below = view.pitch + np.arctan(0.5 * view.height / view.focal_px)
    drop = stage.height - float(z * np.tan(min(below, 1.4)) * rng.uniform(1.05, 1.5))
    if style < 0.3:
        stage.card(_pick(rng, (thin.branches, thin.blades, shapes.tree)), side * half * 0.9, z, tall, drop, 0)
    elif style < 0.55:
        stage.card(_pick(rng, (shapes.blob, shapes.person, shapes.bush)), side * half, z, tall, drop, 0.5)
    elif style < 0.8:
        stage.box(side * half * 1.25, z * 1.3, (half, stage.height * rng.uniform(0.6, 2.5), half), "thing")
    else:
        stage.can(
            side * half * rng.uniform(0.6, 1), z, rng.uniform(0.04, 0.25) * half, stage.height * 3, "thing"
        )


def street(rng: Rng, size: Size) -> Stage:
    """Houses on both sides, people, poles, trees, boxes like cars."""
    stage = _outside(rng, size, float(rng.uniform(1.2, 3.0)), (-0.12, 0.2))
    for side in (-1, 1):
        if rng.random() < 0.8:
            edge, z = rng.uniform(3, 9), rng.uniform(1, 12)
            for _ in range(int(rng.integers(1, 5))):
                deep, wide = rng.uniform(5, 14), rng.uniform(4, 9)
                tall = rng.uniform(3, 16)
                yaw = rng.normal(0, 0.05)
                stage.box(side * (edge + wide / 2), z + deep / 2, (wide, tall, deep), "building", float(yaw))
                z += deep + rng.choice([0, 0, rng.uniform(1, 6)])
    for _ in range(int(rng.integers(0, 6))):
        x, z = stage.spot(2.5, 25, 0.8)
        stage.card(shapes.person, x, z, float(rng.normal(1.7, 0.12)), bulge=0.5)
    for _ in range(int(rng.integers(0, 4))):
        x, z = stage.spot(3, 25)
        car = (rng.uniform(1.6, 2), rng.uniform(0.7, 0.9), rng.uniform(3.5, 4.5))
        yaw = float(rng.choice([0, np.pi / 2]) + rng.normal(0, 0.15))
        stage.box(x, z, car, "cloth", yaw, lift=0.25)
        stage.box(x, z, (car[0] * 0.85, 0.6, car[2] * 0.55), "cloth", yaw, lift=0.25 + car[1])
        stage.backdrop.shadow(stage.view, stage.light, x, z, 1.6, 0.5)
    for _ in range(int(rng.integers(0, 4))):
        x, z = stage.spot(3, 20)
        stage.card(_pick(rng, STREET_FURNITURE + TREES), x, z, float(rng.uniform(1.5, 6)))
    _cut_by_frame(stage, 0.3)
    return stage


def landscape(rng: Rng, size: Size) -> Stage:
    """Open country: trees, bushes, rocks, fences, animals, hills."""
    stage = _outside(rng, size, float(rng.uniform(0.8, 5)), (-0.1, 0.25), 3.0)
    for _ in range(int(rng.integers(1, 9))):
        x, z = stage.spot(4, 60)
        stage.card(_pick(rng, TREES), x, z, float(rng.uniform(2, 9)))
    for _ in range(int(rng.integers(0, 7))):
        x, z = stage.spot(1.5, 20)
        stage.card(_pick(rng, PLANTS), x, z, float(rng.uniform(0.3, 1.5)))
    for _ in range(int(rng.integers(0, 4))):
        x, z = stage.spot(2, 20)
        stage.ball(x, z, rng.uniform(0.15, 1.0, 3), "nature", -0.1)
    if rng.random() < 0.3:
        x, z = stage.spot(3, 12)
        stage.card(_pick(rng, (thin.fence, thin.net)), x, z, float(rng.uniform(0.8, 1.6)))
    for _ in range(int(rng.choice([0, 0, 1, 3]))):
        x, z = stage.spot(2.5, 15, 0.7)
        stage.card(_pick(rng, (shapes.animal, shapes.person)), x, z, float(rng.uniform(0.8, 1.8)), bulge=0.6)
    _cut_by_frame(stage, 0.4)
    return stage


def _room_stage(rng: Rng, size: Size, high: float, length: float, pitch: tuple[float, float]) -> Stage:
    view = _view(rng, size, (0.6, 1.2), pitch)
    light = random_light(rng, _air(rng), 0.0)
    return Stage(rng, view, light, room(rng, view, light, high, length))


def indoor(rng: Rng, size: Size) -> Stage:
    """A room with furniture, and people at times."""
    stage = _room_stage(rng, size, float(rng.uniform(1.0, 1.7)), float(rng.uniform(3, 8)), (-0.1, 0.4))
    for _ in range(int(rng.integers(1, 4))):
        x, z = stage.spot(1.6, 5)
        wide, tall = rng.uniform(0.6, 1.8), rng.uniform(0.4, 0.9)
        if rng.random() < 0.5:
            yaw = float(rng.normal(0, 0.5))
            stage.table(x, z, (wide, tall, wide * 0.6), yaw)
            for _ in range(int(rng.integers(0, 4))):
                a, b = x + rng.normal(0, wide * 0.2), z + rng.normal(0, wide * 0.1)
                _small_thing(stage, float(a), float(b), float(rng.uniform(0.08, 0.3)), tall)
        else:
            stage.box(x, z, (wide, tall * rng.uniform(0.6, 2.4), wide * rng.uniform(0.3, 0.8)), "thing")
    for _ in range(int(rng.integers(0, 4))):
        x, z = stage.spot(1.3, 5)
        stage.card(
            _pick(rng, (thin.chair, thin.lamp, shapes.bush, thin.chair)), x, z, float(rng.uniform(0.7, 1.4))
        )
    for _ in range(int(rng.choice([0, 0, 1, 2]))):
        x, z = stage.spot(1.5, 4, 0.7)
        stage.card(_pick(rng, PEOPLE), x, z, float(rng.normal(1.7, 0.1)), bulge=0.5)
    _cut_by_frame(stage, 0.35)
    return stage


def _small_thing(stage: Stage, x: float, z: float, s: float, lift: float = 0.0) -> None:
    """Something for a table, about `s` metres large."""
    rng = stage.rng
    style = rng.random()
    if style < 0.25:
        stage.box(
            x, z, (s * rng.uniform(0.5, 1.5), s * rng.uniform(0.2, 1.5), s * rng.uniform(0.3, 1)), lift=lift
        )
    elif style < 0.5:
        stage.ball(x, z, s * 0.5 * rng.uniform(0.6, 1.2, 3), lift=lift)
    elif style < 0.75:
        stage.can(x, z, s * float(rng.uniform(0.15, 0.5)), s * float(rng.uniform(0.4, 1.6)), lift=lift)
        if rng.random() < 0.3:
            stage.ball(x, z, s * np.array([0.3, 0.3, 0.3]), lift=lift + s * 0.9)
    else:
        stage.card(_pick(rng, THINGS), x, z, s * float(rng.uniform(0.7, 1.8)), lift, 0.5)


def still_life(rng: Rng, size: Size) -> Stage:
    """Things on a table or on the floor, seen from above and near, a wall or a room behind."""
    stage = _room_stage(rng, size, float(rng.uniform(0.25, 0.6)), float(rng.uniform(1.0, 3.5)), (0.1, 0.7))
    for _ in range(int(rng.integers(2, 10))):
        x, z = stage.spot(0.45, 1.4, 0.8)
        _small_thing(stage, x, z, float(rng.uniform(0.06, 0.32)))
    _cut_by_frame(stage, 0.25)
    return stage


def portrait(rng: Rng, size: Size) -> Stage:
    """Someone or something large in the middle, the background far behind."""
    if rng.random() < 0.5:
        stage = _outside(rng, size, float(rng.uniform(1.4, 1.7)), (-0.05, 0.1))
        for _ in range(int(rng.integers(0, 5))):
            x, z = stage.spot(4, 30)
            stage.card(_pick(rng, TREES + PEOPLE + PLANTS), x, z, float(rng.uniform(1.2, 5)))
    else:
        stage = _room_stage(
            rng, size, float(rng.uniform(1.3, 1.7)), float(rng.uniform(2.5, 7)), (-0.05, 0.15)
        )
        for _ in range(int(rng.integers(0, 4))):
            x, z = stage.spot(2, 5)
            stage.box(x, z, (rng.uniform(0.4, 1.5), rng.uniform(0.5, 2.2), rng.uniform(0.3, 0.8)), "wall")
    view = stage.view
    for index in range(1 if rng.random() < 0.75 else 2):
        z = float(rng.uniform(0.7, 1.8))
        tall = z * view.height / view.focal_px
        size_m = float(tall * rng.uniform(0.55, 0.95))
        x = (
            float(rng.normal(0, 0.12) + (0, 0.45)[index] * rng.choice([-1, 1]))
            * z
            * view.width
            / view.focal_px
        )
        axis = np.tan(view.pitch) * z  # how far below the eye the middle of the picture lies at this depth
        lift = stage.height - axis - tall * rng.uniform(0.3, 0.5)
        style = rng.random()
        if style < 0.25:  # on its feet, whole
            make, lift, size_m = shapes.animal, 0.0, float(stage.height * rng.uniform(0.4, 0.9))
            if style < 0.1:
                make, size_m = shapes.person, float(rng.normal(1.7, 0.1))
            z = max(size_m / tall * z * float(rng.uniform(1.1, 1.8)), stage.height * 0.8)
        else:
            make = shapes.bust if style < 0.9 else shapes.blob
        stage.card(make, x, z, size_m, float(lift), 0.35)
    return stage


def macro(rng: Rng, size: Size) -> Stage:
    """A flower, leaves or fruit very near; what is behind is vague."""
    stage = _outside(rng, size, float(rng.uniform(0.08, 0.3)), (0.0, 0.8), 0.3)
    for _ in range(int(rng.integers(2, 9))):
        x, z = stage.spot(0.18, 1.2, 0.9)
        tall = float(rng.uniform(0.4, 1.4) * stage.height)
        if rng.random() < 0.25:
            stage.ball(x, z, tall * rng.uniform(0.2, 0.5, 3), "thing")
        else:
            stage.card(
                _pick(rng, (shapes.flower, shapes.flower, thin.blades, shapes.blob, shapes.bush)), x, z, tall
            )
    _cut_by_frame(stage, 0.4)
    return stage


def aerial(rng: Rng, size: Size) -> Stage:
    """Looking down: roofs and crowns of trees on a plane, or things laid out on a floor."""
    high = float(rng.uniform(10, 60))
    stage = _outside(rng, size, high, (0.6, 1.5), high * 0.2)
    view = stage.view
    reach = high / np.tan(max(view.pitch, 0.3))
    half = 0.5 * high * max(view.height, view.width) / view.focal_px
    for _ in range(int(rng.integers(4, 22))):
        x, z = rng.uniform(-1.6, 1.6) * half, reach * rng.uniform(0.7, 1.3) + rng.uniform(-1.3, 1.6) * half
        s = high * rng.uniform(0.05, 0.25)
        if rng.random() < 0.6:
            sizes = (float(s), float(s * rng.uniform(0.2, 1.5)), float(s * rng.uniform(0.6, 1.5)))
            stage.box(float(x), float(z), sizes, str(rng.choice(["building", "thing"])))
        else:
            stage.ball(float(x), float(z), s * rng.uniform(0.2, 0.5, 3), "leaves")
    return stage


def wall(rng: Rng, size: Size) -> Stage:
    """A plain wall or page, with little or nothing before it."""
    view = _view(rng, size, (0.7, 1.4), (0, 0))
    light = random_light(rng, _air(rng), 0.0)
    stage = Stage(rng, view, light, slanted_wall(rng, view, light, float(rng.choice([0.0, 0.15, 0.6]))))
    for _ in range(int(rng.choice([0, 0, 1, 3]))):
        x, z = stage.spot(0.5, 0.95, 0.8)
        stage.card(_pick(rng, (shapes.blob, thin.branches, thin.net, thin.lamp)), x, z, 0.4, 1.0, 0.3)
    return stage


def collage(rng: Rng, size: Size) -> Stage:
    """Anything anywhere: shapes hanging at random depths, so that no rule of place always holds."""
    stage = (
        _outside(rng, size, 1.6, (-0.2, 0.5))
        if rng.random() < 0.5
        else _room_stage(rng, size, 1.5, 5.0, (-0.2, 0.5))
    )
    makers = (*TREES, *PLANTS, *STREET_FURNITURE, *THINGS, *PEOPLE, shapes.animal, shapes.bust)
    for _ in range(int(rng.integers(4, 13))):
        x, z = stage.spot(0.9, 8)
        frame = stage.view.height / stage.view.focal_px * z
        lift = stage.height + rng.uniform(-0.7, 0.4) * frame - np.tan(stage.view.pitch) * z
        if rng.random() < 0.25:
            sizes = rng.uniform(0.1, 0.5, 3) * frame
            stage.box(x, z, (float(sizes[0]), float(sizes[1]), float(sizes[2])), lift=float(lift))
        else:
            stage.card(_pick(rng, makers), x, z, float(rng.uniform(0.15, 0.8) * frame), float(lift))
    stage.light = random_light(rng, palette_color(rng), 0.0)
    return stage


KINDS: dict[str, tuple[Callable[[Rng, Size], Stage], float]] = {
    "street": (street, 0.16),
    "landscape": (landscape, 0.17),
    "indoor": (indoor, 0.18),
    "still_life": (still_life, 0.14),
    "portrait": (portrait, 0.13),
    "macro": (macro, 0.07),
    "aerial": (aerial, 0.04),
    "wall": (wall, 0.02),
    "collage": (collage, 0.09),
}
"""Every kind of scene by name, with the share of scenes that are of it."""
