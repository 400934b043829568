"""Depth networks against measured depth: scores of the evaluation kit on its stereo and RGB-D photos.

    python benchmarks/depth_quality.py --evalkit DIR pocket tiefenrausch
    python benchmarks/depth_quality.py --evalkit DIR --recipe recipe.json --depth-size network tiefenrausch

The kit fits scale and shift of disparity robustly to what was measured. `nrmse` is the error left, as a share
of the depth range; `ord_err` the share of pairs of points in the wrong order (0.5: no information). A network
with a recipe is scored a second time as its int8 program (the Q/DQ program that the exported files equal).
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from ldikit.reference.depth.tiefenrausch.network import inner_size
from ldikit.reference.errors import LdikitError
from ldikit.reference.networks import depth_network
from ldikit.reference.photo.resize import to_program
from ldikit.reference.program import DepthStage
from ldikit.reference.progress import track
from ldikit.reference.quantized.program import GraphDepth
from ldikit.reference.quantized.qdq import quantize_graph
from ldikit.reference.quantized.recipe import Recipe
from ldikit.reference.quantized.trace import trace
from ldikit.reference.sizes import choose_size
from torch import nn

KINDS = ("stereo", "rgbd")
SHOWN = ("absrel", "delta1", "ord_err", "nrmse")
Stage = Callable[[int, int], nn.Module]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", help="names or paths, as for --depth")
    parser.add_argument("--evalkit", type=Path, required=True, help="folder of the evaluation kit")
    parser.add_argument("--recipe", type=Path, help="recipe.json: score the int8 programs too")
    parser.add_argument(
        "--depth-size",
        choices=("program", "network"),
        default="program",
        help="384x512 or 512x384, as a phone's program; or what tiefenrausch was published with, at the "
        "photo's own aspect: long side 384",
    )
    parser.add_argument(
        "--raw", action="store_true", help="the network's own output, before the program's steps"
    )
    parser.add_argument("--json", type=Path, help="also write every photo's scores to this file")
    return parser.parse_args(arguments)


def float_stage(name: str, raw: bool) -> Stage:
    """Return a function of a size: the float network, as it is or with the program's steps after it."""

    def make(height: int, width: int) -> nn.Module:
        network = depth_network(name, height, width)
        return network if raw else DepthStage(network).eval()

    return make


def int8_stage(name: str, recipe: Recipe, raw: bool) -> Stage:
    """Return the same of its int8 program."""

    def make(height: int, width: int) -> nn.Module:
        network = depth_network(name, height, width)
        graph = quantize_graph(trace(network, "depth", height, width), recipe.network("depth"))
        if raw:
            return graph
        stage = DepthStage(GraphDepth(graph, network.normalised)).eval()
        stage.sharpen = DepthStage(network).sharpen
        return stage

    return make


class Predictions:
    """Disparity of photos by one network, made once a size.

    Args:
        make: the network for a height and width.
        photo_of: reads the photo of an item of the kit.
        own_size: at the photo's aspect instead of the phone's default size.
    """

    def __init__(self, make: Stage, photo_of: Callable[[dict], np.ndarray], own_size: bool) -> None:
        self.make, self.photo_of, self.own_size = make, photo_of, own_size
        self.stages: dict[tuple[int, int], nn.Module] = {}

    def __call__(self, item: dict, truth: object = None) -> np.ndarray:
        """Return disparity (H, W) at the size of the item's photo."""
        photo = self.photo_of(item)
        height, width = photo.shape[:2]
        if self.own_size:
            size = inner_size(height, width)
            small = cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA)
        else:
            chosen = choose_size(height, width)
            size, small = (chosen.height, chosen.width), photo
        if size not in self.stages:
            self.stages[size] = self.make(*size)
        with torch.inference_mode():
            plane = self.stages[size](torch.from_numpy(to_program(small, *size)))[0, 0].numpy()
        return cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)


def main(arguments: list[str] | None = None) -> int:
    """Score, print a table and write; return the exit code."""
    options = parse(arguments)
    sys.path.insert(0, str(options.evalkit))
    from common import photo
    from depth_metrics import run

    try:
        recipe = None if options.recipe is None else Recipe.read(options.recipe)
        made: dict[str, Stage] = {}
        for name in options.networks:
            made[name] = float_stage(name, options.raw)
            if recipe is not None:
                made[f"{name} int8"] = int8_stage(name, recipe, options.raw)
        own_size = options.depth_size == "network"
        scores = {
            label: run(Predictions(make, photo, own_size), kinds=KINDS)
            for label, make in track(list(made.items()), "networks")
        }
    except LdikitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for kind in KINDS:
        first = next(iter(scores.values()))["median"][f"dev/{kind}"]
        print(f"\n| {kind}, median of {first['n']} | " + " | ".join(SHOWN) + " |")
        print("|---|" + "---|" * len(SHOWN))
        for label, found in scores.items():
            row = found["median"][f"dev/{kind}"]
            print(f"| {label} | " + " | ".join(f"{row[key]:.3f}" for key in SHOWN) + " |")
    if options.json:
        options.json.write_text(json.dumps(scores, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
