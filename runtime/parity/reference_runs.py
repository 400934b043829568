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
from .stages import ReferenceStages, measure_gains
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
        self._gains: dict[tuple[int, str], dict[str, dict[str, float]]] = {}

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

    def stages(self, size: str) -> ReferenceStages:
        """Return the stages of the reference program of one size."""
        return ReferenceStages(self.program(size))

    def gains(self, case: Case) -> dict[str, dict[str, float]]:
        """Return how much each stage amplifies on a photo (see `measure_gains`), measured once."""
        key = (case.index, case.size)
        if key not in self._gains:
            run = self.run(case)
            self._gains[key] = measure_gains(self.stages(case.size), case.photo, run.ldi)
        return self._gains[key]
