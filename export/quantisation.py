"""A recipe at work: the program of each quantised precision, and the recipe's files in a bundle."""

from dataclasses import dataclass, field
from pathlib import Path

from ..reference.program import PhotoToLDI
from ..reference.sizes import ProgramSize
from ..runtime.manifest import ModelFile
from ..runtime.recipe import RECIPE, RECIPE_PRECISIONS, RECIPE_WEIGHTS, BundleRecipe
from ..runtime.scales.slots import Slots, expected_slots


@dataclass(frozen=True)
class Quantisation(BundleRecipe):
    """A recipe that exports: every program that it gives is made once."""

    _programs: dict[tuple[str, bool, str], PhotoToLDI] = field(default_factory=dict, repr=False)

    def exported(self, program: PhotoToLDI, precision: str, format: str, size: ProgramSize) -> PhotoToLDI:
        """Return the program that a format exports as "int8" or "w8".

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
            self._programs[key] = self.program(program, precision, size.height, size.width, folded)
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
