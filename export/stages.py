"""The parts of a program that are exported, with the names of their inputs and outputs."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from ..reference.errors import InputError
from ..reference.folding import fold_batch_norms
from ..reference.program import InpaintingStage, PhotoToLDI
from ..reference.sizes import ProgramSize
from ..runtime.manifest import STAGES


@dataclass(frozen=True)
class Plane:
    """One input or output of a stage.

    Attributes:
        name: in every format.
        channels: 3 for colour, else 1.
        layers: how many layers are stacked in it; None for a plain plane.
    """

    name: str
    channels: int = 1
    layers: int | None = None

    def shape(self, size: ProgramSize) -> tuple[int, ...]:
        """Return (1, C, H, W), or (1, L, C, H, W)."""
        layers = () if self.layers is None else (self.layers,)
        return (1, *layers, self.channels, size.height, size.width)


_GAP = tuple(Plane(name) for name in ("envelope", "source", "occupancy", "unknown", "context"))


def stage_planes(stage: str, layers: int) -> tuple[tuple[Plane, ...], tuple[Plane, ...]]:
    """Return the inputs and outputs of a stage, in their order.

    Args:
        stage: one of `STAGES`.
        layers: of the program's LDI.

    Raises:
        InputError: no such stage.
    """
    if stage == "program":
        outputs = (Plane("color", 3, layers), Plane("disparity", 1, layers), Plane("occupancy", 1, layers))
        return (Plane("photo", 3),), outputs
    if stage == "depth":
        return (Plane("photo", 3),), (Plane("disparity"),)
    if stage == "layering":
        return (Plane("disparity"),), (*_GAP, Plane("visibility"))
    if stage == "inpainting":
        inputs = (Plane("color", 3), Plane("disparity"), *_GAP)
        return inputs, (Plane("hidden_color", 3), Plane("hidden_disparity"))
    raise InputError(f"unknown stage {stage!r}; known: {', '.join(STAGES)}")


class StageProgram:
    """One stage of a program, or the whole, at one size: what an exporter converts.

    Args:
        program: the reference, in evaluation mode.
        stage: one of `STAGES`.
        size: that the program was built for.
        pinned: modules, by path in the program, that stay in single precision (see `fp16_audit`).

    Attributes:
        source: the reference's own module.
        inputs, outputs: see `Plane`.
    """

    def __init__(
        self, program: PhotoToLDI, stage: str, size: ProgramSize, pinned: Collection[str] = ()
    ) -> None:
        self.stage = stage
        self.size = size
        self.pinned = frozenset(pinned)
        self.inputs, self.outputs = stage_planes(stage, program.layers)
        parts = {
            "program": program,
            "depth": program.depth,
            "layering": program.layering,
            "inpainting": program.inpainting,
        }
        self.source: nn.Module = parts[stage]

    def example(self) -> tuple[torch.Tensor, ...]:
        """Return inputs of the right shapes, in [0, 1], always the same."""
        generator = torch.Generator().manual_seed(0)
        return tuple(torch.rand(plane.shape(self.size), generator=generator) for plane in self.inputs)

    @cached_property
    def module(self) -> nn.Module:
        """The stage with its batch normalisations folded into convolutions; `source` is left as it is."""
        return fold_batch_norms(self.source, self.example())[0]

    @cached_property
    def folded(self) -> int:
        """How many batch normalisations `module` has fewer than `source`."""
        return _batch_norms(self.source) - _batch_norms(self.module)


def network_scopes(module: nn.Module) -> tuple[str, ...]:
    """Return the names, inside `module`, of the networks that may run in half precision: for inpainting.

    A depth network stays single: the layering passes its error on in full, and in half precision the
    gap-weighted IoU of Core ML's harsher rounding fell to 0.984 on a real photo (gate 0.99), with the last
    seven convolutions single to 0.988.
    """
    scopes = []
    for name, child in module.named_modules():
        if isinstance(child, InpaintingStage):
            scopes.append(f"{name}.network" if name else "network")
    return tuple(scopes)


def pinned_scopes(module: nn.Module, pinned: Collection[str]) -> frozenset[str]:
    """Return the names, inside `module`, of the modules of inpainting networks that stay single.

    Args:
        module: a stage or a wrapper of one.
        pinned: paths in the program; those outside inpainting stay single anyhow.
    """
    return frozenset(
        f"{name}.{path.removeprefix('inpainting.')}".removeprefix(".")
        for name, child in module.named_modules()
        if isinstance(child, InpaintingStage)
        for path in pinned
        if path.startswith("inpainting.")
    )


def _batch_norms(module: nn.Module) -> int:
    return sum(isinstance(child, nn.BatchNorm2d) for child in module.modules())
