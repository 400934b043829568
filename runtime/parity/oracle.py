"""The quantised torch program of a bundle on each photo: what every int8 and w8 file has to equal."""

import torch

from ...reference.pipeline import as_ldi
from ...reference.program import PhotoToLDI
from ...reference.sizes import parse_size
from ..bundle import Bundle
from ..recipe import BundleRecipe, read_bundle_recipe
from ..scales.slots import Slots, expected_slots
from .cases import Case
from .reference_runs import ReferenceRun, ReferenceRuns
from .tflite_constants import unrounded_program
from .views import render_views

# What the programs are called that compute an int8 file without the rounding of its activations.
UNROUNDED, UNROUNDED_TFLITE = "unrounded", "unrounded-tflite"


class OracleRuns:
    """Programs by the bundle's recipe, made once a size; the last results are kept.

    Args:
        bundle: whose recipe it is; read when it is first needed.
        references: the float reference of the same bundle.
    """

    def __init__(self, bundle: Bundle, references: ReferenceRuns) -> None:
        self._bundle = bundle
        self._references = references
        self._recipe: BundleRecipe | None = None
        self._programs: dict[tuple[str, str], PhotoToLDI] = {}
        self._slots: dict[tuple[str, str], Slots] = {}
        self._runs: dict[tuple[int, str, str], ReferenceRun] = {}

    @property
    def recipe(self) -> BundleRecipe:
        """The bundle's.

        Raises:
            InputError: it has none, or not the one of its manifest.
        """
        if self._recipe is None:
            self._recipe = read_bundle_recipe(self._bundle.folder, self._bundle.manifest)
        return self._recipe

    def program(self, size: str, precision: str) -> PhotoToLDI:
        """Return the program of one size as "int8" or "w8" has to compute it; see `BundleRecipe.program`.

        Args:
            size: "HEIGHTxWIDTH".
            precision: or what `unrounded` gives.
        """
        if (size, precision) not in self._programs:
            shape = parse_size(size)
            reference = self._references.program(size)
            if precision in (UNROUNDED, UNROUNDED_TFLITE):
                tflite = precision == UNROUNDED_TFLITE
                made = unrounded_program(reference, self.recipe, shape.height, shape.width, tflite)
            else:
                made = self.recipe.program(reference, precision, shape.height, shape.width)
            self._programs[size, precision] = made
        return self._programs[size, precision]

    def unrounded(self, format: str, precision: str) -> str:
        """Return which program a file without the rounding of its activations has to equal.

        That of the weights alone, but for what an int8 file leaves to rounding (see `tflite_constants`); an
        int8 TFLite file has a little more rounded.
        """
        if precision != "int8":
            return precision
        return UNROUNDED_TFLITE if format == "tflite" else UNROUNDED

    def slots(self, size: str, precision: str) -> Slots:
        """Return what a file of one size must hold of the recipe; see `expected_slots`."""
        if (size, precision) not in self._slots:
            shape = parse_size(size)
            self._slots[size, precision] = expected_slots(
                self._references.program(size),
                self.recipe.of(precision),
                "program",
                shape.height,
                shape.width,
            )
        return self._slots[size, precision]

    def run(self, case: Case, precision: str) -> ReferenceRun:
        """Return the layers and views that a program (see `program`) makes of a photo."""
        key = (case.index, case.size, precision)
        if key not in self._runs:
            if len(self._runs) > 3:
                self._runs.clear()
            with torch.inference_mode():
                ldi = as_ldi(self.program(case.size, precision)(torch.from_numpy(case.photo)))
            self._runs[key] = ReferenceRun(case, ldi, render_views(ldi, self._references.cameras))
        return self._runs[key]
