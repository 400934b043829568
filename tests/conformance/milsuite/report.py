"""The results of a run as text, as JSON and as docs/coreml-conformance.md."""

import re
import tomllib
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .outcomes import FAILED, Record, Tally, by_operation, tally
from .patches import HALF_ATOL, HALF_RTOL
from .suites import Suite

_EXPLANATIONS = Path(__file__).with_name("explanations.toml")


def explanations(file: Path = _EXPLANATIONS) -> list[tuple[re.Pattern[str], str]]:
    """Read the file of explanations: what a failure reads like, and why it fails."""
    entries = tomllib.loads(file.read_text(encoding="utf-8")).get("explanation", [])
    return [(re.compile(entry["pattern"]), entry["why"]) for entry in entries]


@dataclass(frozen=True)
class Result:
    """What came of one suite.

    Attributes:
        suite: which.
        fraction: the part of its tests that was asked for.
        records: a result for every test that ran.
        modules: modules of tests that could not be collected, and why.
        cut_off: whether time ran out before all of them had run.
    """

    suite: Suite
    fraction: float
    records: list[Record]
    modules: dict[str, str]
    cut_off: bool = False

    @cached_property
    def tally(self) -> Tally:
        """How many passed and failed."""
        return tally(self.records)

    @cached_property
    def failures(self) -> list[tuple[Record, str | None]]:
        """Failed tests, each with its explanation or None."""
        known = explanations()
        return [
            (record, next((why for pattern, why in known if pattern.search(self._label(record))), None))
            for record in self.records
            if record.verdict == FAILED
        ]

    def _label(self, record: Record) -> str:
        return f"{self.suite.name} {record.node}: {record.reason}"

    @property
    def unexplained(self) -> list[Record]:
        """Failed tests without an explanation."""
        return [record for record, why in self.failures if why is None]

    @property
    def good(self) -> bool:
        """Whether enough passed and all failures are explained; a run that counted nothing is not good."""
        return self.tally.run > 0 and self.tally.rate >= self.suite.least and not self.unexplained

    @property
    def part(self) -> str:
        """Which part of the suite this is, in words."""
        part = (
            "all tests" if self.fraction == 1 else f"{100 * self.fraction:.3g} % of the tests, chosen by hash"
        )
        if self.suite.each and self.fraction < 1:
            part += ", and one case of every test function"
        return f"{part}, cut off by the time limit" if self.cut_off else part

    def as_json(self) -> dict[str, Any]:
        """Everything, for machines."""
        return {
            "suite": self.suite.name,
            "fraction": self.fraction,
            "cut_off": self.cut_off,
            "passed": self.tally.passed,
            "failed": self.tally.failed,
            "not_applicable": dict(self.tally.reasons.most_common()),
            "modules_not_collected": self.modules,
            "good": self.good,
            "tests": [asdict(record) for record in self.records],
        }


def summary(results: list[Result]) -> str:
    """What the terminal shows."""
    lines = []
    for result in results:
        count = result.tally
        lines += [
            f"{result.suite.title} ({result.part}): {count.run} counted, {count.passed} passed "
            f"({count.rate:.2%}, at least {result.suite.least:.1%} wanted), {count.failed} failed, "
            f"{count.not_applicable} not applicable"
        ]
        lines += [f"  not collected: {module}: {error}" for module, error in sorted(result.modules.items())]
        lines += [f"  failed, not explained: {r.node}: {r.reason}" for r in result.unexplained]
    return "\n".join(lines)


def _kind(reason: str) -> str:
    """The reason of a test that is not applicable without what differs from test to test."""
    return reason.split(":")[0]


def _table(header: str, rows: list[list[object]]) -> list[str]:
    columns = header.split("|")
    rule = "|".join("---" if i == 0 or name == "because" else "---:" for i, name in enumerate(columns))
    body = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [f"| {' | '.join(columns)} |", f"|{rule}|", *body, ""]


