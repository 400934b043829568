"""How much a depth stage flickers: change of disparity when a photo changes a little.

    python benchmarks/depth_steadiness.py pocket tiefenrausch                # the bundled photos
    python benchmarks/depth_steadiness.py --photos DIR pocket

Each photo is shifted by two pixels, enlarged by 2 %, brightened by a tenth, given noise of two levels of
255, cut to 5 bits a channel and saved as JPEG of quality 60. The change is the mean absolute difference to
the disparity of the unchanged photo, moved alike where the photo was, in percent of its standard
deviation; mean over the photos.
"""

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from ldikit.calibration.sources import bundled_photos, folder_photos
from ldikit.reference.errors import InputError, LdikitError
from ldikit.reference.networks import depth_network
from ldikit.reference.photo.decode import read_photo
from ldikit.reference.photo.resize import to_program
from ldikit.reference.program import DepthStage
from ldikit.reference.progress import track
from ldikit.reference.sizes import choose_size
from PIL import Image

Plane = np.ndarray
SHIFT_PX, SCALE, LIGHT, NOISE_LEVELS, BITS, JPEG_QUALITY = 2, 1.02, 1.1, 2.0, 5, 60
# Pixels along the frame that are not compared: something else came in there.
MARGIN = 12


def moved(plane: Plane) -> Plane:
    """Shift (H, W) or (H, W, 3) to the right and down."""
    height, width = plane.shape[:2]
    matrix = np.array([[1, 0, SHIFT_PX], [0, 1, SHIFT_PX]], np.float32)
    return cv2.warpAffine(plane, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def enlarged(plane: Plane) -> Plane:
    """Scale about the middle."""
    height, width = plane.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 0.0, SCALE)
    return cv2.warpAffine(plane, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def noisy(photo: Plane) -> Plane:
    """Add the same Gaussian noise every time."""
    noise = np.random.default_rng(0).normal(0, NOISE_LEVELS / 255, photo.shape)
    return np.clip(photo + noise, 0, 1).astype(np.float32)


def coarse(photo: Plane) -> Plane:
    """Cut to a few levels a channel."""
    levels = 2**BITS - 1
    return (np.round(photo * levels) / levels).astype(np.float32)


def compressed(photo: Plane) -> Plane:
    """Save and read again."""
    held = io.BytesIO()
    Image.fromarray(np.round(255 * photo).astype(np.uint8)).save(held, "JPEG", quality=JPEG_QUALITY)
    return np.asarray(Image.open(held), np.float32) / np.float32(255)


def same(plane: Plane) -> Plane:
    """Leave as it is."""
    return plane


# What is done to the photo, and to the disparity of the unchanged one.
CHANGES: dict[str, tuple[Callable[[Plane], Plane], Callable[[Plane], Plane]]] = {
    "shift": (moved, moved),
    "scale": (enlarged, enlarged),
    "light": (lambda photo: np.clip(photo * np.float32(LIGHT), 0, 1), same),
    "noise": (noisy, same),
    "5 bits": (coarse, same),
    "JPEG": (compressed, same),
}


def changes_of(name: str, photos: list[Path]) -> dict[str, float]:
    """Return the mean change of each kind, in percent of the disparity's standard deviation."""
    stages: dict[tuple[int, int], DepthStage] = {}
    found: dict[str, list[float]] = {kind: [] for kind in CHANGES}
    for path in track(photos, name):
        pixels = read_photo(path).pixels
        size = choose_size(*pixels.shape[:2])
        sides = (size.height, size.width)
        if sides not in stages:
            stages[sides] = DepthStage(depth_network(name, *sides)).eval()

        def disparity(photo: Plane, stage: DepthStage = stages[sides]) -> Plane:
            planes = torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1)))[None]
            with torch.inference_mode():
                return stage(planes)[0, 0].numpy()

        photo = np.ascontiguousarray(to_program(pixels, *sides)[0].transpose(1, 2, 0))
        still = disparity(photo)
        spread = float(still.std())
        if spread < 1e-6:
            raise InputError(f"{name} sees one level in {path.name}: steadiness means nothing there")
        inside = (slice(MARGIN, -MARGIN),) * 2
        for kind, (change, follow) in CHANGES.items():
            difference = np.abs(disparity(change(photo)) - follow(still))[inside]
            found[kind].append(100 * float(difference.mean()) / spread)
    return {kind: float(np.mean(values)) for kind, values in found.items()}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print a table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", help="names or paths, as for --depth")
    parser.add_argument("--photos", type=Path, help="folder of photos; default: the bundled ones")
    options = parser.parse_args(arguments)
    try:
        photos = bundled_photos() if options.photos is None else folder_photos(options.photos)
        measured = {name: changes_of(name, photos) for name in options.networks}
    except LdikitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print("| change, % of spread | " + " | ".join(CHANGES) + " |")
    print("|---|" + "---|" * len(CHANGES))
    for name, row in measured.items():
        print(f"| {Path(name).name} | " + " | ".join(f"{value:.1f}" for value in row.values()) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
