"""The fixed size at which a program runs, and which one suits a photo."""

import re
from dataclasses import dataclass

from .errors import InputError

# The networks halve the picture five times, so both sides must be multiples of 2^5.
MULTIPLE = 32
# Below, the deepest feature map is a pixel or two; above, no phone holds the layers.
SMALLEST, LARGEST = 64, 2048

_PATTERN = re.compile(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*")


@dataclass(frozen=True)
class ProgramSize:
    """The height and width, in pixels, that a program is made for.

    Raises:
        InputError: a side is no whole number, no multiple of 32, or outside 64…2048.
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            side = getattr(self, name)
            if not isinstance(side, int) or isinstance(side, bool):
                raise InputError(f"the {name} of a program must be a whole number of pixels, got {side!r}")
            if side % MULTIPLE:
                below = max(side // MULTIPLE * MULTIPLE, SMALLEST)
                raise InputError(
                    f"the {name} of a program must be a multiple of {MULTIPLE}, got {side}: "
                    f"use {below} or {below + MULTIPLE}"
                )
            if not SMALLEST <= side <= LARGEST:
                raise InputError(
                    f"the {name} of a program must be {SMALLEST} to {LARGEST} pixels, got {side}"
                )

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


LANDSCAPE = ProgramSize(384, 512)
PORTRAIT = ProgramSize(512, 384)


def parse_size(text: str) -> ProgramSize:
    """Read a size written HEIGHTxWIDTH, such as `384x512` (what `str(ProgramSize)` writes).

    Raises:
        InputError: it is not written so, or `ProgramSize` refuses it.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise InputError(f"a size is written HEIGHTxWIDTH, such as 384x512, got {text!r}")
    return ProgramSize(int(match[1]), int(match[2]))


def choose_size(photo_height: int, photo_width: int) -> ProgramSize:
    """Choose the phone's default size for a photo: `PORTRAIT` for one taller than wide, else `LANDSCAPE`."""
    return PORTRAIT if photo_height > photo_width else LANDSCAPE