def _section(result: Result) -> list[str]:
    count = result.tally
    lines = [f"## {result.suite.title}", ""]
    lines += [
        f"`coremltools/{result.suite.folder}`, {result.part}: {len(result.records)} tests, "
        f"{count.run} of them counted: **{count.passed} passed, {count.failed} failed ({count.rate:.2%})**; "
        f"{count.not_applicable} not applicable.",
        "",
    ]
    kinds: Counter[str] = Counter()
    for reason, number in count.reasons.items():
        kinds[_kind(reason)] += number
    if kinds:
        lines += _table("Not applicable because|tests", [list(item) for item in kinds.most_common()])
    before = [(r, n) for r, n in count.reasons.most_common() if ": " in r]
    if before:
        lines += ["<details><summary>The same, reason by reason</summary>", ""]
        lines += _table("Reason|tests", [list(item) for item in before])
        lines += ["</details>", ""]
    if result.modules:
        lines += ["Modules that could not be collected:", ""]
        lines += [f"- `{module}`: {error}" for module, error in sorted(result.modules.items())]
        lines += [""]
    lines += ["### Failures", ""]
    if not result.failures:
        lines += ["None.", ""]
    for record, why in result.failures:
        lines += [f"- `{record.node}`: {record.reason} — {why or '**not explained**'}"]
    if result.failures:
        lines += [""]
    rows: list[list[object]] = [
        [f"`{name}`", each.run, each.passed, each.failed, each.not_applicable, _reasons(each)]
        for name, each in by_operation(result.records).items()
    ]
    lines += ["### By operation", ""]
    lines += [
        "A test counts for every operation in the programs that it predicts; one that is not applicable, for "
        "those in the programs that it loads.",
        "",
        *_table("Operation|run|passed|failed|not applicable|because", rows),
    ]
    return lines


def _reasons(count: Tally) -> str:
    kinds: Counter[str] = Counter()
    for reason, number in count.reasons.items():
        kinds[_kind(reason)] += number
    return "; ".join(f"{kind} ({number})" for kind, number in kinds.most_common())


def untested(results: list[Result]) -> list[str]:
    """Operations of the evaluator that no counted test has in its programs."""
    from ldikit.runtime.mil.registry import operations

    tested = {name for result in results for name, count in by_operation(result.records).items() if count.run}
    return sorted(set(operations()) - tested)


def write(path: Path, results: list[Result], command: str) -> None:
    """Write the report.

    Args:
        path: where.
        results: one a suite.
        command: the command line that gave them.
    """
    lines = [
        "# Core ML conformance",
        "",
        "coremltools' own tests, run against this package's evaluator of saved ML Programs in place of Core "
        "ML (`ldikit.runtime.mil.install`). A test is counted only if it asked the evaluator for a "
        "prediction and compared values of the result.",
        "",
        f"- Command: `{command}`, on {datetime.now(UTC):%Y-%m-%d}",
        f"- coremltools {version('coremltools')}, torch {version('torch')}, numpy {version('numpy')}",
        "- ML Programs of iOS15 to iOS18, fp32 and fp16, compared at the tests' own tolerance; programs with "
        f"fp16 values at atol {HALF_ATOL:g} and rtol {HALF_RTOL:g} where that is more (coremltools itself "
        "allows 0.5 and 0.05 or more).",
        "- Written by the command above; not to be edited.",
        "",
        *_table(
            "Suite|tests|counted|passed|failed|rate|wanted|not applicable",
            [
                [
                    f"{r.suite.title} ({r.part})",
                    len(r.records),
                    r.tally.run,
                    r.tally.passed,
                    r.tally.failed,
                    f"{r.tally.rate:.2%}",
                    f"{r.suite.least:.1%}",
                    r.tally.not_applicable,
                ]
                for r in results
            ],
        ),
    ]
    missing = untested(results)
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        lines += [f"Operations of the evaluator that none of these counted tests has: {names}.", ""]
    for result in results:
        lines += _section(result)
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
