"""A scene before it is drawn, and what all kinds share: picking models, tints, stuff and daylight."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from .camera import Camera, placed
from .library import Furniture, Library
from .mesh import Array, Material, Mesh
from .renderer import Color, Item, Light, Sky

Rng = np.random.Generator
T = TypeVar("T")


@dataclass(frozen=True)
class Shot:
    """A camera, the light it meets, and what stands before this camera alone."""

    camera: Camera
    light: Light
    extra: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Stage:
    """Models, light and sky, and a camera drawn from a generator as often as wanted.

    Attributes:
        aim: gives a shot; None if the place drawn is no place for a camera.
    """

    items: list[Item]
    sky: Sky
    aim: Callable[[Rng], Shot | None]


def between(rng: Rng, low: float, high: float) -> float:
    """A uniform draw; the ends may come in either order."""
    return low + (high - low) * float(rng.random())


def choose(rng: Rng, things: Sequence[T]) -> T:
    """One of them, each as likely."""
    return things[int(rng.integers(len(things)))]


def tinted(rng: Rng, spread: float = 0.15) -> Color:
    """A random brightness and cast to multiply a colour with."""
    value = between(rng, 1 - 2 * spread, 1.0)
    r, g, b = np.clip(value * (1 + rng.normal(0, spread / 3, 3)), 0.2, 1.2)
    return float(r), float(g), float(b)


def paint(rng: Rng, dark: float = 0.08) -> Color:
    """A colour as things have them: most are dull, many grey or white, few are bright."""
    import colorsys

    hue = between(rng, 0, 1) if rng.random() < 0.5 else (0.08 + rng.normal(0, 0.04)) % 1.0
    saturation = float(rng.beta(1.1, 2.6))
    value = between(rng, dark, 1.0) ** 0.8
    r, g, b = colorsys.hsv_to_rgb(hue, saturation, value)
    return r, g, b


def stuff(rng: Rng, library: Library, kinds: Sequence[str], tile: float, gloss: float = 0.0) -> Material:
    """A surface of one of the kinds of texture, or painted if the library has none."""
    names = [n for kind in kinds for n in library.textures.get(kind, [])]
    if not names:
        return Material(paint(rng, 0.3), gloss=gloss)
    return Material(
        (1.0, 1.0, 1.0),
        choose(rng, names),
        tile=tile * between(rng, 0.6, 1.6),
        gloss=gloss * between(rng, 0, 1),
        bump=0.006 * tile * float(rng.random() < 0.5),
    )


def named(library: Library, pattern: str, largest: float = 1e9) -> list[Furniture]:
    """The furniture whose whole name matches, not wider than `largest` metres."""
    match = re.compile(rf"(?:{pattern})(?: \d+)?$")
    if pattern not in library.found:
        library.found[pattern] = [f for f in library.furniture if match.match(f.name)]
    return [f for f in library.found[pattern] if max(f.width, f.depth) <= largest]


def put(
    rng: Rng, library: Library, piece: Furniture, x: float, y: float, z: float, yaw: float, scale: float = 1.0
) -> Item | None:
    """A piece of furniture at a place; None if its model is unusable. Plain parts may get a texture."""
    mesh = library.furnished(piece)
    return None if mesh is None else dress(rng, library, mesh, placed(x, y, z, yaw, scale))


def dress(rng: Rng, library: Library, mesh: Mesh, matrix: Array) -> Item:
    """A model in random colours; a third of those without textures are clad in wood or cloth."""
    material = None
    plain = all(not p.material.texture for p in mesh.parts)
    if plain and rng.random() < 0.4:
        material = replace(
            stuff(rng, library, ("wood", "fabric", "stone"), between(rng, 0.3, 1.0), 0.1),
            color=(1.0, 1.0, 1.0),
        )
    elif plain and len(mesh.parts) == 1 and rng.random() < 0.7:
        material = Material(paint(rng), gloss=between(rng, 0, 0.2))
    return Item(mesh, matrix, tinted(rng), material)


def daylight(rng: Rng, center: Color, reach: float, fog: float) -> tuple[Light, Sky]:
    """Sun and sky of an hour and a weather: clear, hazy, overcast or low and warm."""
    weather = choose(rng, ("clear", "clear", "hazy", "overcast", "low"))
    turn = between(rng, 0, 2 * np.pi)
    height = between(rng, 0.08, 0.3) if weather == "low" else between(rng, 0.35, 1.3)
    sun = (float(np.cos(turn) * np.cos(height)), float(np.sin(height)), float(np.sin(turn) * np.cos(height)))
    strength = {"clear": 2.6, "hazy": 1.3, "overcast": 0.15, "low": 1.8}[weather] * between(rng, 0.7, 1.2)
    warm = (1.0, 0.75, 0.5) if weather == "low" else (1.0, 0.95, 0.87)
    zenith = {
        "clear": (0.16, 0.34, 0.8),
        "hazy": (0.45, 0.58, 0.8),
        "overcast": (0.62, 0.65, 0.7),
        "low": (0.3, 0.38, 0.62),
    }[weather]
    horizon = (0.95, 0.72, 0.5) if weather == "low" else (0.8, 0.86, 0.93)
    zenith, horizon = _scaled(zenith, between(rng, 0.7, 1.2)), _scaled(horizon, between(rng, 0.8, 1.2))
    sky_color = _scaled(zenith if weather != "overcast" else (0.9, 0.92, 0.95), between(rng, 0.7, 1.1))
    light = Light(
        sun=sun,
        sun_color=_scaled(warm, strength),
        sky_color=_mix(sky_color, (0.6, 0.6, 0.6), 0.4),
        ground_color=_scaled((0.25, 0.23, 0.18), between(rng, 0.5, 1.3)),
        center=center,
        reach=reach,
        softness=between(rng, 0.001, 0.004) if weather != "overcast" else 0.02,
        fog=fog,
        fog_color=horizon,
        occlusion=between(rng, 0.3, 0.9),
        occlusion_reach=0.5,
    )
    sky = Sky(
        zenith=zenith,
        horizon=horizon,
        glow=_scaled(warm, strength * 0.4),
        cloud_color=_scaled(horizon, 1.25),
        clouds={"clear": 0.25, "hazy": 0.5, "overcast": 1.0, "low": 0.5}[weather] * between(rng, 0, 1.4),
        seed=between(rng, 0, 50),
    )
    return light, sky


def _scaled(color: Color, by: float) -> Color:
    return color[0] * by, color[1] * by, color[2] * by


def _mix(a: Color, b: Color, share: float) -> Color:
    r, g, b_ = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return r, g, b_
