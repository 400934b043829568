"""The published hard rule and the stable layering under the same disparity noise.

    python benchmarks/layering_stability.py                      # procedural scenes: the published figures
    python benchmarks/layering_stability.py --stereo DIR         # true disparities of stereo pairs as well
    python benchmarks/layering_stability.py --figure out.jpg     # and a picture of one scene

For each disparity the first hidden layer is compared with and without added noise: IoU = Σ min / Σ max of its
occupancy, plain and weighted by the gap to the surface in front (where the layers all but coincide, occupancy
means nothing), and the share of the frame that is hidden. Gain: the largest change of the hidden surface
over the largest change of the disparity. "soft" disparities are blurred as depth networks blur their edges.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from ldikit.calibration.scenes import make_scene
from ldikit.reference.config import LayeringConfig
from ldikit.reference.layering.hard import hard_layering
from ldikit.reference.layering.soft import Gap, SoftLayering
from ldikit.reference.progress import track
from PIL import Image
from skimage.filters import gaussian

LEVELS = (1e-4, 1e-3, 1e-2)
SCENES, HEIGHT, WIDTH = 6, 384, 512
BLUR_PX = 2.0
RULES = ("hard", "stable")
KINDS = {"plain": "IoU", "weighted": "gap-weighted IoU", "gain": "gain"}
Scores = dict[tuple[str, str, float], list[float]]
# Colours of the figure: hidden both times, only without noise, only with it.
BOTH, LOST, GAINED = (90, 90, 90), (214, 69, 65), (38, 120, 214)


class Hidden(NamedTuple):
    """What a rule makes of a disparity; planes (H, W)."""

    occupancy: np.ndarray
    # Disparity of the visible surface above that of the hidden one.
    gap: np.ndarray
    # Nearest that the hidden surface can be: the visible one where nothing is hidden.
    surface: np.ndarray


def hard(disparity: np.ndarray) -> Hidden:
    """Apply the published rule."""
    made = hard_layering(disparity)
    return Hidden(made.occupancy.astype(np.float32), made.disparity - made.hidden, made.hidden)


def stable(disparity: np.ndarray) -> Hidden:
    """Apply the stable layering once, before any network."""
    layering = SoftLayering(LayeringConfig(), max(disparity.shape))
    with torch.inference_mode():
        planes = [plane[0, 0].numpy() for plane in layering(torch.from_numpy(disparity)[None, None])]
    gap = Gap(*planes)
    nearest = np.maximum(gap.envelope, disparity - np.float32(layering.slope))
    return Hidden(gap.occupancy, disparity - gap.source, nearest)


def noisy(disparity: np.ndarray, level: float, seed: int) -> np.ndarray:
    """Add white Gaussian noise of standard deviation `level`."""
    noise = np.random.default_rng(seed).normal(0, level, disparity.shape)
    return np.clip(disparity + noise, 0, 1).astype(np.float32)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Σ min / Σ max; 1 where both are empty."""
    whole = np.maximum(a, b).sum()
    return float(np.minimum(a, b).sum() / whole) if whole else 1.0


def soft(disparity: np.ndarray) -> np.ndarray:
    """Blur as a depth network does."""
    return gaussian(disparity, BLUR_PX, preserve_range=True).astype(np.float32)


def scenes() -> Iterator[tuple[str, np.ndarray]]:
    """Exact disparities of procedural scenes."""
    for seed in range(SCENES):
        yield f"scene {seed}", make_scene(seed, HEIGHT, WIDTH).disparity[0, 0]


