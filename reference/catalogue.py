"""`ldikit models`: the networks that can be named."""

from dataclasses import dataclass

from . import networks  # noqa: F401  (importing it registers every network)
from .depth import pocket as _pocket_depth
from .depth.protocol import depth_networks
from .inpaint import pocket as _pocket_inpaint
from .inpaint.protocol import inpaint_networks
from .models.entries import ENTRIES, ModelEntry
from .models.locate import missing_files, model_folder
from .sizes import LANDSCAPE
from .weights.store import embedded_path

EMBEDDED = {"depth": {"pocket": _pocket_depth.WEIGHTS}, "inpaint": {"pocket": _pocket_inpaint.WEIGHTS}}


@dataclass(frozen=True)
class CatalogueEntry:
    """One network by name.

    Attributes:
        name: for `--depth` or `--inpaint`.
        stage: "depth" or "inpaint".
        here: whether its weights are on this machine.
        parameters: how many numbers it has; None for one that is fetched.
        weights_bytes: size of its weights; None where they are not here and not published.
        weights: where they are, or how to get them.
        licence: of the weights.
        source: the publisher's page; "" for embedded ones.
    """

    name: str
    stage: str
    here: bool
    parameters: int | None
    weights_bytes: int | None
    weights: str
    licence: str
    source: str


def catalogue() -> list[CatalogueEntry]:
    """List every registered network: those whose weights the package holds, and those that are fetched."""
    entries = []
    for stage, registry in (("depth", depth_networks), ("inpaint", inpaint_networks)):
        for name in registry:
            if name in EMBEDDED[stage]:
                network = registry.get(name)(LANDSCAPE.height, LANDSCAPE.width)
                entries.append(_embedded(name, stage, sum(p.numel() for p in network.parameters())))
            else:
                entries.append(_fetched(name, stage, ENTRIES[name]))
    return entries


def _embedded(name: str, stage: str, parameters: int) -> CatalogueEntry:
    """Describe a network whose weights are in the package."""
    file = embedded_path(EMBEDDED[stage][name])
    return CatalogueEntry(
        name=name,
        stage=stage,
        here=True,
        parameters=parameters,
        weights_bytes=file.stat().st_size,
        weights=f"embedded ({file.name})",
        licence="Apache-2.0",
        source="",
    )


def _fetched(name: str, stage: str, entry: ModelEntry) -> CatalogueEntry:
    """Describe a published network, here or not."""
    folder = model_folder(entry)
    here = not missing_files(entry)
    if here:
        sizes = [(folder / file.name).stat().st_size for file in entry.files]
    else:
        sizes = [file.size for file in entry.files if file.size is not None]
    whole = len(sizes) == len(entry.files)
    return CatalogueEntry(
        name=name,
        stage=stage,
        here=here,
        parameters=None,
        weights_bytes=sum(sizes) if whole else None,
        weights=str(folder) if here else f"not here: ldikit models get {entry.name}",
        licence=entry.licence,
        source=entry.source,
    )
