"""Which depth a photo is layered by: the user's, the photo's own, or a network's."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...reference.config import PipelineConfig
from ...reference.errors import InputError
from ...reference.photo.embedded import search_embedded_depth
from ...reference.photo.mask import read_mask
from ...reference.sizes import ProgramSize
from .source import Source, from_bundle, from_depth_map, from_embedded, from_reference


@dataclass(frozen=True)
class DepthChoice:
    """What the user says about the depth of a photo.

    Attributes:
        depth_map: file of their own depth; None for the photo's or a network's.
        kind: of that file's numbers, see `load_depth_map`.
        ignore_embedded: use a network though the photo carries depth.
        mask: picture, white for what stays on one layer (see `hold_on_one_layer`); None for nothing.
    """

    depth_map: Path | str | None = None
    kind: str = "disparity"
    ignore_embedded: bool = False
    mask: Path | str | None = None

    def check(self, bundle: object) -> None:
        """Refuse choices that exclude each other.

        Raises:
            InputError: with what to leave out.
        """
        if self.depth_map is None and self.kind != DepthChoice.kind:
            raise InputError(f"the kind {self.kind!r} is that of a depth map: give --depth-map too")
        if bundle is None:
            return
        for option, given in (("--depth-map", self.depth_map), ("--mask", self.mask)):
            if given is not None:
                raise InputError(
                    f"a {option[2:].replace('-', ' ')} is used by the float reference: give {option} "
                    "without --bundle"
                )


def choose_source(
    photo_path: Path,
    photo: np.ndarray,
    choice: DepthChoice,
    bundle: Path | None,
    backend: str | None,
    precision: str | None,
    config: PipelineConfig | None,
    size: ProgramSize | None,
) -> Source:
    """Make the layers of a photo by the depth that was chosen.

    That is the user's depth map; else the bundle's network, if there is a bundle, or the depth network that
    was asked for by another name than the default's; else the depth that the photo carries; else the
    default network's.

    Args:
        photo_path: the photo's file.
        photo: (H, W, 3) uint8, what was read from it.
        choice: what the user says.
        bundle: see `from_bundle`, as for backend and precision.
        backend: of the bundle.
        precision: of the bundle.
        config: pipeline of the float reference; None is `pocket`.
        size: at which the program runs; None chooses it from the photo.

    Raises:
        InputError: a file cannot be used.
        MissingExtraError, BackendUnavailableError: the bundle's backend is not here.
    """
    if bundle is not None:
        return from_bundle(photo, bundle, backend, precision, size)
    config = config or PipelineConfig()
    mask = None if choice.mask is None else read_mask(choice.mask, *photo.shape[:2])
    if choice.depth_map is not None:
        return from_depth_map(photo, Path(choice.depth_map), config, size, choice.kind, mask)
    if choice.ignore_embedded or config.depth != PipelineConfig.depth:
        return from_reference(photo, config, size, mask)
    found = search_embedded_depth(photo_path)
    if found.depth is not None:
        source = from_embedded(photo, found.depth, config, size, mask)
    else:
        source = from_reference(photo, config, size, mask)
    return replace(source, warnings=(*source.warnings, *found.notes))
