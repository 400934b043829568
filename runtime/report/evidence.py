"""The pictures of one candidate on its worst photo: depth, layers and views beside the reference's."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...reference.errors import InputError
from ...reference.ldi import LDI
from ...reference.render import Camera, View, render
from .heat import full_scale, inferno
from .pictures import Picture, over_checker, picture

BOTH = "reference", "candidate"


@dataclass(frozen=True)
class Row:
    """Pictures side by side: the reference's, the candidate's, and their difference.

    Attributes:
        title: what they show.
        note: how to read them.
        pictures: the three.
    """

    title: str
    note: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Evidence:
    """What a report shows of one candidate.

    Attributes:
        photo_index: of its worst photo.
        photo: that photo, at the program's size.
        rows: depth, layers, views.
    """

    photo_index: int
    photo: Picture
    rows: tuple[Row, ...]


def take_evidence(photo_index: int, reference: LDI, candidate: LDI, cameras: Sequence[Camera]) -> Evidence:
    """Take the pictures of one candidate on one photo.

    Args:
        photo_index: of the photo.
        reference: its layers by the reference.
        candidate: by the candidate; may hold values that are not finite, and has then no views.
        cameras: of the parity path.
    """
    photo = picture(reference.color[0].transpose(1, 2, 0), "the photo, as the program sees it")
    rows = [_depth(reference, candidate)]
    rows += [_layer(reference, candidate, layer) for layer in range(1, reference.layers)]
    return Evidence(photo_index, photo, (*rows, *_views(reference, candidate, cameras)))


def _depth(reference: LDI, candidate: LDI) -> Row:
    planes = [ldi.disparity[0, 0] for ldi in (reference, candidate)]
    low, high = float(planes[0].min()), float(planes[0].max())
    captions = [f"{name}'s disparity, bright is near" for name in BOTH]
    shown = [picture(inferno(p, low, high), name) for p, name in zip(planes, captions, strict=True)]
    difference = _difference(np.abs(planes[1] - planes[0]), "disparity")
    return Row("Depth", "", (*shown, difference))


def _layer(reference: LDI, candidate: LDI, layer: int) -> Row:
    laid = [over_checker(ldi.color[layer], ldi.occupancy[layer, 0]) for ldi in (reference, candidate)]
    shown = [picture(pixels, name) for pixels, name in zip(laid, BOTH, strict=True)]
    difference = np.abs(laid[1] - laid[0]).max(axis=2)
    note = "What lies behind the layer in front, over a checkerboard where the layer is empty."
    return Row(f"Hidden layer {layer}", note, (*shown, _difference(difference, "colour")))


def _views(reference: LDI, candidate: LDI, cameras: Sequence[Camera]) -> list[Row]:
    """Show the view that differs most, and the one that sees most of the hidden layers."""
    try:
        seen = [(camera, render(reference, camera), render(candidate, camera)) for camera in cameras]
    except InputError:
        return []  # a value that is not finite: there is nothing to see
    errors = [float(np.mean((c.rgb - r.rgb) ** 2)) for _, r, c in seen]
    hidden = [float(r.disoccluded.mean()) for _, r, _ in seen]
    chosen = dict.fromkeys((int(np.argmax(errors)), int(np.argmax(hidden))))
    return [_view(*seen[index]) for index in chosen]


def _view(camera: Camera, reference: View, candidate: View) -> Row:
    shown = [picture(view.rgb, name) for view, name in zip((reference, candidate), BOTH, strict=True)]
    difference = np.abs(candidate.rgb - reference.rgb).max(axis=2)
    title = f"View from {_place(camera)}"
    note = f"{reference.disoccluded.mean():.1%} of it shows hidden layers; black is seen by no layer."
    return Row(title, note, (*shown, _difference(difference, "colour")))


def _place(camera: Camera) -> str:
    sides = []
    if camera.y:
        sides.append(f"{abs(camera.y):.0%} {'down' if camera.y > 0 else 'up'}")
    if camera.x:
        sides.append(f"{abs(camera.x):.0%} {'right' if camera.x > 0 else 'left'}")
    return " and ".join(sides) + " of full reach" if sides else "the middle"


def _difference(plane: np.ndarray, what: str) -> Picture:
    scale = full_scale(plane)
    finite = plane[np.isfinite(plane)]
    largest = float(finite.max()) if finite.size else math.nan
    caption = (
        f"|difference| in {what}, 0 to {scale:g} (largest {largest:.2g})" if largest else "no difference"
    )
    return picture(inferno(plane, 0.0, scale), caption)
