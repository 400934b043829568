"""A scene being built: a view, a light, a backdrop, and the things placed on its ground."""

from collections.abc import Callable

import numpy as np

from . import shapes, solids, thin
from .backdrops import Backdrop
from .cards import card, card_materials
from .compose import Surface
from .light import Light
from .material import Material, random_material
from .shapes import Shape
from .textures import Array
from .view import View

PEOPLE = (shapes.person,)
TREES = (shapes.tree, shapes.tree, shapes.conifer, thin.branches)
PLANTS = (shapes.bush, shapes.bush, shapes.flower, thin.blades)
STREET_FURNITURE = (thin.lamp, thin.lamp, thin.fence, thin.net)
THINGS = (shapes.blob, thin.chair, shapes.flower, thin.lamp, shapes.blob)


class Stage:
    """Places things and keeps their surfaces.

    Attributes:
        rng, view, light, backdrop: of the scene.
        surfaces: what has been placed, in any order, without the backdrop.
    """

    def __init__(self, rng: np.random.Generator, view: View, light: Light, backdrop: Backdrop) -> None:
        self.rng = rng
        self.view = view
        self.light = light
        self.backdrop = backdrop
        self.surfaces: list[Surface] = []

    @property
    def height(self) -> float:
        """Metres from the camera down to the ground."""
        return self.backdrop.height

    def put(self, surface: Surface | None) -> None:
        """Keep a surface, if there is one."""
        if surface is not None:
            self.surfaces.append(surface)

    def spot(self, near: float, far: float, spread: float = 1.0) -> tuple[float, float]:
        """A place (x, z) on the ground, mostly within the frame; near ones are as likely as far ones."""
        # The part of the ground that the camera sees.
        half_view = np.arctan(0.5 * self.view.height / self.view.focal_px)
        lowest, highest = self.view.pitch + half_view, self.view.pitch - half_view
        near = max(near, 0.8 * self.height / float(np.tan(min(lowest, 1.5))))
        if highest > 0.02:
            far = min(far, self.height / float(np.tan(highest)))
        far = max(far, 1.3 * near)
        z = float(np.exp(self.rng.uniform(np.log(near), np.log(far))))
        half = 0.5 * self.view.width / self.view.focal_px * z * spread
        return float(self.rng.uniform(-half, half)), z

    def _material(self, group: str, unit: float, material: Material | None) -> Material:
        return material or random_material(self.rng, group, unit)

    def card(
        self,
        make: Callable[[np.random.Generator], Shape],
        x: float,
        z: float,
        size: float,
        lift: float = 0.0,
        bulge: float = 0.3,
    ) -> None:
        """An upright shape `size` metres high at (x, z), its foot `lift` metres over the ground."""
        shape = make(self.rng)
        materials = card_materials(self.rng, shape, size)
        wide = 0.25 * size * min(shape.extent[1], 0.6)
        if lift == 0:
            self.backdrop.shadow(self.view, self.light, x, z, wide, size)
        foot = (x, self.height - lift, z)
        self.put(card(self.view, self.light, shape, materials, foot, size, bulge * wide))

    def box(
        self,
        x: float,
        z: float,
        sizes: tuple[float, float, float],
        group: str = "thing",
        yaw: float | None = None,
        lift: float = 0.0,
        material: Material | None = None,
    ) -> None:
        """A box of sizes (across, high, deep) metres standing at (x, z)."""
        half = np.array(sizes, np.float32) / 2
        yaw = float(self.rng.uniform(-0.8, 0.8)) if yaw is None else yaw
        unit = max(min(sizes[0], sizes[1]), 0.15 * max(sizes))
        if lift == 0:
            self.backdrop.shadow(self.view, self.light, x, z, float(max(half[0], half[2])), sizes[1])
        center = np.array([x, self.height - lift - half[1], z], np.float32)
        paint = self._material(group, unit, material)
        self.put(solids.box(self.view, self.light, center, half, yaw, paint))

    def ball(self, x: float, z: float, half: Array, group: str = "thing", lift: float = 0.0) -> None:
        """An ellipsoid of half axes `half` (3 values) resting at (x, z)."""
        half = np.asarray(half, np.float32)
        if lift == 0:
            self.backdrop.shadow(self.view, self.light, x, z, float(half[0]), float(2 * half[1]))
        center = np.array([x, self.height - lift - half[1], z], np.float32)
        self.put(
            solids.ellipsoid(self.view, self.light, center, half, self._material(group, float(half[0]), None))
        )

    def can(
        self, x: float, z: float, radius: float, tall: float, group: str = "thing", lift: float = 0.0
    ) -> None:
        """An upright cylinder standing at (x, z)."""
        if lift == 0:
            self.backdrop.shadow(self.view, self.light, x, z, radius, tall)
        center = np.array([x, self.height - lift - tall / 2, z], np.float32)
        paint = self._material(group, max(2 * radius, 0.2 * tall), None)
        self.put(solids.cylinder(self.view, self.light, center, radius, tall / 2, paint))

    def table(self, x: float, z: float, sizes: tuple[float, float, float], yaw: float) -> None:
        """A table: a thin top on four legs; sizes are across, high, deep."""
        wide, tall, deep = sizes
        top = random_material(self.rng, "floor", wide * 0.5)
        self.box(x, z, (wide, 0.05 * tall, deep), yaw=yaw, lift=0.95 * tall, material=top)
        self.backdrop.shadow(self.view, self.light, x, z, 0.45 * wide, 0.1)
        c, s = float(np.cos(yaw)), float(np.sin(yaw))
        for a in (-0.45 * wide, 0.45 * wide):
            for b in (-0.45 * deep, 0.45 * deep):
                leg = (0.04 * wide, 0.95 * tall, 0.04 * wide)
                self.box(x + c * a + s * b, z - s * a + c * b, leg, yaw=yaw, material=top)
