"""What a profile tells, and profile.json."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...reference.errors import InputError
from .arena import Arena
from .host import Host
from .per_operation import Operations, OperationTime
from .sustained import Sustained
from .timing import Drift, Latency

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Run:
    """One candidate on a number of threads, in a process of its own.

    Attributes:
        threads: the runtime was given.
        load_ms: opening the file (for torch: building the program).
        first_inference_ms: the first inference after it.
        latency: of all later inferences.
        drift: of the machine meanwhile.
        ratio_to_torch: median over rounds of this latency over that of the torch reference of the same stage
            on as many threads; None for torch itself, or where it was not measured.
        peak_memory_bytes: largest resident set after the first inference, the runtime itself included; None
            for stages, which share their program's process.
        baseline_memory_bytes: the same before the file was opened, the runtime already imported.
    """

    threads: int
    load_ms: float
    first_inference_ms: float
    latency: Latency
    drift: Drift
    ratio_to_torch: float | None = None
    peak_memory_bytes: int | None = None
    baseline_memory_bytes: int | None = None

    @property
    def first_run_ms(self) -> float:
        """What a user waits for the first photo, the runtime's own import left out."""
        return self.load_ms + self.first_inference_ms


@dataclass(frozen=True)
class Candidate:
    """One program or stage in one format, precision and size.

    Attributes:
        name: unique in a profile, e.g. "onnx fp16", "torch fp32 depth".
        format: "torch" for the reference, else the file's.
        precision: "fp32", "fp16", "int8".
        backend: what ran it.
        stage: "program", "depth", "layering", "inpainting".
        size: "HEIGHTxWIDTH".
        calls: how often one program runs the stage (1 for the program).
        file: its path in the bundle, None for torch.
        file_bytes: its size on disk, None for torch.
        simulated: the backend is a model of the runtime: its time says nothing of a phone, so there is none.
        not_timed: why there are no runs; None when there are.
        runs: one a number of threads.
        operations: see `Operations`; None where not asked for.
        arena: what the runtime holds for tensors, see `Arena`; None where it is not known.
    """

    name: str
    format: str
    precision: str
    backend: str
    stage: str
    size: str
    calls: int
    file: str | None = None
    file_bytes: int | None = None
    simulated: bool = False
    not_timed: str | None = None
    runs: tuple[Run, ...] = ()
    operations: Operations | None = None
    arena: Arena | None = None


@dataclass(frozen=True)
class ProfileReport:
    """The whole of profile.json.

    Attributes:
        host: where it was measured.
        pipeline: its name.
        sizes: that were measured.
        candidates: the torch reference first.
        macs: multiply-accumulates of the torch program by size, then by stage as often as the program runs
            it, and "program".
        settings: threads, budget, rounds, drift limit, what the inputs were.
        notes: in words, what to know before reading a number.
        sustained: candidates that ran for a minute without a pause.
    """

    host: Host
    pipeline: str
    sizes: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    macs: dict[str, dict[str, int]]
    settings: dict[str, Any]
    notes: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION
    host_id: str = field(default="")
    sustained: tuple[Sustained, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "host_id", self.host.id)

    @property
    def drifted(self) -> list[str]:
        """Name the runs whose two halves differ too much to be trusted."""
        return [
            f"{candidate.name}, {run.threads} thread{'s' if run.threads > 1 else ''}: "
            f"{run.drift.share:+.0%} in the second half"
            for candidate in self.candidates
            for run in candidate.runs
            if run.drift.flagged
        ]

    @property
    def unavailable(self) -> tuple[str, ...]:
        """Name the bundle's files that were not timed since their runtime is not here."""
        return tuple(
            c.name for c in self.candidates if c.format != "torch" and c.not_timed and not c.simulated
        )

    @property
    def exit_code(self) -> int:
        """0 all was timed that can be here; 3 the runtime of some file is missing."""
        return 3 if self.unavailable else 0

    def to_json(self) -> str:
        """Return the text of profile.json."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> "ProfileReport":
        """Parse profile.json.

        Args:
            text: its content.
            source: its path, for messages.

        Raises:
            InputError: not JSON, of a newer schema, or a field is missing or of the wrong kind.
        """
        try:
            raw = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"{source} is not JSON: {error}") from error
        version = raw.get("schema_version") if isinstance(raw, dict) else None
        if not isinstance(version, int):
            raise InputError(f"{source} is not a profile: it has no schema_version")
        if version > SCHEMA_VERSION:
            raise InputError(
                f"{source} has schema_version {version}, this ldikit reads up to {SCHEMA_VERSION}: "
                "upgrade ldikit"
            )
        try:
            report = cls(
                host=Host(**raw["host"]),
                pipeline=str(raw["pipeline"]),
                sizes=tuple(str(size) for size in raw["sizes"]),
                candidates=tuple(_candidate(c) for c in raw["candidates"]),
                macs={
                    str(s): {str(k): int(v) for k, v in stages.items()} for s, stages in raw["macs"].items()
                },
                settings=dict(raw["settings"]),
                notes=tuple(str(note) for note in raw["notes"]),
                schema_version=version,
                sustained=tuple(_sustained(s) for s in raw.get("sustained", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{source} does not follow profile schema {version}: {error!r}") from error
        if raw.get("host_id") != report.host_id:
            raise InputError(f"{source} was altered: its host_id does not belong to its host")
        return report


def read_profile(path: Path) -> ProfileReport:
    """Read a profile.json.

    Raises:
        InputError: it cannot be read, or see `ProfileReport.from_json`.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the profile {path}: {error}") from error
    return ProfileReport.from_json(text, str(path))


def _candidate(raw: dict[str, Any]) -> Candidate:
    operations, arena = raw["operations"], raw.get("arena")
    return Candidate(
        **{
            **raw,
            "runs": tuple(_run(run) for run in raw["runs"]),
            "operations": operations and _operations(operations),
            "arena": arena and Arena(**arena),
        }
    )


def _sustained(raw: dict[str, Any]) -> Sustained:
    return Sustained(**{**raw, "windows_ms": tuple(float(ms) for ms in raw["windows_ms"])})


def _run(raw: dict[str, Any]) -> Run:
    return Run(**{**raw, "latency": Latency(**raw["latency"]), "drift": Drift(**raw["drift"])})


def _operations(raw: dict[str, Any]) -> Operations:
    return Operations(**{**raw, "by_type": tuple(OperationTime(**o) for o in raw["by_type"])})
