"""The float reference: the tensor program of a pipeline, and photo → LDI through it."""

from dataclasses import dataclass, field

import numpy as np
import torch

from .config import PipelineConfig
from .errors import BackendUnavailableError, InputError
from .layering.soft import SoftLayering
from .ldi import LDI, OUTPUT_NAMES
from .networks import depth_network, inpaint_network
from .photo.check import check_photo
from .photo.resize import to_program
from .program import PhotoToLDI
from .sizes import ProgramSize, choose_size


def build_program(config: PipelineConfig, height: int, width: int) -> PhotoToLDI:
    """Return the whole program of a pipeline for one size, in evaluation mode, without gradients.

    Args:
        config: networks, layering and number of layers.
        height, width: the program's size, multiples of 32.

    Raises:
        InputError: a network is unknown or its weights do not fit.
    """
    program = PhotoToLDI(
        depth_network(config.depth, height, width),
        SoftLayering(config.layering, max(height, width)),
        inpaint_network(config.inpaint, height, width),
        config.layers,
    )
    return program.eval().requires_grad_(False)


@dataclass
class Reference:
    """The float pipeline on photos of any size; programs are built once a size.

    Args:
        config: the pipeline.
        size: fixes the program's size; None chooses it from each photo.
        device: where torch runs ("cpu", "cuda").

    Raises:
        InputError: torch knows no such device.
        BackendUnavailableError: it is not here.
    """

    config: PipelineConfig = field(default_factory=PipelineConfig)
    size: ProgramSize | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        try:
            kind = torch.device(self.device).type
        except RuntimeError as error:
            raise InputError(f"torch knows no device {self.device!r}: give cpu or cuda") from error
        if kind == "cuda" and not torch.cuda.is_available():
            raise BackendUnavailableError(f"no CUDA device for {self.device!r} here: give cpu")
        self._programs: dict[ProgramSize, PhotoToLDI] = {}

    def program(self, size: ProgramSize) -> PhotoToLDI:
        """Return the program for one size."""
        if size not in self._programs:
            self._programs[size] = build_program(self.config, size.height, size.width).to(self.device)
        return self._programs[size]

    def __call__(self, photo: np.ndarray) -> LDI:
        """Map a photo (H, W, 3) uint8 RGB to its LDI at the program's size.

        Raises:
            InputError: not such a photo, or a network is unknown or its weights do not fit.
        """
        check_photo(photo)
        size = self.size or choose_size(*photo.shape[:2])
        with torch.inference_mode():
            tensor = torch.from_numpy(to_program(photo, size.height, size.width)).to(self.device)
            return as_ldi(self.program(size)(tensor))


def as_ldi(layers: tuple[torch.Tensor, ...]) -> LDI:
    """Bring the program's outputs to NumPy."""
    arrays = (plane.cpu().numpy() for plane in layers)
    return LDI.from_tensors(dict(zip(OUTPUT_NAMES, arrays, strict=True)))
