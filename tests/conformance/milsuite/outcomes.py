"""What becomes of a test: passed, failed, or not applicable, for a reason."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"
NEURAL_NETWORK = "holds a neural network"
"""How the evaluator's refusal of the older model format reads."""


@dataclass
class Observation:
    """What was seen while a test ran.

    Attributes:
        predictions: how often our evaluator was asked to predict.
        compared: whether a result was compared with an expected value after that.
        refusals: why models were not loaded for prediction.
        operations: operations of the programs that were predicted.
        loaded: operations of the programs that were loaded, predicted or not.
    """

    predictions: int = 0
    compared: bool = False
    refusals: list[str] = field(default_factory=list)
    operations: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Record:
    """The result of one test.

    Attributes:
        node: pytest's name of the test, from the suite's folder on.
        verdict: passed, failed or not applicable.
        reason: of a failure or of being not applicable, one line.
        operations: types of the operations in the programs that it predicted (or, where it is not
            applicable, loaded), sorted.
        seconds: how long it ran.
    """

    node: str
    verdict: str
    reason: str
    operations: tuple[str, ...]
    seconds: float


def verdict(outcome: str, message: str, seen: Observation) -> tuple[str, str]:
    """Judge a test.

    Only a test that asked our evaluator for a prediction and compared its result is counted at all.

    Args:
        outcome: pytest's: passed, failed, skipped, xfailed or xpassed.
        message: pytest's last word on a failure, or the reason of a skip.
        seen: what was seen while it ran.

    Returns:
        The verdict and its reason ("" of a passed one).
    """
    if outcome == "skipped":
        return NOT_APPLICABLE, f"coremltools skips it: {one_line(message) or 'no reason given'}"
    if outcome == "xfailed":
        return NOT_APPLICABLE, f"coremltools expects it to fail: {one_line(message) or 'no reason given'}"
    if not seen.predictions:
        if any(NEURAL_NETWORK in refusal for refusal in seen.refusals):
            return NOT_APPLICABLE, "neural network format, not an ML Program"
        if outcome == "failed":
            return NOT_APPLICABLE, f"coremltools fails before the prediction: {one_line(message)}"
        return NOT_APPLICABLE, "predicts nothing: checks conversion or types only"
    if outcome == "failed":
        if NEURAL_NETWORK in message:
            return NOT_APPLICABLE, "neural network format, not an ML Program"
        return FAILED, one_line(message)
    if not seen.compared:
        return NOT_APPLICABLE, "predicts, but compares no value of the result"
    return PASSED, ""


_VARIABLE = (
    (re.compile(r"\S*/\S+\.mlpackage"), "the model"),
    (re.compile(r"0x[0-9a-f]+"), "0x…"),
    (re.compile(r"(?<=File \")[^\"']*"), "…"),
    (re.compile(r"(/[\w.+-]+){3,}"), "…"),
)


def one_line(message: str, length: int = 160) -> str:
    """The first telling line of a message, without paths and addresses that differ from run to run."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    # numpy's report of a mismatch starts with a line that says nothing; its numbers follow.
    mismatch = next((line for line in lines if line.startswith("Max absolute difference")), None)
    text = lines[0] if lines else ""
    if mismatch:
        text = f"{text.removesuffix(':')}: {mismatch[0].lower()}{mismatch[1:]}"
    for pattern, replacement in _VARIABLE:
        text = pattern.sub(replacement, text)
    return text if len(text) <= length else text[: length - 1] + "…"


@dataclass
class Tally:
    """How many tests ran: those that count, and those that are not applicable, by reason."""

    passed: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def run(self) -> int:
        """Tests that count."""
        return self.passed + self.failed

    @property
    def not_applicable(self) -> int:
        """Tests that do not."""
        return self.reasons.total()

    @property
    def rate(self) -> float:
        """The part that passed, of those that count; 0 of none."""
        return self.passed / self.run if self.run else 0.0

    def add(self, record: Record) -> None:
        """Count a test."""
        if record.verdict == PASSED:
            self.passed += 1
        elif record.verdict == FAILED:
            self.failed += 1
        else:
            self.reasons[record.reason] += 1


def tally(records: Iterable[Record]) -> Tally:
    """Count tests."""
    total = Tally()
    for record in records:
        total.add(record)
    return total


def by_operation(records: Iterable[Record]) -> dict[str, Tally]:
    """Count each test for every operation that is in its programs; operations in alphabetical order."""
    result: dict[str, Tally] = {}
    for record in records:
        for operation in record.operations:
            result.setdefault(operation, Tally()).add(record)
    return dict(sorted(result.items()))
