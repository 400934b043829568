"""The quantisation recipe of a bundle: recipe.json, and the repaired weights where it has any."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..reference.errors import InputError
from ..reference.quantized.recipe import Recipe
from .manifest import Kept, Manifest

if TYPE_CHECKING:
    import torch

    from ..reference.program import PhotoToLDI

RECIPE = "recipe.json"
RECIPE_WEIGHTS = "recipe.safetensors"

# Precisions whose scales come from the recipe.
RECIPE_PRECISIONS = ("int8", "w8")


@dataclass(frozen=True)
class BundleRecipe:
    """A recipe with the weights that its repairs changed.

    Attributes:
        recipe: every scale and zero point.
        weights: by "NETWORK.PARAMETER"; None where nothing was repaired.
    """

    recipe: Recipe
    weights: "Mapping[str, torch.Tensor] | None" = None

    def of(self, precision: str) -> Recipe:
        """Return the recipe of a precision: w8 rounds no activations."""
        return self.recipe.weights_only() if precision == "w8" else self.recipe

    def program(
        self, program: "PhotoToLDI", precision: str, height: int, width: int, folded: bool = True
    ) -> "PhotoToLDI":
        """Return the oracle: the program that every int8 or w8 file of this size has to equal.

        Args:
            program: the float reference, in evaluation mode, built for this size.
            precision: "int8" or "w8".
            height, width: of the program.
            folded: see `quantize_graph`.

        Raises:
            InputError: the recipe is of another pipeline.
        """
        from ..reference.quantized.program import quantized_program

        return quantized_program(program, self.of(precision), height, width, self.weights, folded)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read recipe.json and what lies beside it, whatever a manifest says.

        Raises:
            InputError: the recipe or its weights are missing or damaged.
        """
        return cls._of(folder, Recipe.read(folder / RECIPE))

    @classmethod
    def _of(cls, folder: Path, recipe: Recipe) -> Self:
        if not recipe.repairs:
            return cls(recipe)
        from ..reference.quantized.weights_file import read_weights

        path = folder / RECIPE_WEIGHTS
        _check_place(path, folder)
        return cls(recipe, read_weights(path, recipe))


def read_recipe(folder: Path, manifest: Manifest) -> Recipe:
    """Read the recipe of a bundle.

    Args:
        folder: of the bundle.
        manifest: declares its hash.

    Raises:
        InputError: the bundle has none, it cannot be read, or it is not the declared one.
    """
    path = folder / RECIPE
    if manifest.recipe_hash is None:
        raise InputError(f"{folder} has no quantisation recipe: it was built without int8 and w8")
    if not path.is_file():
        raise InputError(f"{folder} lacks the {RECIPE} of its manifest: build it again")
    _check_place(path, folder)
    recipe = Recipe.read(path)
    if recipe.hash != manifest.recipe_hash:
        raise InputError(
            f"{path} is not the recipe of its manifest: hash {recipe.hash[:12]}…, declared "
            f"{manifest.recipe_hash[:12]}…: build the bundle again"
        )
    return recipe


def read_bundle_recipe(folder: Path, manifest: Manifest) -> BundleRecipe:
    """Read the recipe of a bundle with its repaired weights; see `read_recipe`.

    Raises:
        InputError: also where the weights are missing, damaged or of another recipe.
    """
    return BundleRecipe._of(folder, read_recipe(folder, manifest))


def kept_by(recipe: Recipe) -> tuple[Kept, ...]:
    """Return which layers a recipe does not make int8, those of one reason together."""
    found: dict[tuple[str, bool], list[str]] = {}
    for stage, network in recipe.networks.items():
        for weight_only, layers in ((False, network.float_layers), (True, network.weight_only_layers)):
            for layer, reason in layers.items():
                found.setdefault((reason, weight_only), []).append(f"{stage}/{layer}")
    return tuple(Kept(reason, light, tuple(layers)) for (reason, light), layers in found.items())


def _check_place(path: Path, folder: Path) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{path} is a link that leaves the bundle's folder: not opened")
