"""Where a 3D photo will disappoint, and what to do about it.

Thresholds come from photos and from true depth, see docs/3d-photos.md.
"""

import numpy as np

from ...reference.fullres.neighbours import largest_around, smallest_around
from ...reference.ldi import LDI

# A photo whose colours between the 2nd and the 98th percentile are no further apart (of 255) shows nothing.
BLANK = 8
# Pixels a side that a photo is looked at with; percentiles need no more.
LOOKED_AT = 256
# Disparity between the 2nd and the 98th percentile below which a photo hardly moves (5 px at 1080).
LITTLE_DEPTH = 0.1
# Above this share of the depth range a surface is near.
NEAR = 0.7
# Shares of a border along which something near is cut off. The ground comes near at the lower ends of the
# sides in most photos, and along the lower border in nearly all, which is therefore not looked at.
CUT_SIDE, CUT_TOP = 0.6, 0.25
# A thin structure stands out by this many slopes s of the layering, so that it tears (see `SoftLayering`).
THIN_SLOPES = 4.0
# Share of the photo's pixels in structures of less than three pixels.
THIN_SHARE = 0.001


def blank_photo(photo: np.ndarray) -> list[str]:
    """Return a warning if a photo (H, W, 3) uint8 is the same colour all over; else nothing."""
    rows, columns = (max(side // LOOKED_AT, 1) for side in photo.shape[:2])
    low, high = np.percentile(photo[::rows, ::columns], (2, 98), axis=(0, 1))
    if (high - low).max() > BLANK:
        return []
    return [
        "too little to see: the photo is nearly the same colour all over, so that its depth is a guess and "
        "nothing will be seen to move"
    ]


def depth_range(ldi: LDI) -> float:
    """Return the disparity between the 2nd and the 98th percentile of the visible layer."""
    low, high = np.percentile(ldi.disparity[0], (2, 98))
    return float(high - low)


def cut_borders(ldi: LDI) -> dict[str, float]:
    """Return, for the borders that cut something near off, the share along which they do."""
    plane = ldi.disparity[0, 0]
    low, high = np.percentile(plane, (2, 98))
    limit = low + NEAR * (high - low)
    borders = {
        "upper": (plane[0], CUT_TOP),
        "left": (plane[:, 0], CUT_SIDE),
        "right": (plane[:, -1], CUT_SIDE),
    }
    shares = {name: (float((border > limit).mean()), most) for name, (border, most) in borders.items()}
    return {name: share for name, (share, most) in shares.items() if share > most}


def thin_share(ldi: LDI, parallax: float) -> float:
    """Return the share of pixels whose disparity an opening by 3×3 removes, where it would tear.

    Args:
        ldi: at the program's size.
        parallax: of its layers.
    """
    plane = np.ascontiguousarray(ldi.disparity[0, 0])
    opened = largest_around(smallest_around(plane, 1), 1)
    slope = 0.5 / (parallax * max(ldi.size))
    return float((plane - opened > THIN_SLOPES * slope).mean())


def disappointments(ldi: LDI, parallax: float) -> list[str]:
    """Return warnings, one line each.

    Args:
        ldi: at the program's size.
        parallax: of its layers.
    """
    depth = depth_range(ldi)
    if depth < LITTLE_DEPTH:
        return [
            f"too little depth: the scene spans {depth:.2f} of the disparity range and will hardly move; "
            "take a photo with something near and something far, or give your own depth with --depth-map"
        ]
    found = []
    for border, share in cut_borders(ldi).items():
        advice = "--motion vertical" if border != "upper" else "--motion horizontal"
        found.append(
            f"something near is cut off by the {border} border along {share:.0%} of it and its cut edge "
            f"will show: leave room around it in the photo, or take {advice} or a smaller --amplitude"
        )
    thin = thin_share(ldi, parallax)
    if thin > THIN_SHARE:
        found.append(
            f"very thin structures ({thin:.2%} of the photo, less than 3 pixels wide at {ldi.size[1]}×"
            f"{ldi.size[0]}) may flicker or lose parts: take a smaller --amplitude, hold them on one "
            "layer with --mask, or paint them with --files ora and ldikit retouch"
        )
    return found
