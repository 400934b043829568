"""From the program's layered depth image to the photo's own resolution (DESIGN §2, last part)."""

from .layers import FullLayer, as_ldi, full_resolution

__all__ = ["FullLayer", "as_ldi", "full_resolution"]