def stereo(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Measured disparities of stereo pairs, holes filled with the farther side, scaled to [0, 1]."""
    for path in sorted(folder.glob("*/disp_left.npz")):
        plane = np.load(path)["disp"].astype(np.float32)
        known = np.isfinite(plane)
        if known.mean() < 0.7:
            continue
        far = np.where(known, plane, np.nanmin(plane))
        last = np.maximum.accumulate(np.where(known, np.arange(plane.shape[1]), 0), axis=1)
        plane = np.where(known, plane, np.take_along_axis(far, last, axis=1))
        low, high = plane.min(), plane.max()
        yield path.parent.name, (plane - low) / (high - low)


def measure(sources: list[tuple[str, np.ndarray]], seed: int = 1) -> Scores:
    """Return a score of each disparity by (rule, "share" | "plain" | "weighted" | "gain", noise level)."""
    found: Scores = {}
    for _, plane in track(sources, "layering"):
        for name, rule in zip(RULES, (hard, stable), strict=True):
            clean = rule(plane)
            found.setdefault((name, "share", 0.0), []).append(float(clean.occupancy.mean()))
            for level in LEVELS:
                shaken = noisy(plane, level, seed)
                other = rule(shaken)
                scores = {
                    "plain": overlap(clean.occupancy, other.occupancy),
                    "weighted": overlap(clean.occupancy * clean.gap, other.occupancy * other.gap),
                    "gain": np.abs(other.surface - clean.surface).max() / np.abs(shaken - plane).max(),
                }
                for kind, score in scores.items():
                    found.setdefault((name, kind, level), []).append(float(score))
    return found


def table(title: str, sources: list[tuple[str, np.ndarray]]) -> None:
    """Print medians and the worst as a Markdown table."""
    found = measure(sources)
    print(f"\n{title}: {len(sources)} disparities, median (worst)\n")
    print("| rule | hidden | score | " + " | ".join(f"noise {level:g}" for level in LEVELS) + " |")
    print("|---|---|---|" + "---|" * len(LEVELS))
    for name in RULES:
        share = f"{np.median(found[name, 'share', 0.0]):.1%}"
        for kind, title in KINDS.items():
            worst = max if kind == "gain" else min
            scores = [found[name, kind, level] for level in LEVELS]
            cells = " | ".join(f"{np.median(score):.3g} ({worst(score):.3g})" for score in scores)
            print(f"| {name} | {share} | {title} | {cells} |")


def figure(path: Path, seed: int, level: float) -> None:
    """Write a picture: photo and its soft disparity, then each rule's hidden layer under noise."""
    scene = make_scene(seed, HEIGHT, WIDTH)
    plane = soft(scene.disparity[0, 0])
    shaken = noisy(plane, level, 1)
    tiles = [scene.photo.transpose(1, 2, 0) * 255, np.repeat(plane[..., None] * 255, 3, axis=2)]
    for rule in (hard, stable):
        before, after = (rule(p).occupancy[..., None] for p in (plane, shaken))
        shares = (np.minimum(before, after), np.maximum(before - after, 0), np.maximum(after - before, 0))
        ink = sum(share * (255 - np.array(c)) for share, c in zip(shares, (BOTH, LOST, GAINED), strict=True))
        tiles.append(255 - ink)
    tiles = [np.clip(np.rint(tile), 0, 255).astype(np.uint8) for tile in tiles]
    rows = [np.hstack(tiles[:2]), np.hstack(tiles[2:])]
    Image.fromarray(np.vstack(rows)).save(path, quality=88, optimize=True)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stereo", type=Path, help="folder of pairs with disp_left.npz")
    parser.add_argument("--figure", type=Path, help="where to write the picture")
    parser.add_argument("--scene", type=int, default=0, help="seed of the scene in the picture")
    chosen = parser.parse_args()
    if chosen.figure:
        figure(chosen.figure, chosen.scene, 1e-3)
    exact = list(scenes())
    table("Procedural scenes, exact", exact)
    table("Procedural scenes, soft", [(name, soft(plane)) for name, plane in exact])
    if chosen.stereo:
        pairs = list(stereo(chosen.stereo))
        table("Stereo pairs, exact", pairs)
        table("Stereo pairs, soft", [(name, soft(plane)) for name, plane in pairs])


if __name__ == "__main__":
    main()
