"""coverage.json of a bundle: how much of what its photos give falls outside the recipe's ranges."""

import json
from collections.abc import Sequence
from pathlib import Path

from ..calibration.calibrate import recipe_coverage
from ..calibration.samples import file_samples
from ..reference.config import PipelineConfig
from ..reference.quantized.recipe import Recipe
from ..runtime.report.beside import COVERAGE


def write_coverage(folder: Path, config: PipelineConfig, recipe: Recipe, photos: Sequence[Path]) -> None:
    """Write coverage.json, measured on the photos that verify; nothing for a recipe without activations.

    Raises:
        InputError: every photo calibrated, or none can be read.
    """
    if not any(network.activations for network in recipe.networks.values()):
        return
    used = [sample["sha256"] for sample in recipe.data.get("samples", [])]
    held_out = file_samples(photos, "the photos that verify", excluding=used)
    coverage = recipe_coverage(config, recipe, ((sample.name, sample.photo) for sample in held_out))
    text = json.dumps(coverage.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / COVERAGE).write_text(text + "\n", encoding="utf-8")
