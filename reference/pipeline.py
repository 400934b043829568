"""The float reference: the tensor program of a pipeline, and photo → LDI through it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from .config import PipelineConfig
from .devices import check_device
from .layering.soft import Gap, SoftLayering
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
        half: run the networks by torch's autocast, float16 on a GPU and bfloat16 on a CPU that is built for
            it; the geometry stays in single precision.

    Raises:
        InputError: torch knows no such device.
        BackendUnavailableError: it is not here.
    """

    config: PipelineConfig = field(default_factory=PipelineConfig)
    size: ProgramSize | None = None
    device: str = "cpu"
    half: bool = False

    def __post_init__(self) -> None:
        check_device(self.device)
        self._programs: dict[ProgramSize, PhotoToLDI] = {}

    def program(self, size: ProgramSize) -> PhotoToLDI:
        """Return the program for one size."""
        if size not in self._programs:
            program = build_program(self.config, size.height, size.width).to(self.device)
            if self.half:
                program.depth.network = Autocast(program.depth.network)
                program.inpainting.network = Autocast(program.inpainting.network)
            self._programs[size] = program
        return self._programs[size]

    def __call__(self, photo: np.ndarray) -> LDI:
        """Map a photo (H, W, 3) uint8 RGB to its LDI at the program's size.

        Raises:
            InputError: not such a photo, or a network is unknown or its weights do not fit.
        """
        return self.batch([photo])[0]

    def batch(self, photos: Sequence[np.ndarray]) -> list[LDI]:
        """Map photos to their LDIs, those of one size in one run of the program; worth it on a GPU.

        Args:
            photos: each as for a call, all in memory; in one run as many as are given.

        Raises:
            InputError: see a call.
        """
        for photo in photos:
            check_photo(photo)
        sizes = [self.size or choose_size(*photo.shape[:2]) for photo in photos]
        made: dict[int, LDI] = {}
        for size in dict.fromkeys(sizes):
            places = [place for place, own in enumerate(sizes) if own == size]
            given = np.concatenate([to_program(photos[place], size.height, size.width) for place in places])
            with torch.inference_mode():
                layers = self.program(size)(torch.from_numpy(given).to(self.device))
                for row, place in enumerate(places):
                    made[place] = as_ldi(tuple(plane[row : row + 1] for plane in layers))
        return [made[place] for place in range(len(photos))]


class Autocast(nn.Module):
    """A network in half precision where torch finds that safe; its results in single precision.

    Args:
        network: of depth or inpainting.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, first: torch.Tensor, *others: Gap) -> Any:
        """What the network gives, as float32."""
        with torch.autocast(first.device.type):
            results = self.network(first, *others)
        if isinstance(results, torch.Tensor):
            return results.float()
        return tuple(result.float() for result in results)


def as_ldi(layers: tuple[torch.Tensor, ...]) -> LDI:
    """Bring the program's outputs to NumPy."""
    arrays = (plane.cpu().numpy() for plane in layers)
    return LDI.from_tensors(dict(zip(OUTPUT_NAMES, arrays, strict=True)))
