"""`ldikit models`: the networks that can be named."""

from dataclasses import dataclass

from .depth import pocket as _pocket_depth
from .depth.protocol import depth_networks
from .inpaint import pocket as _pocket_inpaint
from .inpaint.protocol import inpaint_networks
from .sizes import LANDSCAPE
from .weights.store import embedded_path

EMBEDDED = {"depth": {"pocket": _pocket_depth.WEIGHTS}, "inpaint": {"pocket": _pocket_inpaint.WEIGHTS}}


@dataclass(frozen=True)
class CatalogueEntry:
    """One network by name.

    Attributes:
        name: for `--depth` or `--inpaint`.
        stage: "depth" or "inpaint".
        parameters: how many numbers it has.
        weights_bytes: size of its weights file.
        weights: where they come from.
        licence: of the weights.
    """

    name: str
    stage: str
    parameters: int
    weights_bytes: int
    weights: str
    licence: str


def catalogue() -> list[CatalogueEntry]:
    """List every network whose weights the package carries."""
    entries = []
    for stage, registry in (("depth", depth_networks), ("inpaint", inpaint_networks)):
        for name in EMBEDDED[stage]:
            network = registry.get(name)(LANDSCAPE.height, LANDSCAPE.width)
            file = embedded_path(EMBEDDED[stage][name])
            entries.append(
                CatalogueEntry(
                    name=name,
                    stage=stage,
                    parameters=sum(p.numel() for p in network.parameters()),
                    weights_bytes=file.stat().st_size,
                    weights=f"embedded ({file.name})",
                    licence="Apache-2.0",
                )
            )
    return entries
