"""Runs coremltools' own tests of operations and of its torch frontend against the evaluator.

    python tests/conformance/run.py                       a sample, about 3 minutes on two cores
    python tests/conformance/run.py --all --write         everything, and docs/coreml-conformance.md
    python tests/conformance/run.py --all --part torch=0.05   all operations, a twentieth of the frontend

Exits with 0 only if enough of the counted tests pass (99.5 % of the operations', 99 % of the torch
frontend's) and every failure is explained in milsuite/explanations.toml; with 3 where coremltools is not
installed.
"""

import argparse
import json
import signal
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from milsuite.report import summary, write
from milsuite.runner import run
from milsuite.suites import SUITES

_REPOSITORY = Path(__file__).resolve().parents[2]
_REPORT = _REPOSITORY / "docs" / "coreml-conformance.md"


def _part(text: str) -> tuple[str, float]:
    suite, _, fraction = text.partition("=")
    if suite not in SUITES:
        raise ValueError(text)
    return suite, float(fraction)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", choices=SUITES, help="one suite (default: all)")
    parser.add_argument("--all", action="store_true", help="every test, not a sample")
    parser.add_argument("--fraction", type=float, help="a sample of this part of the tests")
    parser.add_argument(
        "--part",
        type=_part,
        action="append",
        default=[],
        metavar="SUITE=FRACTION",
        help="a sample of this part of one suite's tests, whatever holds for the others",
    )
    parser.add_argument("--processes", type=int, default=2, help="processes at a time (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=60, help="seconds for one test (default: %(default)g)")
    parser.add_argument(
        "--minutes", type=float, help="stop each suite after so many minutes: a smaller sample"
    )
    parser.add_argument(
        "--records", type=Path, help="keep the records of all tests here, and go on with them"
    )
    parser.add_argument("--json", type=Path, help="write all results as JSON")
    parser.add_argument("--write", action="store_true", help=f"write {_REPORT.relative_to(_REPOSITORY)}")
    return parser.parse_args()


def _command(options: argparse.Namespace) -> str:
    """The command line that chooses the same tests, without where the results go."""
    command = ["python tests/conformance/run.py", "--all" if options.all else ""]
    command += [
        f"--{name} {getattr(options, name):g}" for name in ("fraction", "minutes") if getattr(options, name)
    ]
    command += [f"--part {suite}={part:g}" for suite, part in options.part]
    command += [f"--suite {options.suite}" if options.suite else ""]
    return " ".join(filter(None, [*command, "--write"]))


def main() -> int:
    """Run what the command line asks for, print a summary, and return the exit code."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the pytest processes are ended, too
    spec = find_spec("coremltools")
    if spec is None or spec.origin is None:
        sys.stderr.write("coremltools is not installed: pip install 'ldikit[coreml]'\n")
        return 3
    with tempfile.TemporaryDirectory(prefix="conformance-records-") as scratch:
        folder = (options.records or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        results = [
            run(
                suite,
                Path(spec.origin).parent,
                folder,
                dict(options.part).get(suite.name, 1.0 if options.all else options.fraction or suite.sample),
                options.processes,
                options.limit,
                options.minutes,
            )
            for suite in SUITES.values()
            if options.suite in (None, suite.name)
        ]
    if options.json:
        options.json.write_text(json.dumps([result.as_json() for result in results], indent=1) + "\n")
    if options.write:
        write(_REPORT, results, _command(options))
    sys.stdout.write(summary(results) + "\n")
    return 0 if all(result.good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
