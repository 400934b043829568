"""Runs a suite in several pytest processes and gathers what they wrote."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from .outcomes import FAILED, Record, one_line
from .plugin import CONFIG, Config
from .report import Result
from .suites import Suite

_ROOT = Path(__file__).resolve().parents[1]
_ORDERLY = (0, 1, 5)
"""pytest's exit codes of a run that reached its end: all passed, some failed, none chosen."""
_RESTARTS = 50


def _command(file: Path, config: Config) -> tuple[list[str], dict[str, str]]:
    options = ["-p", "milsuite.plugin", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull]
    options += ["--continue-on-collection-errors", "-q", "--no-header", "--tb=line", "-W", "ignore"]
    options += [f"--rootdir={config.root}", str(Path(config.root, config.folder))]
    environment = os.environ | {
        CONFIG: str(file),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])),
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
                modules[line["module"]] = one_line(line["error"])
            elif "verdict" in line:
                line["operations"] = tuple(line["operations"])
                records[line["node"]] = Record(**line)
    return sorted(records.values(), key=lambda record: record.node), modules


def run(
    suite: Suite,
    root: Path,
    folder: Path,
    fraction: float = 1.0,
    processes: int = 1,
    limit: float = 60,
    minutes: float | None = None,
) -> Result:
    """Run a suite, or go on with it where `folder` holds results of it.

    Args:
        suite: what to run.
        root: the folder of the installed coremltools.
        folder: where the records go.
        fraction: the part of its tests to run.
        processes: how many at a time.
        limit: seconds that one test may take.
        minutes: when to stop before the end; None: never.
    """
    started = time.monotonic()
    files = [folder / f"{suite.name}-{i}of{processes}.jsonl" for i in range(processes)]
    configs = [
        Config(str(root), suite.folder, fraction, suite.each, i, processes, limit, str(file))
        for i, file in enumerate(files)
    ]
    cut_off = False
    with tempfile.TemporaryDirectory(prefix="conformance-") as scratch:
        shards = [Process(config, Path(scratch)) for config in configs]
        try:
            while sum(shard.running() for shard in shards):
                time.sleep(0.2)
                if minutes is not None and time.monotonic() - started > minutes * 60:
                    cut_off = True
                    break
        finally:
            for shard in shards:
                shard.stop()
    records, modules = read(files)
    return Result(suite, fraction, records, modules, cut_off)
