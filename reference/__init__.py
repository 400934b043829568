"""The float reference: photo decoding, networks, layering, inpainting, the LDI, rendering, training.

The room is also the call of the public API: `ldikit.reference(depth=..., inpaint=...)` returns the float
pipeline, a callable photo (H, W, 3) uint8 → `LDI`. Importing a package makes its name an attribute of its
parent, so a function `ldikit.reference` would be lost at the first import; a callable module is not.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pipeline import Reference


class _CallableRoom(ModuleType):
    """This module's class: a module that can be called."""

    def __call__(
        self,
        depth: str = "pocket",
        inpaint: str = "pocket",
        size: str | None = None,
        device: str = "cpu",
        half: bool = False,
    ) -> "Reference":
        """Return the float pipeline.

        Args:
            depth, inpaint: networks by name, or paths of their weights.
            size: "HEIGHTxWIDTH" of the program, or None to choose it from each photo.
            device: where torch runs: "cpu", "cuda".
            half: the networks in half precision, the geometry in single.

        Raises:
            InputError: unknown network or unusable size.
        """
        from .config import PipelineConfig
        from .pipeline import Reference
        from .sizes import parse_size

        config = PipelineConfig(depth=depth, inpaint=inpaint)
        return Reference(config, parse_size(size) if size else None, device, half)


sys.modules[__name__].__class__ = _CallableRoom
