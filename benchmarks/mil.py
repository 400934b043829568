"""The Core ML evaluator against torch: accuracy, speed and memory on networks that phones run.

Each network is converted by coremltools at FLOAT32 and saved; the saved package is evaluated and timed in
turn with the torch module that it came from, and once more in a process of its own, where its memory is
measured.
Prints a table and writes it as mil.md, beside all times as mil.json.

    python benchmarks/mil.py --output out/mil                   # everything, at published sizes
    python benchmarks/mil.py --network MobileNetV3-Large --rounds 20
"""

import argparse
import json
import logging
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from ldikit.reference.files import atomic_file
from ldikit.runtime.mil import MilModel, load
from mil_networks import NETWORKS, make

_VIEWS = ("reshape", "transpose", "expand_dims", "squeeze", "identity")
"""Operations whose result shares the memory of their input."""
_BYTES = 4
"""Of an element while the evaluator runs: float32 and int32."""


@dataclass(frozen=True)
class Row:
    """What was measured of a network.

    Attributes:
        network: its name.
        size: height and width of its input.
        error: the greatest difference of an output from torch's, over the output's range.
        torch_s, evaluator_s: seconds of each round, taken in turn.
        package_bytes: the size of the saved package.
        live_bytes: the most that activations which are still needed take at once.
        memory_bytes: the most memory that loading and one prediction took beyond the libraries'.
    """

    network: str
    size: int
    error: float
    torch_s: list[float]
    evaluator_s: list[float]
    package_bytes: int
    live_bytes: int
    memory_bytes: int

    @property
    def ratio(self) -> float:
        """Median, over the rounds, of the evaluator's time over torch's."""
        return median(b / a for a, b in zip(self.torch_s, self.evaluator_s, strict=True))

    @property
    def allowed_bytes(self) -> int:
        """Twice the package and the largest live activations."""
        return 2 * self.package_bytes + self.live_bytes


def convert(network: torch.nn.Module, x: torch.Tensor, path: Path) -> None:
    """Save a network as an ML Program of iOS17 in single precision."""
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    import coremltools as ct

    exported = torch.export.export(network, (x,)).run_decompositions({})
    model = ct.convert(
        exported,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    model.save(str(path))


def worst_error(got: dict[str, np.ndarray], wanted: list[np.ndarray]) -> float:
    """Return the greatest difference of an output, over its range; outputs come in torch's order."""
    return max(
        float(np.abs(a.astype(np.float64) - b).max() / np.ptp(b))
        for a, b in zip(got.values(), wanted, strict=True)
    )


def in_turn(first: Callable[[], object], second: Callable[[], object], rounds: int) -> list[list[float]]:
    """Time two functions in turn, after one call of each; return the seconds of each round."""
    times: list[list[float]] = [[], []]
    for _ in range(rounds + 1):
        for run, taken in zip((first, second), times, strict=True):
            started = time.perf_counter()
            run()
            taken.append(time.perf_counter() - started)
    return [taken[1:] for taken in times]


def live_bytes(model: MilModel) -> int:
    """Return the most bytes of values that an operation reads, writes or leaves for later ones."""
    function = model.function
    types, root = function.types(), {}
    last: dict[str, int] = {}
    for place, operation in enumerate(function.operations):
        used = [b for bound in operation.inputs.values() for b in bound if isinstance(b, str)]
        for value in operation.outputs:
            shared = operation.kind in _VIEWS and used and used[0] not in function.constants
            root[value.name] = root.get(used[0], used[0]) if shared else value.name
        last |= {root.get(name, name): place for name in used}
    last |= {root.get(name, name): len(function.operations) for name in function.outputs}
    alive = {value.name for value in function.inputs}
    most = 0
    for place, operation in enumerate(function.operations):
        alive |= {root[value.name] for value in operation.outputs}
        size = sum(_BYTES * int(np.prod(types[name].shape)) for name in alive)
        most = max(most, size)
        alive = {name for name in alive if last.get(name, place) > place}
    return most


def _memory(key: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def measure_memory(path: Path, name: str, x: np.ndarray) -> int:
    """Load and predict once; return the bytes that it took at most. Run in a process of its own, on Linux."""
    torch.set_num_threads(1)
    with torch.inference_mode():  # so that torch's own libraries are there before the measurement
        small = torch.randn(1, 8, 16, 16)
        torch.nn.functional.conv2d(small, torch.randn(8, 8, 3, 3)) @ torch.randn(14, 14)
    from ldikit.runtime.mil.registry import operations

    operations()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    before = _memory("VmRSS")
    load(path).predict({name: x})
    return _memory("VmHWM") - before


def measure(name: str, rounds: int, folder: Path) -> Row:
    """Convert one network and measure it."""
    network, x = make(name)
    path = folder / "network.mlpackage"
    convert(network, x, path)
    model = load(path)
    inputs = {model.inputs[0].name: x.numpy()}
    with torch.inference_mode():
        wanted = network(x)
        results = [w.numpy() for w in (wanted if isinstance(wanted, tuple) else (wanted,))]
        error = worst_error(model.predict(inputs), results)
        torch_s, evaluator_s = in_turn(lambda: network(x), lambda: model.predict(inputs), rounds)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        memory = pool.apply(measure_memory, (path, model.inputs[0].name, x.numpy()))
    package = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return Row(name, x.shape[-1], error, torch_s, evaluator_s, package, live_bytes(model), memory)


def table(rows: list[Row], threads: int) -> str:
    """Return the rows as Markdown."""
    lines = [
        f"{threads} thread{'s' * (threads > 1)}, median of {len(rows[0].torch_s)} rounds in turn, "
        f"torch {torch.__version__}",
        "",
        "| Network | input | error / range | torch | evaluator | ratio | memory | package | live | allowed |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        mib = [
            f"{size / 2**20:.0f} MiB"
            for size in (row.memory_bytes, row.package_bytes, row.live_bytes, row.allowed_bytes)
        ]
        times = [f"{median(taken) * 1e3:.0f} ms" for taken in (row.torch_s, row.evaluator_s)]
        cells = [row.network, f"{row.size}²", f"{row.error:.1e}", *times, f"{row.ratio:.2f}", *mib]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("out/mil"), help="folder for the results")
    parser.add_argument("--network", choices=NETWORKS, action="append", help="only these")
    parser.add_argument("--rounds", type=int, default=10, help="timings of each (default 10)")
    parser.add_argument("--threads", type=int, default=1, help="of torch, in both (default 1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    rows = []
    for name in options.network or NETWORKS:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(measure(name, options.rounds, Path(scratch)))
    text = table(rows, options.threads)
    data = json.dumps([asdict(row) for row in rows], indent=1) + "\n"
    for file_name, content in (("mil.md", text), ("mil.json", data)):
        with atomic_file(options.output / file_name, overwrite=True) as file:
            file.write_text(content, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
