"""What a parity run found: the types of parity.json (schema 1, metric spec 1)."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...reference.errors import InputError
from ...reference.files import atomic_file

SCHEMA_VERSION = 1
METRIC_SPEC = 1

PASS, FAIL, NOT_VERIFIED = "pass", "fail", "not_verified"
VERDICTS = (PASS, FAIL, NOT_VERIFIED)


@dataclass(frozen=True)
class GateResult:
    """One limit and how it was kept.

    Attributes:
        name: the metric.
        limit: what it must reach or not exceed.
        value: the worst photo's, None where no photo measured it.
        worst_photo: index of that photo, None where there is none.
        passed: whether a value was measured and keeps the limit.
        measured_on: on how many photos there was something to measure; None where that is no question.
    """

    name: str
    limit: float
    value: float | None
    worst_photo: int | None
    passed: bool
    measured_on: int | None = None


@dataclass(frozen=True)
class CandidateResult:
    """One model of a bundle on one backend, against the float reference.

    Attributes:
        format: onnx, coreml, tflite or torch.
        precision: of `runtime.manifest.PRECISIONS`.
        backend: what ran it.
        simulated: whether the backend stands in for the real one.
        photos: how many photos were compared.
        hidden: on how many of them the reference hides anything; on the others the layers' gap IoU says
            nothing.
        ldi: aggregated LDI metrics, {metric: {"worst", "worst_photo", "median", "photos"}}.
        views: likewise, of the views.
        tensors: likewise, of the output tensors.
        stages: scores of stage attribution and stability, by stage.
        error_budget: `quantization`, `conversion`, `kernels`; None where not measured (see `measure_budget`).
        gates: every limit.
        verdict: pass, fail or not_verified.
        reason: why it failed or was not verified, for people, where there is more to say than the gates do.
        faults: what of its files is not as the recipe and the program say, a line each.
        layers: of a quantised candidate, the tensors and weights that lose most by rounding alone.
        arm64: of a candidate on an emulated processor: `cpu`, its `features`, `emulator`, `runtime`, `host`
            (how far it is from this machine's build, aggregated like `ldi`), and of int8 `steps`, the
            operations that differ when they are given the same inputs.

    Raises:
        InputError: the verdict is not one of the three.
    """

    format: str
    precision: str
    backend: str
    simulated: bool
    photos: int
    ldi: dict[str, Any] = field(default_factory=dict)
    views: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, Any] = field(default_factory=dict)
    error_budget: dict[str, Any] = field(default_factory=dict)
    gates: list[GateResult] = field(default_factory=list)
    verdict: str = NOT_VERIFIED
    reason: str = ""
    hidden: int | None = None
    faults: list[str] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    arm64: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise InputError(f"a verdict is one of {', '.join(VERDICTS)}, got {self.verdict!r}")


@dataclass(frozen=True)
class ParityReport:
    """All candidates of a run. True only where there are some and every one passed.

    Attributes:
        candidates: each with its verdict.
        warnings: what a reader must know of the run beside the verdicts.
    """

    candidates: list[CandidateResult] = field(default_factory=list)
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.candidates) and all(c.verdict == PASS for c in self.candidates)

    @property
    def exit_code(self) -> int:
        """0 every candidate passed; 1 one failed; 3 none failed but something was not verified."""
        if any(c.verdict == FAIL for c in self.candidates):
            return 1
        return 0 if self else 3

    def to_json(self) -> dict[str, Any]:
        """Return the content of parity.json; values that are not finite become null, which JSON can hold."""
        candidates = [_jsonable(dataclasses.asdict(c)) for c in self.candidates]
        return {
            "schema_version": SCHEMA_VERSION,
            "metric_spec": METRIC_SPEC,
            "warnings": list(self.warnings),
            "candidates": candidates,
        }

    def write(self, path: Path) -> None:
        """Write parity.json, whole or not at all, over an older one.

        Raises:
            InputError: it cannot be written.
        """
        with atomic_file(Path(path), overwrite=True) as temporary:
            text = json.dumps(self.to_json(), indent=1, allow_nan=False, ensure_ascii=False)
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def from_json(cls, content: Any, source: str = "parity.json") -> "ParityReport":
        """Read the content of a parity.json.

        Raises:
            InputError: it has another schema or metric spec, or misses fields, or holds unknown ones.
        """
        if not isinstance(content, Mapping):
            raise InputError(f"{source}: expected an object, got {type(content).__name__}")
        for name, known in (("schema_version", SCHEMA_VERSION), ("metric_spec", METRIC_SPEC)):
            if content.get(name) != known:
                raise InputError(f"{source}: {name} must be {known}, got {content.get(name)!r}")
        try:
            warnings = tuple(str(warning) for warning in content.get("warnings", ()))
            return cls([_candidate(candidate) for candidate in content["candidates"]], warnings)
        except (KeyError, TypeError) as error:
            raise InputError(f"{source}: a candidate is not as the schema says: {error}") from error

    @classmethod
    def read(cls, path: Path) -> "ParityReport":
        """Read a parity.json.

        Raises:
            InputError: it cannot be read or parsed, or see `from_json`.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise InputError(f"{path} is not valid JSON: {error}") from error
        return cls.from_json(content, str(path))


def _candidate(fields: Mapping[str, Any]) -> CandidateResult:
    gates = [GateResult(**gate) for gate in fields["gates"]]
    return CandidateResult(**{**fields, "gates": gates})


def _jsonable(value: Any) -> Any:
    """Return `value` in plain JSON types: NumPy scalars unwrapped, non-finite numbers as None."""
    if isinstance(value, Mapping):
        return {str(name): _jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
