"""The reference on each photo: computed once, used for every candidate."""

from dataclasses import dataclass

import torch

from ...reference.config import PipelineConfig
from ...reference.ldi import LDI
from ...reference.pipeline import Reference, as_ldi
from ...reference.program import PhotoToLDI
from ...reference.render import Camera, View, parity_cameras
from ...reference.sizes import parse_size
from .cases import Case
from .views import render_views


@dataclass(frozen=True)
class ReferenceRun:
    """What the reference makes of one photo.

    Attributes:
        case: the photo.
        ldi: its layers.
        views: of the layers, along the parity path; None if they are not finite.
    """

    case: Case
    ldi: LDI
    views: list[View] | None


class ReferenceRuns:
    """The float reference of a manifest's settings; the last photo's result is kept.

    Args:
        config: the manifest's pipeline.

    Raises:
        InputError: the pipeline's networks are not here.
    """

    def __init__(self, config: PipelineConfig) -> None:
        self.reference = Reference(config)
        self.cameras: tuple[Camera, ...] = parity_cameras(config.layering.max_parallax)
        self._last: ReferenceRun | None = None

    def program(self, size: str) -> PhotoToLDI:
        """Return the reference program of one size, "HEIGHTxWIDTH"."""
        return self.reference.program(parse_size(size))

    def run(self, case: Case) -> ReferenceRun:
        """Return the reference's layers and views of a photo."""
        if self._last is None or self._last.case is not case:
            with torch.inference_mode():
                ldi = as_ldi(self.program(case.size)(torch.from_numpy(case.photo)))
            self._last = ReferenceRun(case, ldi, render_views(ldi, self.cameras))
        return self._last
