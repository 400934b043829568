"""From a photo of any size to the tensor that a program takes."""

import numpy as np
from PIL import Image


def to_program(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Stretch a photo to the program's size and scale it to [0, 1].

    The filter is Lanczos, antialiased, on the sRGB values as they are (as a phone's own scaler works), with
    the result rounded to 8 bits: a program sees pixels that an app can make too. The size should have been
    chosen by the photo's orientation (`sizes.choose_size`); what aspect is left over is stretched.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        height: of the program, in pixels.
        width: of the program, in pixels.

    Returns:
        (1, 3, height, width) float32 in [0, 1].
    """
    if pixels.shape[:2] != (height, width):
        image = Image.fromarray(np.ascontiguousarray(pixels))
        pixels = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)
    return planes[None] / np.float32(255.0)
