"""`--precision auto`: which of the precisions asked for are written, and by which recipe."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..calibration.samples import CalibrationSamples, folder_samples, scene_samples
from ..reference.config import PipelineConfig
from ..reference.errors import InputError
from ..reference.photo.decode import read_photo
from ..reference.photo.digest import pixels_digest
from ..runtime.report.beside import SEARCH
from .protocol import RECIPE_PRECISIONS
from .recipes import (
    SCENES,
    ReadyRecipe,
    calibrated,
    calibrated_by_default,
    ready_recipe,
    recipe_for,
)

if TYPE_CHECKING:
    from .precision.search import SearchResult

logger = logging.getLogger(__name__)

AUTO = "auto"
"""As a precision: int8, of which a search chooses the layers that stay float."""

JUDGED = 8
"""Photos, or scenes, that the search judges on, changed ones (`precision/cases.py`) not counted."""

SEARCH_SEED = 1
"""Of the scenes that it judges on: others than those that calibrate."""


@dataclass(frozen=True)
class Plan:
    """What an export writes.

    Attributes:
        precisions: "auto" is int8 here.
        ready: the recipe of int8 and w8; None where neither is asked for.
        search: that chose the recipe; None without "auto".
    """

    precisions: tuple[str, ...]
    ready: ReadyRecipe | None
    search: "SearchResult | None" = None

    def write_search(self, folder: Path) -> None:
        """Write search.json into a bundle's folder, where there was a search."""
        if self.search is not None:
            (folder / SEARCH).write_text(self.search.to_json(), encoding="utf-8")


def plan(
    config: PipelineConfig,
    precisions: Sequence[str],
    recipe: Path | None = None,
    calibration: Path | None = None,
    verifying: Sequence[Path] = (),
) -> Plan:
    """Return what to export, after calibrating and searching where that is asked for.

    Args:
        config: the pipeline.
        precisions: may hold "auto".
        recipe: recipe.json to use, or to search from; None for the package's, or one calibrated now. A search
            begins with every layer int8, its weights repaired.
        calibration: folder of photos to calibrate and to search on; None for procedural scenes.
        verifying: photos that will verify, which neither calibrate nor are searched on.

    Raises:
        InputError: a photo, the recipe or the folder cannot be used, or is given though nothing needs it.
    """
    asked = tuple(dict.fromkeys("int8" if name == AUTO else name for name in precisions))
    if calibration is not None and not any(name in RECIPE_PRECISIONS for name in asked):
        raise InputError(
            f"photos to calibrate on are for {', '.join(RECIPE_PRECISIONS)} and {AUTO}, "
            f"not for {', '.join(asked)}: ask for one of them with --precision, or leave --calibration out"
        )
    if AUTO not in precisions:
        if calibration is None:
            return Plan(asked, recipe_for(config, asked, recipe))
        if recipe is not None:
            raise InputError("--recipe has its ranges already: give it or --calibration, not both")
        return Plan(asked, calibrated_by_default(config, _photos(calibration, verifying)))
    return _searched(config, asked, recipe, calibration, verifying)


def _searched(
    config: PipelineConfig,
    precisions: tuple[str, ...],
    recipe: Path | None,
    calibration: Path | None,
    verifying: Sequence[Path],
) -> Plan:
    from .precision.repair.both import repair
    from .quantize import search_recipe

    samples = scene_samples(SCENES) if calibration is None else _photos(calibration, verifying)
    if recipe is not None:
        start = ready_recipe(config, recipe)
    else:
        made, weights = repair(config, calibrated(config, samples), samples)
        start = ReadyRecipe(made, weights, f"calibrated on {made.data['source']}")
    judged = scene_samples(JUDGED, SEARCH_SEED) if calibration is None else samples
    found = search_recipe(config, start, (sample for _, sample in zip(range(JUDGED), judged, strict=False)))
    if not found.search.passed:
        logger.warning(
            "no mixture of int8 and float layers is inside the gates: %s comes closest",
            found.search.chosen.label,
        )
    origin = f"searched from {start.origin}"
    logger.info("int8 by %s: %s", origin, found.search.chosen.label)
    return Plan(precisions, ReadyRecipe(found.recipe, start.weights, origin), found.search)


def _photos(folder: Path, verifying: Sequence[Path]) -> CalibrationSamples:
    return folder_samples(folder, excluding=_digests(verifying))


def _digests(paths: Sequence[Path]) -> set[str]:
    """Return the digests of photos; one that cannot be read can be none of those that calibrate either."""
    found = set()
    for path in paths:
        try:
            found.add(pixels_digest(read_photo(path).pixels))
        except InputError:
            continue
    return found
