"""The pocket program on onnxruntime and litert against its torch reference, in one interleaved run.

Exports the program (or takes a bundle), times every candidate in turn on one and two threads, prints a table
of medians and ratios, and writes it as pocket.md beside the whole profile as pocket.json.

    python benchmarks/pocket.py --output out/bench
"""

import argparse
import sys
import tempfile
from pathlib import Path

from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import LdikitError
from ldikit.reference.files import atomic_file
from ldikit.reference.sizes import parse_size
from ldikit.runtime.bundle import Bundle, open_bundle
from ldikit.runtime.profiling.profile import profile
from ldikit.runtime.profiling.table import markdown


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("out/bench"), help="folder for the results")
    parser.add_argument("--bundle", type=Path, help="measure this bundle instead of exporting one")
    parser.add_argument("--budget", type=float, default=120.0, help="seconds to measure (default 120)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--size", default="384x512", help="HEIGHTxWIDTH of the program")
    return parser.parse_args(arguments)


def export(folder: Path, size: str) -> Bundle:
    """Export what is compared: the whole program in every precision for both runtimes."""
    from ldikit.export.bundle import export_bundle
    from ldikit.export.recipes import ready_recipe

    config = PipelineConfig()
    ready = ready_recipe(config)
    export_bundle(
        config,
        folder,
        formats=("onnx", "tflite"),
        precisions=("fp32", "fp16", "int8"),
        sizes=(parse_size(size),),
        recipe=ready.recipe,
        recipe_weights=ready.weights,
    )
    return open_bundle(folder)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; return the exit code."""
    options = parse(arguments)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            if options.bundle:
                bundle = open_bundle(options.bundle)
            else:
                bundle = export(Path(scratch) / "bundle", options.size)
            report = profile(
                bundle,
                budget_s=options.budget,
                threads=options.threads,
                sizes=(options.size,),
                operations=False,
            )
        table = markdown(report)
        for name, text in (("pocket.md", table), ("pocket.json", report.to_json())):
            with atomic_file(options.output / name, overwrite=True) as file:
                file.write_text(text, encoding="utf-8")
    except LdikitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
