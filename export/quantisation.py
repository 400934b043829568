"""A recipe at work: the program of each quantised precision, and the recipe's files in a bundle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..reference.program import PhotoToLDI
from ..reference.quantized.program import quantized_program
from ..reference.quantized.recipe import Recipe
from ..reference.sizes import ProgramSize
from ..runtime.manifest import ModelFile
from ..runtime.recipe import RECIPE, RECIPE_PRECISIONS, RECIPE_WEIGHTS
from ..runtime.scales.slots import Slots, expected_slots

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Quantisation:
    """A recipe, with the weights that its repairs changed.

    Attributes:
        recipe: every scale and zero point.
        weights: by "NETWORK.PARAMETER", where the recipe has repairs.
    """

    recipe: Recipe
    weights: Mapping[str, "torch.Tensor"] | None = None
    _programs: dict[tuple[str, bool, str], PhotoToLDI] = field(default_factory=dict, repr=False)

    def of(self, precision: str) -> Recipe:
        """Return the recipe of a precision: w8 rounds no activations."""
        return self.recipe.weights_only() if precision == "w8" else self.recipe

    def program(self, program: PhotoToLDI, precision: str, format: str, size: ProgramSize) -> PhotoToLDI:
        """Return the program that a format exports as "int8" or "w8"; it is made once.

        Args:
            program: the float reference, in evaluation mode, built for `size`.
            precision: "int8" or "w8".
            format: TFLite's converter wants weights as float before a quantise operation.
            size: of the program.

        Raises:
            InputError: the recipe is of another pipeline.
        """
        folded = format != "tflite"
        key = (precision, folded, str(size))
        if key not in self._programs:
            self._programs[key] = quantized_program(
                program, self.of(precision), size.height, size.width, self.weights, folded
            )
        return self._programs[key]

    def slots(self, program: PhotoToLDI, entry: ModelFile, size: ProgramSize) -> Slots | None:
        """Return what a file must hold of the recipe; None for a precision that has none."""
        if entry.precision not in RECIPE_PRECISIONS:
            return None
        return expected_slots(program, self.of(entry.precision), entry.stage, size.height, size.width)

    def write(self, bundle: Path) -> None:
        """Write recipe.json into a bundle, and beside it the repaired weights where there are any."""
        self.recipe.write(bundle / RECIPE)
        if self.weights is not None:
            from ..reference.quantized.weights_file import write_weights

            write_weights(bundle / RECIPE_WEIGHTS, self.weights, self.recipe)

    @classmethod
    def read(cls, bundle: Path) -> "Quantisation":
        """Read what `write` wrote.

        Raises:
            InputError: it is damaged.
        """
        recipe, weights = Recipe.read(bundle / RECIPE), None
        if (bundle / RECIPE_WEIGHTS).exists():
            from ..reference.quantized.weights_file import read_weights

            weights = read_weights(bundle / RECIPE_WEIGHTS, recipe)
        return cls(recipe, weights)
