"""Runs coremltools' own tests of operations and of its torch frontend against the evaluator.

    python tests/conformance/run.py                       a sample, about 3 minutes on two cores
    python tests/conformance/run.py --all --write         everything, and docs/coreml-conformance.md

Exits with 0 only if enough of the counted tests pass (99.5 % of the operations', 99 % of the torch
frontend's) and every failure is explained in milsuite/explanations.toml; with 3 where coremltools is not
installed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from milsuite.outcomes import FAILED, Record
from milsuite.plugin import CONFIG, Config
from milsuite.report import Result, summary, write
from milsuite.suites import SUITES, Suite

HERE = Path(__file__).resolve().parent
REPORT = HERE.parents[1] / "docs" / "coreml-conformance.md"
_ORDERLY = (0, 1, 5)
"""pytest's exit codes of a run that reached its end: all passed, some failed, none chosen."""
_RESTARTS = 50


def _command(file: Path, config: Config) -> tuple[list[str], dict[str, str]]:
    options = ["-p", "milsuite.plugin", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull]
    options += ["--continue-on-collection-errors", "-q", "--no-header", "--tb=line", "-W", "ignore"]
    options += [f"--rootdir={config.root}", str(Path(config.root, config.folder))]
    environment = os.environ | {
        CONFIG: str(file),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
        "PYTHONHASHSEED": "0",  # some parameters of tests come out of sets
        "PYMIL_TEST_TARGETS": "mlprogram",
        "INCLUDE_MIL_FP32_UNIT_TESTS": "1",
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(file.parent),
    }
    return [sys.executable, "-m", "pytest", *options], environment


class Process:
    """One pytest process, started again after a crash of the interpreter, without the test that caused it."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config = config
        self._folder = Path(tempfile.mkdtemp(prefix=f"shard{config.shard}-", dir=folder))
        self._file = self._folder / "config.json"
        self._file.write_text(json.dumps(asdict(config)))
        self._starts = 0
        self._start()

    def _start(self) -> None:
        command, environment = _command(self._file, self.config)
        self._starts += 1
        self._log = self._folder / f"pytest{self._starts}.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def running(self) -> bool:
        """Whether there is more to come."""
        code = self._process.poll()
        if code is None:
            return True
        if code in _ORDERLY:
            return False
        crashed = unfinished(Path(self.config.records))
        if crashed is None or self._starts > _RESTARTS:
            raise SystemExit(
                f"pytest ended with {code} and no test was running:\n{self._log.read_text()[-3000:]}"
            )
        record = Record(crashed, FAILED, f"the interpreter died (exit code {code})", (), 0.0)
        with Path(self.config.records).open("a") as file:
            file.write(json.dumps(asdict(record)) + "\n")
        self._start()
        return True

    def stop(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()


def unfinished(records: Path) -> str | None:
    """The test that started last and did not end, or None."""
    last = None
    for text in records.read_text().splitlines() if records.exists() else ():
        line = json.loads(text)
        if line.get("started"):
            last = line["node"]
        elif line.get("node") == last:
            last = None
    return last


def read(files: list[Path]) -> tuple[list[Record], dict[str, str]]:
    """The results in the files of a suite: records by name, and modules that were not collected."""
    records: dict[str, Record] = {}
    modules: dict[str, str] = {}
    for file in files:
        for text in file.read_text().splitlines():
            line = json.loads(text)
            if "module" in line:
                modules[line["module"]] = line["error"]
            elif "verdict" in line:
                line["operations"] = tuple(line["operations"])
                records[line["node"]] = Record(**line)
    return sorted(records.values(), key=lambda record: record.node), modules


def run(
    suite: Suite, fraction: float, processes: int, limit: float, folder: Path, minutes: float | None
) -> Result:
    """Run a suite, or go on with it where `folder` holds results of it.

    Args:
        suite: what to run.
        fraction: the part of its tests to run.
        processes: how many at a time.
        limit: seconds that one test may take.
        folder: where the records go.
        minutes: when to stop before the end; None: never.
    """
    spec = find_spec("coremltools")
    if spec is None or spec.origin is None:
        sys.stderr.write("coremltools is not installed: pip install 'ldikit[coreml]'\n")
        raise SystemExit(3)
    root = str(Path(spec.origin).parent)
    started = time.monotonic()
    files = [folder / f"{suite.name}-{i}of{processes}.jsonl" for i in range(processes)]
    configs = [
        Config(root, suite.folder, fraction, i, processes, limit, str(file)) for i, file in enumerate(files)
    ]
    cut_off = False
    with tempfile.TemporaryDirectory(prefix="conformance-") as scratch:
        shards = [Process(config, Path(scratch)) for config in configs]
        try:
            while sum(shard.running() for shard in shards):
                time.sleep(0.5)
                if minutes is not None and time.monotonic() - started > minutes * 60:
                    cut_off = True
                    break
        finally:
            for shard in shards:
                shard.stop()
    records, modules = read(files)
    return Result(suite, fraction, records, modules, cut_off)


def main() -> int:
    """Run what the command line asks for, print a summary, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", choices=SUITES, help="one suite (default: all)")
    parser.add_argument("--all", action="store_true", help="every test, not a sample")
    parser.add_argument(
        "--fraction", type=float, help="the part of the tests to run, instead of the default sample"
    )
    parser.add_argument("--processes", type=int, default=2, help="processes at a time (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=60, help="seconds for one test (default: %(default)g)")
    parser.add_argument("--minutes", type=float, help="stop each suite after so many minutes")
    parser.add_argument(
        "--records", type=Path, help="keep the records of all tests here, and go on with them"
    )
    parser.add_argument("--json", type=Path, help="write all results as JSON")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(HERE.parents[1])}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="conformance-records-") as scratch:
        folder = options.records or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        results = [
            run(
                suite,
                1.0 if options.all else options.fraction or suite.sample,
                options.processes,
                options.limit,
                folder.resolve(),
                options.minutes,
            )
            for suite in SUITES.values()
            if options.suite in (None, suite.name)
        ]
    if options.json:
        options.json.write_text(json.dumps([result.as_json() for result in results], indent=1) + "\n")
    if options.write:
        arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
        write(REPORT, results, " ".join(["python tests/conformance/run.py", *arguments]))
    sys.stdout.write(summary(results) + "\n")
    return 0 if all(result.good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
