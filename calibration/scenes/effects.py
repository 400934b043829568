"""What a camera does to a scene: focus, exposure, colour, vignette, noise, sharpening and JPEG."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter

from .compose import Layers
from .textures import Array


def _blurred(image: Array, radius: float) -> Array:
    """Gaussian blur of H×W×3 in [0,1] (through 8 bits: the photo ends there anyway)."""
    picture = Image.fromarray((np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255


def defocus(layers: Layers, near: float, radius: float, blur_near: bool) -> Array:
    """The visible picture (H×W×3) with what lies on one side of a depth out of focus.

    The far side is completed behind the near one from the hidden layers before it is blurred, as a lens
    sees it: the near thing does not smear into the background.

    Args:
        near: disparity that divides near from far. radius: of the blur, pixels.
        blur_near: blur the near side rather than the far one.
    """
    front = layers.disparity[0] >= near
    behind, disparity = layers.color[0].copy(), layers.disparity[0]
    for k in range(1, layers.color.shape[0]):
        # The first surface behind the divide.
        take = (disparity >= near) & layers.occupancy[k]
        behind[take] = layers.color[k][take]
        disparity = np.where(take, layers.disparity[k], disparity)
    # Slopes go out of focus gradually; at a step the ramp is crossed at once.
    ramp = np.clip((layers.disparity[0] - near) / np.float32(0.15) + 1, 0, 1)
    alpha = (front if blur_near else ramp).astype(np.float32)[..., None]
    if blur_near:
        cover = _blurred(np.repeat(alpha, 3, -1), radius)
        return _blurred(layers.color[0] * alpha, radius) + behind * (1 - cover)
    return layers.color[0] * alpha + _blurred(behind, radius) * (1 - alpha)


def metered(rng: np.random.Generator, layers: Layers) -> Layers:
    """The layers as bright as a camera would expose them for what it sees, not always well; [0,1]."""
    seen = layers.color[0, ::2, ::2]
    gain = rng.normal(0.42, 0.09) / max(0.6 * float(seen.mean()) + 0.8 * float(seen.std()), 0.02)
    color = np.clip(layers.color * np.float32(np.clip(gain, 0.5, 6.0)), 0, 1)
    return Layers(color, layers.disparity, layers.occupancy)


def camera(rng: np.random.Generator, layers: Layers) -> Array:
    """The photo of peeled layers (K×H×W×3, disparity normalised): H×W×3 float32 in [0,1]."""
    image = layers.color[0]
    height, width = image.shape[:2]
    long = max(height, width)
    if rng.random() < 0.4:
        focus = float(rng.uniform(0.25, 0.75))
        near_share = float((layers.disparity[0, ::4, ::4] >= focus).mean())
        radius = float(rng.uniform(0.002, 0.012) * long)
        # A photographer keeps most of the picture, or the nearest thing, sharp.
        if 0.05 < near_share < 0.9:
            image = defocus(layers, focus, radius, near_share < 0.3 and bool(rng.random() < 0.35))
    image = _blurred(image, float(rng.uniform(0.35, 0.8)) * long / 512 + 0.1)
    if rng.random() < 0.3:
        image = image + (image - _blurred(image, 1.0)) * np.float32(rng.uniform(0.2, 0.8))
    exposure = np.exp(rng.normal(0, 0.1)) * np.exp(rng.normal(0, 0.08, 3))
    grey = image.mean(-1, keepdims=True)
    image = (grey + (image - grey) * np.float32(rng.uniform(0.6, 1.4))) * exposure.astype(np.float32)
    if rng.random() < 0.5:
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] ** 2
        image = image * (1 - np.float32(rng.uniform(0, 0.25)) * (x + y))[..., None]
    if rng.random() < 0.06:
        image = np.repeat(image.mean(-1, keepdims=True), 3, -1)
    contrast, gamma = np.float32(rng.uniform(0.75, 1.3)), np.float32(np.exp(rng.normal(0, 0.2)))
    image = np.clip((image - 0.5) * contrast + 0.5 + np.float32(rng.normal(0, 0.04)), 0, 1) ** gamma
    if rng.random() < 0.7:
        grain = rng.standard_normal(image.shape, dtype=np.float32)
        image = image + grain * np.float32(rng.exponential(0.012))
    picture = Image.fromarray((np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8))
    if rng.random() < 0.8:
        stream = BytesIO()
        picture.save(stream, "JPEG", quality=int(rng.integers(50, 98)))
        picture = Image.open(stream).convert("RGB")
    return np.asarray(picture, np.float32) / 255
