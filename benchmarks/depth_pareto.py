"""Depth networks on a plot: error on photos with measured depth against the latency of their int8 file.

    python benchmarks/depth_pareto.py --evalkit DIR pocket@288x384 pocket@384x512 tiefenrausch@384x512

Each candidate is NETWORK@HEIGHTxWIDTH, landscape; portraits are scored in a program turned by 90°. Error is
of the float depth stage (network, scale, edge refinement) by the evaluation kit, medians over all its items
(the order of pairs of points is known for more of them than depth in metres). Latency is of the same stage as
an int8 TFLite file in LiteRT, one thread, the candidates in turn round by round, so that ratios hold where
milliseconds do not. The recipe is the package's where there is one, else it is calibrated on scenes.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from ldikit.calibration.samples import scene_samples
from ldikit.export.convert import export_file
from ldikit.export.quantisation import Quantisation
from ldikit.export.recipes import calibrated, ready_recipe
from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import LdikitError
from ldikit.reference.files import atomic_file
from ldikit.reference.networks import depth_network
from ldikit.reference.photo.resize import to_program
from ldikit.reference.pipeline import build_program
from ldikit.reference.program import DepthStage
from ldikit.reference.progress import track
from ldikit.reference.sizes import ProgramSize, parse_size
from ldikit.runtime.backends.loader import open_runner
from ldikit.runtime.profiling.macs import count_macs
from ldikit.runtime.profiling.timing import interleave, paired_ratio, summarise

SCENES = 8
WIDTH, HEIGHT, MARGIN = 640, 400, 64
COLORS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2")


class Point(NamedTuple):
    """One candidate, measured."""

    label: str
    gmac: float
    absrel: float
    delta1: float
    ord_err: float
    boundary_f1: float
    ms: float
    ratio: float


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("candidates", nargs="+", help="NETWORK@HEIGHTxWIDTH; the first is the ratio's 1")
    parser.add_argument("--evalkit", type=Path, required=True, help="folder of the evaluation kit")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds to time (default 60)")
    parser.add_argument("--output", type=Path, default=Path("out/depth-pareto.svg"), help="the plot")
    return parser.parse_args(arguments)


def int8_run(name: str, size: ProgramSize, folder: Path) -> Callable[[], float]:
    """Export the depth stage in int8 and return what runs it once and gives its milliseconds."""
    config = PipelineConfig(depth=name)
    program = build_program(config, size.height, size.width)
    if name == "pocket":
        ready = ready_recipe(config)
        quantisation = Quantisation(ready.recipe, ready.weights)
    else:
        quantisation = Quantisation(calibrated(config, scene_samples(SCENES)), None)
    path = folder / f"{Path(name).name}-{size}.tflite"
    entry = export_file(program, "depth", size, "tflite", "int8", path, quantisation).entry
    runner = open_runner(path, entry)
    rng = np.random.default_rng(0)
    inputs = {spec.name: rng.random(spec.shape).astype(np.float32) for spec in entry.inputs}

    def once() -> float:
        start = time.perf_counter()
        runner.infer(inputs)
        return 1e3 * (time.perf_counter() - start)

    once()
    return once


def scores(name: str, size: ProgramSize, evalkit: Path) -> dict[str, float]:
    """Return the kit's medians of the float depth stage."""
    sys.path.insert(0, str(evalkit))
    from common import photo
    from depth_metrics import run

    stages: dict[tuple[int, int], DepthStage] = {}

    def predict(item: dict, truth: object) -> np.ndarray:
        pixels = photo(item)
        height, width = pixels.shape[:2]
        sides = (size.width, size.height) if height > width else (size.height, size.width)
        if sides not in stages:
            stages[sides] = DepthStage(depth_network(name, *sides)).eval()
        with torch.inference_mode():
            plane = stages[sides](torch.from_numpy(to_program(pixels, *sides)))[0, 0].numpy()
        return cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)

    return run(predict)["median"]["dev/all"]


def plot(points: Sequence[Point]) -> str:
    """Return an SVG of ordinal error (up) against relative latency (right, logarithmic)."""
    across, up = np.log([p.ratio for p in points]), np.array([p.ord_err for p in points])
    pad = 0.15 * max(float(np.ptp(across)), 0.2)
    left, right = float(across.min()) - pad, float(across.max()) + 3 * pad
    low, high = float(up.min()) - 0.02, float(up.max()) + 0.02
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<path d="M{MARGIN} {MARGIN // 2}V{HEIGHT - MARGIN}H{WIDTH - MARGIN // 2}" fill="none" '
        'stroke="#9ca3af"/>',
        f'<text x="{WIDTH // 2}" y="{HEIGHT - 18}" text-anchor="middle">int8 latency of the depth stage, '
        f"{points[0].label} = 1 (LiteRT, one thread)</text>",
        f'<text transform="translate(18 {HEIGHT // 2}) rotate(-90)" text-anchor="middle">'
        "ordinal error on photos (less is better)</text>",
    ]
    for index, (point, x, y) in enumerate(zip(points, across, up, strict=True)):
        color = COLORS[index % len(COLORS)]
        cx = MARGIN + (WIDTH - 1.5 * MARGIN) * (x - left) / (right - left)
        cy = HEIGHT - MARGIN - (HEIGHT - 1.5 * MARGIN) * (y - low) / (high - low)
        parts.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="5" fill="{color}"/>')
        parts.append(
            f'<text x="{cx + 9:.1f}" y="{cy + 4:.1f}" fill="{color}">{point.label}: '
            f"{point.ord_err:.3f}, ×{point.ratio:.2f}</text>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print a table and draw; return the exit code."""
    options = parse(arguments)
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            chosen: dict[str, tuple[str, ProgramSize]] = {}
            for text in options.candidates:
                name, _, size = text.rpartition("@")
                chosen[f"{Path(name).name}@{size}"] = (name, parse_size(size))
            quality = {
                label: scores(*pair, options.evalkit) for label, pair in track(chosen.items(), "quality")
            }
            macs = {
                label: count_macs(
                    build_program(PipelineConfig(depth=name), size.height, size.width),
                    size.height,
                    size.width,
                )["depth"]
                for label, (name, size) in chosen.items()
            }
            runs = {
                label: int8_run(name, size, Path(scratch))
                for label, (name, size) in track(chosen.items(), "export")
            }
            samples = interleave(runs, options.budget)
    except LdikitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    first = next(iter(samples.values()))
    points = [
        Point(
            label,
            macs[label] / 1e9,
            *(quality[label][key] for key in ("absrel", "delta1", "ord_err", "boundary_f1")),
            summarise(samples[label]).p50,
            paired_ratio(samples[label], first),
        )
        for label in chosen
    ]
    print("| depth stage | GMAC | AbsRel | δ1 | ordinal error | boundary F1 | int8 ms | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for p in points:
        print(
            f"| {p.label} | {p.gmac:.2f} | {p.absrel:.3f} | {p.delta1:.3f} | {p.ord_err:.3f} | "
            f"{p.boundary_f1:.3f} | {p.ms:.1f} | {p.ratio:.2f} |"
        )
    for suffix, text in ((".svg", plot(points)), (".json", json.dumps([p._asdict() for p in points]) + "\n")):
        with atomic_file(options.output.with_suffix(suffix), overwrite=True) as file:
            file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
