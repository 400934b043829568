"""Solids met by rays exactly: boxes, ellipsoids and upright cylinders, with shading and texture."""

import numpy as np

from .compose import Surface
from .light import Light
from .material import Material
from .textures import Array
from .view import NEAR, View

_FAR = np.float32(1e9)


def _turned(vector: Array, yaw: float) -> Array:
    """World vectors 3×… in the axes of a solid turned by yaw about the vertical."""
    c, s = np.float32(np.cos(yaw)), np.float32(np.sin(yaw))
    return np.stack([c * vector[0] - s * vector[2], vector[1], s * vector[0] + c * vector[2]])


def _corners(center: Array, half: Array, yaw: float) -> Array:
    """The 8 corners of a turned box in the world, 8×3."""
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8).astype(np.float32)
    return (_turned(signs * half[:, None], -yaw) + center[:, None]).T


def _inverse(direction: Array) -> Array:
    tiny = np.float32(1e-7)
    return np.float32(1) / np.where(np.abs(direction) < tiny, tiny, direction)


def _pixel(view: View, depth: Array) -> Array:
    """Size of a pixel on a surface at this depth, metres."""
    return depth * np.float32(1.4 / view.focal_px)


def box(
    view: View, light: Light, center: Array, half: Array, yaw: float, material: Material
) -> Surface | None:
    """A box.

    Args:
        center: world position of its middle, 3 values. half: half its sizes along its own axes, 3 values.
        yaw: turn about the vertical, radians.

    Returns:
        Its visible faces, or None if nothing of it is in the frame.
    """
    center, half = np.asarray(center, np.float32), np.asarray(half, np.float32)
    window = view.window(_corners(center, half, yaw))
    if window is None:
        return None
    direction = _turned(view.rays(window), yaw)
    origin = _turned(-center, yaw)
    inverse = _inverse(direction)
    middle = -origin[:, None, None] * inverse
    reach = half[:, None, None] * np.abs(inverse)
    enter = middle - reach
    face = enter.argmax(0)
    depth = enter.max(0)
    mask = (depth < (middle + reach).min(0)) & (depth > NEAR)
    if not mask.any():
        return None
    depth = np.where(mask, depth, np.float32(1.0))
    point = origin[:, None, None] + direction * depth
    u = np.where(face == 0, point[2], point[0])
    v = np.where(face == 1, point[2], point[1])
    color = material.sample(u, v, _pixel(view, depth))
    normals = _turned(np.diag(np.where(origin < 0, -1, 1)).astype(np.float32), -yaw)
    bright = light.shade(normals[0], normals[1], normals[2])[face]
    # Less light reaches the foot of a thing.
    bright = bright * (1 - 0.25 * np.clip(point[1] / half[1], 0, 1) ** 2)
    disparity = np.float32(1) / depth
    color = light.through_air(color * bright[..., None], disparity)
    return Surface(window[0], window[1], color, disparity, mask)


def ellipsoid(view: View, light: Light, center: Array, half: Array, material: Material) -> Surface | None:
    """An ellipsoid with half axes `half` (3 values, along the world's axes) round `center` (3 values)."""
    center, half = np.asarray(center, np.float32), np.asarray(half, np.float32)
    window = view.window(_corners(center, half, 0.0))
    if window is None:
        return None
    direction = view.rays(window) / half[:, None, None]
    origin = (-center / half)[:, None, None]
    a = (direction * direction).sum(0)
    b = (direction * origin).sum(0)
    c = float((origin * origin).sum()) - 1
    root = b * b - a * c
    mask = root > 0
    depth = (-b - np.sqrt(np.maximum(root, 0))) / a
    mask &= depth > NEAR
    if c <= 0 or not mask.any():
        return None
    depth = np.where(mask, depth, np.float32(1.0))
    on = origin + direction * depth
    normal = on / half[:, None, None]
    normal /= np.sqrt((normal * normal).sum(0)) + 1e-9
    size = np.float32(half.mean())
    color = material.sample(on[0] * size * 1.5, on[1] * size * 1.5, _pixel(view, depth))
    bright = light.shade(normal[0], normal[1], normal[2]) * (1 - 0.3 * np.clip(on[1], 0, 1) ** 2)
    disparity = np.float32(1) / depth
    color = light.through_air(color * bright[..., None], disparity)
    return Surface(window[0], window[1], color, disparity, mask)


def cylinder(
    view: View, light: Light, center: Array, radius: float, half_height: float, material: Material
) -> Surface | None:
    """An upright cylinder with its lid: poles, columns, cups, cans."""
    center = np.asarray(center, np.float32)
    window = view.window(_corners(center, np.array([radius, half_height, radius], np.float32), 0.0))
    if window is None:
        return None
    direction = view.rays(window)
    ox, oy, oz = (-float(value) for value in center)
    a = direction[0] ** 2 + direction[2] ** 2 + 1e-9
    b = direction[0] * ox + direction[2] * oz
    root = b * b - a * (ox * ox + oz * oz - radius * radius)
    mask = root > 0
    spread = np.sqrt(np.maximum(root, 0))
    inverse = _inverse(direction[1])
    middle, reach = -oy * inverse, half_height * np.abs(inverse)
    side, lid = (-b - spread) / a, middle - reach
    depth = np.maximum(side, lid)
    mask &= (depth < np.minimum((-b + spread) / a, middle + reach)) & (depth > NEAR)
    if not mask.any():
        return None
    depth = np.where(mask, depth, np.float32(1.0))
    x, y, z = ox + direction[0] * depth, oy + direction[1] * depth, oz + direction[2] * depth
    on_lid = lid > side
    up = np.float32(-1.0 if oy < 0 else 1.0)
    zero = np.float32(0)
    nx = np.where(on_lid, zero, x / np.float32(radius))
    nz = np.where(on_lid, zero, z / np.float32(radius))
    bright = light.shade(nx, np.where(on_lid, up, zero), nz)
    around = np.arctan2(x, -z) * np.float32(radius)
    color = material.sample(np.where(on_lid, x, around), np.where(on_lid, z, y), _pixel(view, depth))
    bright = bright * (1 - 0.25 * np.clip(y / half_height, 0, 1) ** 2)
    disparity = np.float32(1) / depth
    color = light.through_air(color * bright[..., None], disparity)
    return Surface(window[0], window[1], color, disparity, mask)
