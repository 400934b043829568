"""A border painted around a photo, so that the camera can move past its frame."""

from dataclasses import replace

import numpy as np
from PIL import Image

from ...reference.config import PipelineConfig
from ...reference.errors import InputError
from ...reference.photo.depth_map import fit_disparity
from ...reference.sizes import MULTIPLE
from .source import FINE, LONGEST, Source, fitted, layered_by

# Percent of the long side: ten times as far as the layers let a view move.
MOST = 25.0


def check_border(border: float, bundle: object) -> None:
    """Refuse a border that cannot be painted.

    Raises:
        InputError: it is not of 0 to `MOST` percent, or a bundle is to make the layers.
    """
    if not 0.0 <= border <= MOST:
        raise InputError(f"the border must be 0 to {MOST:g} percent of the photo's long side, not {border:g}")
    if border and bundle is not None:
        raise InputError("a border is painted by the float reference: give --border without --bundle")


def with_border(
    photo: np.ndarray, source: Source, border: float, config: PipelineConfig
) -> tuple[np.ndarray, Source]:
    """Paint a border around a photo and layer the larger picture anew.

    The photo's pixels stay as they are. The inpainting network paints what is around them, with the photo as
    its context; disparity goes on from the photo's edge and never comes nearer than it. The parallax is as
    many pixels as it was, a smaller share of the larger picture.

    Args:
        photo: (H, W, 3) uint8.
        source: its layers.
        border: on each side, in percent of the photo's long side.
        config: its inpainting and layering are used.

    Returns:
        The larger picture (H + 2b, W + 2b, 3) uint8 and its layers.
    """
    height, width = photo.shape[:2]
    thick = max(round(border / 100.0 * max(height, width)), 1)
    share = min(1.0, LONGEST / (max(height, width) + 2 * thick))
    inner = (max(round(height * share), 1), max(round(width * share), 1))
    inside = _disparity(photo, source, inner, config)
    painted, guess = _painted(photo, inside, inner, max(round(thick * share), 1), config)
    larger = (height + 2 * thick, width + 2 * thick)
    picture = np.array(Image.fromarray(painted).resize(larger[::-1], Image.Resampling.BICUBIC))
    picture[thick:-thick, thick:-thick] = photo
    # Disparity of the network's detail, enlarged, is no detail of the photo's size.
    plane = guess
    if max(inside.shape) >= FINE * max(height, width):
        plane = fit_disparity(guess, *larger)
        plane[thick:-thick, thick:-thick] = fit_disparity(inside, height, width)
    layering = config.layering
    parallax = layering.max_parallax * max(height, width) / max(larger)
    config = replace(config, layering=replace(layering, max_parallax=parallax))
    made = layered_by(picture, plane, config, None, None)
    made_by = f"{source.made_by}, with a border of {thick} pixels painted around the photo"
    return picture, replace(made, made_by=made_by, simulated=source.simulated, warnings=source.warnings)


def _disparity(
    photo: np.ndarray, source: Source, inner: tuple[int, int], config: PipelineConfig
) -> np.ndarray:
    """Return the photo's disparity with edges where the photo has them, (h, w) of `inner` or larger."""
    if source.detail is not None:
        return source.detail
    own = source.ldi.disparity[0, 0]
    if max(own.shape) < FINE * max(inner):
        return fitted(photo, own, inner, config.layering)
    return fit_disparity(own, *inner)


def _painted(
    photo: np.ndarray, disparity: np.ndarray, inner: tuple[int, int], thick: int, config: PipelineConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Paint a border of `thick` pixels around a photo brought to the size `inner`.

    Returns:
        Picture (h + 2t, w + 2t, 3) uint8 and disparity (h + 2t, w + 2t) float32 in [0, 1].
    """
    import torch

    from ...reference.layering.soft import Gap
    from ...reference.networks import inpaint_network
    from ...reference.photo.resize import to_program

    sides = tuple(side + 2 * thick for side in inner)
    padded = tuple(max(side + -side % MULTIPLE, 2 * MULTIPLE) for side in sides)
    padding = tuple((thick, whole - side - thick) for whole, side in zip(padded, inner, strict=True))
    color = np.pad(to_program(photo, *inner), ((0, 0), (0, 0), *padding), mode="edge")
    level = np.pad(fit_disparity(disparity, *inner), padding, mode="edge")[None, None]
    outside = np.pad(np.zeros(inner, np.float32), padding, constant_values=1.0)[None, None]
    with torch.inference_mode():
        far, mask = torch.from_numpy(level), torch.from_numpy(outside)
        network = inpaint_network(config.inpaint, *padded)
        seen = torch.from_numpy(color)
        paint, guess = network(seen, Gap(far, far, mask, mask, 1.0 - mask))
        # Nothing out there comes before what the photo shows at its edge.
        plane = far + mask * (torch.minimum(guess.clamp(0.0, 1.0), far) - far)
        full = seen + mask * (paint.clamp(0.0, 1.0) - seen)
    crop = (slice(sides[0]), slice(sides[1]))
    pixels = np.rint(full[0].permute(1, 2, 0).numpy()[crop] * 255).astype(np.uint8)
    return pixels, np.ascontiguousarray(plane[0, 0].numpy()[crop])
