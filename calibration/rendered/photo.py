"""What a camera makes of a drawn view: metering, lens blur, colour, noise; JPEG is left to the writer."""

import cv2
import numpy as np

from .mesh import Array
from .renderer import View
from .stage import Rng, between


def develop(rng: Rng, view: View) -> Array:
    """The photo H×W×3 uint8 of a linear picture and its depth."""
    image = view.color
    key = np.exp(np.log(image.mean(-1) + 1e-3).mean())
    bright = np.quantile(image[::3, ::3], 0.9)
    gain = np.exp(rng.normal(0, 0.22)) / max(0.5 * key / 0.16 + 0.5 * bright / 0.75, 1e-3)
    image = image * np.float32(gain)
    if rng.random() < 0.3:
        image = _defocused(rng, image, view.disparity)
    balance = np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    image = image * balance
    if rng.random() < 0.25:
        # Light that strays in the lens.
        image = image + np.float32(between(rng, 0.01, 0.08)) * cv2.GaussianBlur(
            image, (0, 0), image.shape[1] / 12
        )
    if rng.random() < 0.5:
        rows, columns = image.shape[:2]
        y, x = np.linspace(-1, 1, rows) ** 2, np.linspace(-1, 1, columns) ** 2
        image = image * (1 - between(rng, 0, 0.25) * (y[:, None] + x[None]))[..., None].astype(np.float32)
    shown = _tone(image, between(rng, 0.0, 1.0))
    grey = shown.mean(-1, keepdims=True)
    shown = grey + (shown - grey) * np.float32(between(rng, 0.6, 1.35))
    shown = (shown - 0.45) * np.float32(between(rng, 0.85, 1.2)) + np.float32(0.45 + rng.normal(0, 0.02))
    blur = between(rng, 0.0, 0.7)
    if blur > 0.3:
        shown = cv2.GaussianBlur(shown, (0, 0), blur)
    if rng.random() < 0.4:
        shown = shown + np.float32(between(rng, 0.2, 0.9)) * (shown - cv2.GaussianBlur(shown, (0, 0), 1.0))
    if rng.random() < 0.8:
        grain = rng.standard_normal(shown.shape, dtype=np.float32) * np.float32(rng.exponential(0.012))
        if rng.random() < 0.5:
            grain = cv2.GaussianBlur(grain, (0, 0), 0.7) * 1.5
        shown = shown + grain
    if rng.random() < 0.02:
        shown = np.repeat(shown.mean(-1, keepdims=True), 3, -1)
    return (np.clip(shown, 0, 1) * 255 + 0.5).astype(np.uint8)


def _tone(image: Array, film: float) -> Array:
    """From linear light to display values: between plain clipping and a film's shoulder."""
    image = np.maximum(image, 0)
    filmic = np.clip(image * (2.51 * image + 0.03) / (image * (2.43 * image + 0.59) + 0.14), 0, 1)
    plain = np.clip(image, 0, 1)
    return np.asarray((plain + (filmic - plain) * np.float32(film)) ** np.float32(1 / 2.2), np.float32)


def _defocused(rng: Rng, image: Array, disparity: Array) -> Array:
    """Blur that grows with the distance (in inverse depth) from the plane in focus, near over far."""
    top = float(np.quantile(disparity[::3, ::3], 0.98))
    focus = top * between(rng, 0.3, 1.0)
    radius = between(rng, 0.004, 0.02) * image.shape[1]
    spread = np.abs(disparity - focus) / max(top, 1e-6) * radius
    spread = cv2.GaussianBlur(spread.astype(np.float32), (0, 0), 1.0)
    levels = (0.0, 1.0, 2.2, 4.5, 8.0)
    stack = [image if s == 0 else cv2.GaussianBlur(image, (0, 0), s) for s in levels]
    out = np.zeros_like(image)
    for i, level in enumerate(levels):
        before = levels[i - 1] if i else -1.0
        after = levels[i + 1] if i + 1 < len(levels) else 1e9
        rise = (spread - before) / (level - before)
        fall = (after - spread) / (after - level) if after < 1e8 else np.ones_like(spread)
        out += stack[i] * np.clip(np.minimum(rise, fall), 0, 1)[..., None].astype(np.float32)
    return out
