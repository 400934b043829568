"""torch: the reference of a bundle, rebuilt from the settings in its manifest; float, or by its recipe."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ...reference.errors import InputError
from ...reference.pipeline import build_program
from ...reference.sizes import parse_size
from ..manifest import Manifest, ModelFile
from ..recipe import read_bundle_recipe


def require() -> None:
    """Torch is always installed: nothing to check."""


class TorchRunner:
    """One stage of the reference program, or the whole, on the CPU.

    Args:
        module: from the declared inputs, in their order, to the declared outputs, in theirs.
        entry: what it is called with.
        threads: how many threads torch may use; a setting of the whole process.
    """

    backend = "torch"
    simulated = False

    def __init__(self, module: torch.nn.Module, entry: ModelFile, threads: int) -> None:
        self.module = module
        self.entry = entry
        self.threads = threads

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run once; names, shapes and ranges as `Bundle.reference_entry` declares them."""
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        with torch.inference_mode():
            feeds = [torch.from_numpy(np.ascontiguousarray(inputs[spec.name])) for spec in self.entry.inputs]
            result = self.module(*feeds)
        planes = (result,) if isinstance(result, torch.Tensor) else result
        return {spec.name: plane.numpy() for spec, plane in zip(self.entry.outputs, planes, strict=True)}


def open_file(path: Path, entry: ModelFile, threads: int = 1) -> TorchRunner:
    """Build the reference that a manifest names; for int8 and w8, the quantised program of its recipe.

    Args:
        path: the bundle's manifest.json; the recipe lies beside it.
        entry: from `Bundle.reference_entry`.
        threads: see `TorchRunner`.

    Raises:
        InputError: the manifest or recipe cannot be read, or names networks that are not here.
    """
    try:
        manifest = Manifest.from_json(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    size = parse_size(entry.size)
    program = build_program(manifest.pipeline_at(path.parent), size.height, size.width)
    if entry.precision != "fp32":
        recipe = read_bundle_recipe(path.parent, manifest)
        program = recipe.program(program, entry.precision, size.height, size.width)
    stages = {
        "program": program,
        "depth": program.depth,
        "layering": program.layering,
        "inpainting": program.inpainting,
    }
    return TorchRunner(stages[entry.stage], entry, threads)
