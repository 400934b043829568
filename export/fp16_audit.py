"""Whether all tensors of a program fit half precision on the calibration photos, and what must stay single.

Half precision holds magnitudes up to 65504, and below 2⁻¹⁴ ≈ 6.1e-5 with ever fewer bits.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import fx

from ..calibration.samples import scene_samples
from ..reference.config import PipelineConfig
from ..reference.errors import InputError
from ..reference.folding import fold_batch_norms
from ..reference.pipeline import build_program
from ..reference.program import PhotoToLDI
from ..reference.quantized.trace import layer_of, tensor_names
from ..reference.sizes import ProgramSize
from .golden import golden_photo
from .wrappers import PIXEL_MAX

LARGEST_HALF = 65504.0
SMALLEST_NORMAL_HALF = 2.0**-14

HEADROOM = 2.0
"""How many times the largest value seen has to fit: other photos may give larger ones."""

SCENES = 3
"""Beside the golden photo."""


@dataclass(frozen=True)
class AuditedTensor:
    """One tensor of a program over all photos.

    Attributes:
        name: see `tensor_names`; a parameter is called `MODULE.PARAMETER`.
        module: path of the module that computes it, inside the program; of a parameter, its owner.
        users: paths of the modules that take it.
        peak: largest magnitude; infinity where a value is not finite.
        photo: that has the peak; "" for a parameter.
        subnormal: share of its nonzero values with magnitude below `SMALLEST_NORMAL_HALF`, 0 to 1.
    """

    name: str
    module: str
    users: tuple[str, ...]
    peak: float
    photo: str
    subnormal: float

    @property
    def fits(self) -> bool:
        """Whether half precision holds it, with the headroom."""
        return self.peak * HEADROOM <= LARGEST_HALF


@dataclass(frozen=True)
class HalfAudit:
    """Of a whole program.

    Attributes:
        photos: names of those it was run on.
        tensors: all float tensors and parameters, in the order of their computation.
    """

    photos: tuple[str, ...]
    tensors: tuple[AuditedTensor, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values: what does not fit, then every tensor; a peak of null is not finite."""
        return {
            "photos": list(self.photos),
            "largest_half": LARGEST_HALF,
            "headroom": HEADROOM,
            "single": sorted(pinned_operations(self)),
            "too_large": [tensor.name for tensor in self.tensors if not tensor.fits],
            "tensors": [
                {**asdict(tensor), "peak": tensor.peak if math.isfinite(tensor.peak) else None}
                for tensor in self.tensors
            ],
        }


def pinned_operations(audit: HalfAudit) -> frozenset[str]:
    """Return the modules, by path in the program, whose operations have to stay in single precision.

    Those are the modules that compute a tensor that half precision does not hold, and those that take it: a
    cast before them would be infinite already.
    """
    return frozenset(
        path for tensor in audit.tensors if not tensor.fits for path in (tensor.module, *tensor.users)
    )


def audit_half(program: PhotoToLDI, photos: Iterable[tuple[str, torch.Tensor]]) -> HalfAudit:
    """Run a whole program and look at every float tensor in it.

    Args:
        program: in evaluation mode, built for the size of the photos.
        photos: name and tensor (1, 3, H, W) of each, all of one size.

    Raises:
        InputError: there is no photo, or their sizes differ.
    """
    graph: fx.GraphModule | None = None
    seen: dict[str, _Seen] = {}
    names: list[str] = []
    shape: torch.Size | None = None
    for name, photo in photos:
        if graph is None:
            folded, _ = fold_batch_norms(program, (photo,))
            graph = torch.export.export(folded, (photo,)).module(check_guards=False)
            shape = photo.shape
        if photo.shape != shape:
            raise InputError(f"the audit's photos must be of one size: {name} is {tuple(photo.shape)}")
        names.append(name)
        with torch.no_grad():
            _Auditing(graph, seen, name).run(photo)
    if graph is None:
        raise InputError("no photo to audit half precision on: give at least one")
    nodes = [node for node in graph.graph.nodes if node.name in seen]
    called = tensor_names(node for node in nodes if node.op != "get_attr")
    tensors = [
        seen[node.name].tensor(
            called.get(node.name, str(node.target)), _module(node), tuple(dict.fromkeys(_users(node)))
        )
        for node in nodes
    ]
    return HalfAudit(tuple(names), tuple(tensors))


def audit_pipeline(config: PipelineConfig, size: ProgramSize) -> HalfAudit:
    """Audit a pipeline's program at one size, on the golden photo and `SCENES` procedural scenes.

    Raises:
        InputError: a network is unknown or its weights do not fit.
    """
    name, pixels = golden_photo(size)
    golden = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / PIXEL_MAX)
    scenes = scene_samples(SCENES, size_for=lambda height, width: size)
    program = build_program(config, size.height, size.width)
    return audit_half(program, [(name, golden), *((scene.name, scene.photo) for scene in scenes)])


class _Seen:
    """What the photos so far have shown of one tensor."""

    def __init__(self) -> None:
        self.peak = 0.0
        self.photo = ""
        self.nonzero = 0
        self.small = 0

    def add(self, values: torch.Tensor, photo: str) -> None:
        sizes = values.detach().abs()
        peak = float(sizes.max()) if sizes.numel() else 0.0
        peak = peak if math.isfinite(peak) else math.inf
        if peak > self.peak:
            self.peak, self.photo = peak, photo
        self.nonzero += int(torch.count_nonzero(sizes))
        self.small += int(((sizes > 0) & (sizes < SMALLEST_NORMAL_HALF)).sum())

    def tensor(self, name: str, module: str, users: tuple[str, ...]) -> AuditedTensor:
        share = self.small / self.nonzero if self.nonzero else 0.0
        return AuditedTensor(name, module, users, self.peak, self.photo, share)


class _Auditing(fx.Interpreter):
    """Runs a program and looks at what every node gives."""

    def __init__(self, graph: fx.GraphModule, seen: dict[str, _Seen], photo: str) -> None:
        super().__init__(graph)
        self._seen = seen
        self._photo = photo

    def run_node(self, node: fx.Node) -> Any:
        result = super().run_node(node)
        if node.op == "get_attr" and node.name in self._seen:
            return result
        if node.op != "output" and isinstance(result, torch.Tensor) and result.is_floating_point():
            photo = "" if node.op == "get_attr" else self._photo
            self._seen.setdefault(node.name, _Seen()).add(result, photo)
        return result


def _module(node: fx.Node) -> str:
    """Return the path of the module that a node belongs to."""
    return str(node.target).rpartition(".")[0] if node.op == "get_attr" else layer_of(node)


def _users(node: fx.Node) -> list[str]:
    return [_module(user) for user in node.users if user.op != "output"]
