"""Photo to layers by the float reference: time by stage, and memory, for networks and sizes.

    python benchmarks/reference.py
    python benchmarks/reference.py --inpaint pocket FOLDER --sizes 768x1024 --device cuda --half
    python benchmarks/reference.py --random shih --threads 2    # seeded weights where none are at hand

Each combination runs in a process of its own, so that its memory is its own: the most that the process had
resident ("RAM"), and on a GPU the most that torch had there. Stages are timed one by one on the same photo,
the median of the rounds after a first one that is not counted: `depth`, `layering` and `inpainting` of all
layers, `enlarging` the layers to the photo's size. `whole` is one call of the reference, without enlarging.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import LdikitError
from ldikit.reference.fullres import full_resolution
from ldikit.reference.inpaint.protocol import inpaint_networks
from ldikit.reference.inpaint.shih.network import ShihInpaint
from ldikit.reference.inpaint.shih.unet import color_unet, depth_unet
from ldikit.reference.layering.soft import Gap
from ldikit.reference.photo.resize import to_program
from ldikit.reference.pipeline import Reference
from ldikit.reference.progress import track
from ldikit.reference.sizes import parse_size
from PIL import Image

STAGES = ("depth", "layering", "inpainting", "whole", "enlarging")
RANDOM = "random-shih"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depth", nargs="+", default=["pocket"], help="networks, as for --depth")
    parser.add_argument("--inpaint", nargs="+", default=["pocket"], help="networks, as for --inpaint")
    parser.add_argument(
        "--random", choices=("shih",), help="also this one, of published size with seeded weights"
    )
    parser.add_argument(
        "--sizes", nargs="+", default=["384x512", "768x1024"], help="HEIGHTxWIDTH of the program"
    )
    parser.add_argument("--photo", default="3000x4000", help="HEIGHTxWIDTH of the photo")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--half", action="store_true", help="networks in half precision")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def a_photo(size: str) -> np.ndarray:
    """Return blotches of colour with sharp cards before them, (H, W, 3) uint8."""
    height, width = (int(side) for side in size.split("x"))
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 200, (12, 16, 3), np.uint8)).resize((width, height))
    photo = np.asarray(picture).copy()
    for top, left in rng.uniform(0, 0.8, (8, 2)):
        photo[int(top * height) :, int(left * width) :][: height // 5, : width // 6] = rng.integers(0, 256, 3)
    return photo


def median_seconds(run: Callable[[], object], rounds: int, device: str) -> float:
    """Return the median time of a function, after one round that warms up."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        run()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def measure(depth: str, inpaint: str, size: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the seconds of every stage and the bytes of memory."""
    torch.set_num_threads(options.threads)
    if inpaint == RANDOM:
        torch.manual_seed(0)
        inpaint_networks.register(RANDOM)(lambda h, w: ShihInpaint(h, w, depth_unet(), color_unet()).eval())
    shape = parse_size(size)
    config = PipelineConfig(depth=depth, inpaint=inpaint)
    reference = Reference(config, shape, options.device, options.half)
    program, photo = reference.program(shape), a_photo(options.photo)
    with torch.inference_mode():
        tensor = torch.from_numpy(to_program(photo, shape.height, shape.width)).to(options.device)
        disparity = program.depth(tensor)
        planes = program.layering(disparity)[:-1]
        hidden = program.layers - 1

        def layering() -> None:
            before = None
            for _ in range(hidden):
                *gap, _ = program.layering(disparity)
                before = program.layering.layering.reachable(before, disparity, Gap(*gap))

        def inpainting() -> None:
            for _ in range(hidden):
                program.inpainting(tensor, disparity, *planes)

        ldi = reference(photo)
        runs: dict[str, Callable[[], object]] = {
            "depth": lambda: program.depth(tensor),
            "layering": layering,
            "inpainting": inpainting,
            "whole": lambda: reference(photo),
        }
        seconds = {name: median_seconds(run, options.rounds, options.device) for name, run in runs.items()}
        ram = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        seconds["enlarging"] = median_seconds(
            lambda: [None for _ in full_resolution(photo, ldi, workers=options.threads)], 1, "cpu"
        )
    gpu = 0 if options.device == "cpu" else torch.cuda.max_memory_allocated()
    return {"depth": depth, "inpaint": inpaint, "size": size, "seconds": seconds, "ram": ram, "gpu": gpu}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print a table; return the exit code."""
    options = parse(arguments)
    if options.one:
        try:
            print(json.dumps(measure(*json.loads(options.one), options)))
        except LdikitError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        return 0
    inpaint = [*options.inpaint, *([RANDOM] if options.random else [])]
    combinations = [(d, i, s) for d in options.depth for i in inpaint for s in options.sizes]
    found = []
    for combination in track(combinations, "measuring"):
        command = [sys.executable, __file__, *(arguments or sys.argv[1:]), "--one", json.dumps(combination)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            return done.returncode
        found.append(json.loads(done.stdout))
    where = options.device if options.device == "cpu" else torch.cuda.get_device_name()
    print(f"{where}, {options.threads} threads, torch {torch.__version__}, photo {options.photo}; seconds")
    print("\n| depth | inpainting | program | " + " | ".join(STAGES) + " | RAM GB | GPU GB |")
    print("|---|---|---|" + "---|" * (len(STAGES) + 2))
    for row in found:
        times = " | ".join(f"{row['seconds'][stage]:.2f}" for stage in STAGES)
        memory = (
            f"{row['ram'] / 1e9:.1f} | {row['gpu'] / 1e9:.1f}"
            if row["gpu"]
            else f"{row['ram'] / 1e9:.1f} | –"
        )
        print(f"| {row['depth']} | {row['inpaint']} | {row['size']} | {times} | {memory} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
