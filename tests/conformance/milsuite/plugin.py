"""The pytest plug-in of one process of a run: chooses tests, watches them, writes a line for each.

Its options come from a JSON file named by the environment (`CONFIG`); see `Config`.
"""

import json
import logging
import os
import signal
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .outcomes import Observation, Record, verdict
from .patches import (
    Tolerance,
    answer_as_apple_silicon,
    answer_as_macos,
    leave_garbage_to_python,
    stand_in_for,
    watch_comparisons,
)
from .suites import number, sample, shard

CONFIG = "LDIKIT_CONFORMANCE"


@dataclass(frozen=True)
class Config:
    """What one process is to do.

    Attributes:
        root: the folder of the installed coremltools.
        folder: the suite's folder, from there.
        fraction: the part of its tests to run.
        each: whether to run one case of every test function beside it.
        shard: the number of this process.
        shards: how many there are.
        limit: seconds that a test may take.
        records: the file that gets a JSON line as a test starts, another as it ends, and one for each module
            that cannot be collected. Tests that ended there already are not run again.
    """

    root: str
    folder: str
    fraction: float
    each: bool
    shard: int
    shards: int
    limit: float
    records: str


class OverTime(BaseException):
    """A test took too long. No `except Exception` of the code under test may swallow it."""


class Watch:
    """Observes the test that is running."""

    def __init__(self) -> None:
        self.seen = Observation()
        self.tolerance = Tolerance()

    def start(self) -> None:
        """Begin with a new test."""
        self.seen = Observation()
        self.tolerance.half = False

    def install(self) -> None:
        """Put the evaluator into coremltools and watch its predictions."""
        from ldikit.runtime.mil import SimulatedPredictionWarning, engine

        watch = self
        load, predict = engine.SimulatedProxy.__init__, engine.SimulatedProxy.predict

        def watched_load(proxy: Any, *args: Any, **kwargs: Any) -> None:
            load(proxy, *args, **kwargs)
            if proxy._model is None:
                watch.seen.refusals.append(proxy._refusal)
            else:
                watch.seen.loaded |= {operation.kind for operation in proxy.model.function.walk()}

        def watched_predict(proxy: Any, data: Any, state: Any = None) -> Any:
            watch.seen.predictions += 1
            function = proxy.model.function
            types = list(function.types().values())
            for operation in function.walk():
                watch.seen.operations.add(operation.kind)
                types += [value.type for value in operation.outputs]
            watch.tolerance.half |= any(type_.dtype.is_half for type_ in types)
            return predict(proxy, data, state)

        engine.SimulatedProxy.__init__ = watched_load  # type: ignore[method-assign]
        engine.SimulatedProxy.predict = watched_predict  # type: ignore[method-assign]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SimulatedPredictionWarning)
            engine.install()
        watch_comparisons(self.tolerance, self.compared)

    def compared(self, values: tuple[Any, ...]) -> None:
        """Note a comparison of values; shapes and lengths, which are tuples and ints, are none."""
        if self.seen.predictions and any(isinstance(v, np.ndarray | np.generic | float) for v in values):
            self.seen.compared = True


class Conformance:
    """The hooks."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.watch = Watch()
        self.records = Path(config.records)
        self._done = {line["node"] for line in self._lines() if "verdict" in line}
        self._reports: list[pytest.TestReport] = []

    def _lines(self) -> list[dict[str, Any]]:
        if not self.records.exists():
            return []
        return [json.loads(line) for line in self.records.read_text().splitlines()]

    def _write(self, line: dict[str, Any]) -> None:
        with self.records.open("a") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def _name(self, node: str) -> str:
        """pytest's name of a test, from the suite's folder on."""
        return node.removeprefix(f"{self.config.folder}/")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        config = self.config
        by_name = {self._name(item.nodeid): item for item in items}
        items[:] = [
            by_name[name]
            for name in sample(by_name, config.fraction, config.each)
            if shard(name, config.shards) == config.shard and name not in self._done
        ]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed or report.skipped:
            last = str(report.longrepr).strip().splitlines()[-1]
            if isinstance(report.longrepr, tuple):
                last = report.longrepr[2]
            self._write({"module": self._name(report.nodeid), "error": last.removeprefix("E").strip()})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        import torch

        name = self._name(item.nodeid)
        self._write({"node": name, "started": True})
        self._reports = []
        self.watch.start()
        # Each test draws the same numbers whatever ran before it.
        np.random.seed(number(name))
        torch.manual_seed(number(name))
        started = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, self.config.limit)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            outcome, message = _outcome(self._reports)
            seen = self.watch.seen
            judged, reason = verdict(outcome, message, seen)
            operations = seen.operations or seen.loaded
            seconds = round(time.perf_counter() - started, 3)
            self._write(asdict(Record(name, judged, reason, tuple(sorted(operations)), seconds)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.append(report)


def _outcome(reports: list[pytest.TestReport]) -> tuple[str, str]:
    """What pytest says of a test from its three phases, and the message that goes with it."""
    for report in reports:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            return "failed", crash.message if crash else str(report.longrepr)
    for report in reports:
        if hasattr(report, "wasxfail"):
            outcome = "xfailed" if report.skipped else "xpassed"
            return outcome, str(report.wasxfail).removeprefix("reason: ")
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            return "skipped", reason.removeprefix("Skipped: ")
    return "passed", ""


def _over_time(number: int, frame: object) -> None:
    raise OverTime("over the time limit")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare coremltools before its tests are collected."""
    import torch

    options = Config(**json.loads(Path(os.environ[CONFIG]).read_text()))
    torch.set_num_threads(1)
    import coremltools

    logging.getLogger(coremltools.__name__).setLevel(logging.ERROR)
    answer_as_macos()
    leave_garbage_to_python()
    for missing in ("torchvision", "peft"):
        stand_in_for(missing)
    conformance = Conformance(options)
    conformance.watch.install()
    from coremltools.converters.mil import testing_utils

    with answer_as_apple_silicon():
        from coremltools.converters.mil.frontend.torch.test import testing_utils as torch_utils
    tolerance = conformance.watch.tolerance
    testing_utils.compare_backend = tolerance.instead_of_its_own(testing_utils.compare_backend)
    torch_utils.convert_and_compare = tolerance.instead_of_its_own(torch_utils.convert_and_compare)
    signal.signal(signal.SIGALRM, _over_time)
    config.pluginmanager.register(conformance, "conformance")
