"""`profile`: latency, first run, memory, size and operations of every candidate of a bundle on this host."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

from ...reference.errors import BackendUnavailableError, InputError
from ...reference.progress import track
from ..bundle import Bundle
from .arena import Arena
from .host import Host, this_host
from .per_operation import Operations, OperationTime, not_told
from .plan import Planned, choose_sizes, plan_candidates
from .process import SLEEP, Worker
from .report import Candidate, ProfileReport, Run
from .sustained import Sustained, sustain
from .timing import DRIFT_SHARE, FEWEST_ROUNDS, find_drift, interleave, paired_ratio, summarise

__all__ = ["ProfileReport", "profile"]

# Of the time budget, what is kept for the traces of single operations.
OPERATIONS_SHARE = 0.2

# (index of the candidate in the plan, threads)
Key = tuple[int, int]
# What a candidate's runtime tells of its inside.
Inside = tuple[Operations, Arena | None]


@dataclass
class Bench:
    """The open workers of one profile and what they have told.

    Attributes:
        plan: the candidates.
        opened: answer of `worker.Session.open` by candidate and threads.
        workers: the process of each.
        refused: why a candidate is not timed, by its index.
        simulated: indices of the candidates whose backend is simulated.
    """

    plan: list[Planned]
    opened: dict[Key, dict[str, Any]] = field(default_factory=dict)
    workers: dict[Key, Worker] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    simulated: set[int] = field(default_factory=set)

    def run(self, key: Key) -> Callable[[], float]:
        """Return what runs a candidate once and gives its milliseconds."""
        return lambda: float(self.workers[key].ask("run", key=self.plan[key[0]].name)["ms"])


def profile(
    bundle: Bundle,
    *,
    budget_s: float = 45.0,
    threads: Sequence[int] = (1, 2),
    sizes: Sequence[str] | None = None,
    stages: bool = True,
    operations: bool = True,
    cpus: Sequence[int] | None = None,
    sustained: str | None = None,
) -> ProfileReport:
    """Measure every program and stage file of a bundle, and its torch reference and the stages of that.

    Each candidate runs in a process of its own for each number of threads. They are timed in turn, once a
    round. A simulated backend is listed, and given no time: it would be the simulator's.

    Args:
        bundle: an open bundle.
        budget_s: seconds for the whole; at least `FEWEST_ROUNDS` rounds are measured whatever it says.
        threads: numbers of threads; those above the host's usable cores are left out, with a note.
        sizes: of the manifest's; None: the first.
        stages: also measure stages.
        operations: also trace single operations.
        cpus: numbers of the cores to run on; None: all that this process may use. On Linux alone.
        sustained: name of a candidate ("tflite int8") that then runs for a minute without a pause, on the
            first number of threads.

    Raises:
        InputError: a file is missing or not the manifest's, a size, number of threads or core makes no sense,
            there is no candidate of that name, or a runtime cannot run its file.
    """
    start = time.monotonic()
    host = this_host()
    notes: list[str] = []
    counts = _thread_counts(threads, _cores(cpus, host), notes)
    chosen = choose_sizes(bundle.manifest, sizes)
    left_out = [size for size in bundle.manifest.sizes if size not in chosen]
    if left_out:
        notes.append(f"Only {', '.join(chosen)} was measured, not {', '.join(left_out)}.")
    plan = plan_candidates(bundle.manifest, chosen, stages)
    if sustained is not None and sustained not in (planned.name for planned in plan):
        known = ", ".join(planned.name for planned in plan if planned.stage == "program")
        raise InputError(f"there is no candidate {sustained!r} to run for a minute; known: {known}")
    for planned in plan:
        if planned.entry is not None:
            bundle.path(planned.entry)
    with ExitStack() as stack:
        bench = Bench(plan)
        _open_all(bench, bundle, counts, stack, cpus)
        macs = _count_macs(bench)
        spare = budget_s * (1 - OPERATIONS_SHARE if operations else 1) - (time.monotonic() - start)
        samples = _time_all(bench, spare)
        told = _trace_all(bench, start + budget_s, notes) if operations else {}
        minutes = () if sustained is None else _sustain(bench, sustained, notes)
    candidates = tuple(_candidate(bench, index, samples, told) for index in range(len(plan)))
    return ProfileReport(
        host=host,
        pipeline=bundle.manifest.pipeline.name,
        sizes=chosen,
        candidates=candidates,
        macs=macs,
        settings={
            "budget_s": budget_s,
            "took_s": round(time.monotonic() - start, 1),
            "rounds": max((len(v) for v in samples.values()), default=0),
            "fewest_rounds": FEWEST_ROUNDS,
            "threads": list(counts),
            "drift_share": DRIFT_SHARE,
            "environment": dict(SLEEP),
            "inputs": "uniform random, fixed seed",
            "cpus": None if cpus is None else list(cpus),
        },
        notes=tuple(notes),
        sustained=minutes,
    )


def _cores(cpus: Sequence[int] | None, host: Host) -> int:
    """Return how many cores are used, after checking those that were asked for."""
    if cpus is None:
        return host.usable_cores
    if not hasattr(os, "sched_getaffinity"):
        raise InputError("this system lets no process choose its cores: leave --cpus out")
    usable = os.sched_getaffinity(0)
    if not cpus or not set(cpus) <= usable:
        raise InputError(f"cores {list(cpus)} cannot be used; usable: {sorted(usable)}")
    return len(set(cpus))


def _sustain(bench: Bench, name: str, notes: list[str]) -> tuple[Sustained, ...]:
    """Run one candidate for a minute, if it can run."""
    for key in bench.workers:
        if bench.plan[key[0]].name == name:
            return (sustain(name, key[1], bench.run(key)),)
    notes.append(f"{name} did not run for a minute: it was not timed at all.")
    return ()


def _thread_counts(threads: Sequence[int], cores: int, notes: list[str]) -> list[int]:
    """Check the numbers of threads and leave out those that cannot run at once."""
    counts = list(dict.fromkeys(threads))
    if not counts or min(counts) < 1:
        raise InputError(f"numbers of threads must be 1 or more, got {list(threads)}")
    usable = [count for count in counts if count <= cores] or [1]
    if usable != counts:
        notes.append(f"This host has {cores} usable core(s): threads {counts} became {usable}.")
    return usable


def _open_all(
    bench: Bench,
    bundle: Bundle,
    counts: Sequence[int],
    stack: ExitStack,
    cpus: Sequence[int] | None,
) -> None:
    """Start one worker a group and number of threads, one after the other, each opening its candidates."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for index, planned in enumerate(bench.plan):
        groups.setdefault(planned.group, []).append(index)
    # Core ML chooses its threads itself: 0 says so.
    jobs = [
        (members, count)
        for members in groups.values()
        for count in ((0,) if bench.plan[members[0]].backend == "coreml" else counts)
    ]
    for members, count in track(jobs, "Opening candidates", total=len(jobs)):
        worker = stack.enter_context(Worker(count) if cpus is None else Worker(count, cpus))
        for index in members:
            if index in bench.refused or index in bench.simulated:
                continue
            _open(bench, bundle, index, count, worker)


def _open(bench: Bench, bundle: Bundle, index: int, count: int, worker: Worker) -> None:
    """Open one candidate and run it for the first time."""
    planned = bench.plan[index]
    try:
        answer = worker.ask(
            "open",
            key=planned.name,
            bundle=str(bundle.folder),
            file=planned.entry.path if planned.entry else None,
            stage=planned.stage,
            size=planned.size,
            threads=count,
        )
    except BackendUnavailableError as error:
        bench.refused[index] = str(error)
        return
    except InputError as error:
        if planned.entry is not None:
            raise
        # The networks of the reference need not lie here; the bundle's files can be measured all the same.
        bench.refused[index] = str(error)
        return
    if answer["simulated"]:
        bench.simulated.add(index)
        return
    bench.opened[index, count] = answer
    bench.workers[index, count] = worker


def _count_macs(bench: Bench) -> dict[str, dict[str, int]]:
    """Ask one torch worker a size."""
    found: dict[str, dict[str, int]] = {}
    for (index, _), worker in bench.workers.items():
        planned = bench.plan[index]
        if planned.format == "torch" and planned.stage == "program" and planned.size not in found:
            found[planned.size] = worker.ask("macs", key=planned.name)
    return found


def _time_all(bench: Bench, budget_s: float) -> dict[Key, list[float]]:
    """Time every opened candidate in turn, after one round that does not count."""
    runs = {f"{index} {count}": bench.run((index, count)) for index, count in bench.workers}
    start = time.monotonic()
    for call in runs.values():
        call()
    samples = interleave(runs, budget_s - (time.monotonic() - start))
    return {key: samples[f"{key[0]} {key[1]}"] for key in bench.workers}


def _trace_all(bench: Bench, deadline: float, notes: list[str]) -> dict[int, Inside]:
    """Trace the operations and the arena of every program, on the first number of threads it was opened with.

    Args:
        bench: the open candidates.
        deadline: of `time.monotonic`; no trace starts after it.
        notes: told what was left out.
    """
    found: dict[int, Inside] = {}
    # The files first: where time is short, they matter more than the reference.
    workers = sorted(bench.workers.items(), key=lambda item: bench.plan[item[0][0]].format == "torch")
    for (index, _), worker in track(workers, "Tracing operations"):
        planned = bench.plan[index]
        if planned.stage != "program" or index in found:
            continue
        if time.monotonic() > deadline:
            found[index] = Operations(False, "the time budget was spent"), None
            notes.append(f"{planned.name}: operations were not traced, the time budget was spent.")
            continue
        answer = worker.ask("operations", key=planned.name)
        raw, arena = answer["operations"], answer["arena"]
        operations = Operations(**{**raw, "by_type": tuple(OperationTime(**o) for o in raw["by_type"])})
        found[index] = operations, arena and Arena(**arena)
        if not operations.told:
            notes.append(f"{planned.name}: no times of single operations: {operations.reason}.")
    for index in bench.simulated:
        found[index] = not_told(bench.plan[index].backend), None
    return found


def _candidate(
    bench: Bench, index: int, samples: dict[Key, list[float]], told: dict[int, Inside]
) -> Candidate:
    """Put together what was found out about one candidate."""
    planned = bench.plan[index]
    reason = bench.refused.get(index)
    if index in bench.simulated:
        reason = f"{planned.backend} is simulated on this host: its time would be the simulator's"
    runs = [_run(bench, key, samples) for key in bench.opened if key[0] == index]
    shared = {name: value for name, value in asdict(planned).items() if name != "entry"}
    operations, arena = told.get(index, (None, None))
    return Candidate(
        **shared,
        file=planned.entry.path if planned.entry else None,
        file_bytes=planned.entry.bytes if planned.entry else None,
        simulated=index in bench.simulated,
        not_timed=None if runs else reason,
        runs=tuple(runs),
        operations=operations,
        arena=arena,
    )


def _run(bench: Bench, key: Key, samples: dict[Key, list[float]]) -> Run:
    """Summarise one candidate on one number of threads."""
    index, count = key
    planned, answer = bench.plan[index], bench.opened[key]
    reference = next(
        (
            other
            for other in samples
            if other[1] == count
            and bench.plan[other[0]].format == "torch"
            and (bench.plan[other[0]].stage, bench.plan[other[0]].size) == (planned.stage, planned.size)
        ),
        None,
    )
    compared = reference is not None and planned.format != "torch"
    whole = planned.stage == "program"
    return Run(
        threads=count,
        load_ms=answer["load_ms"],
        first_inference_ms=answer["first_inference_ms"],
        latency=summarise(samples[key]),
        drift=find_drift(samples[key]),
        ratio_to_torch=paired_ratio(samples[key], samples[reference]) if compared and reference else None,
        peak_memory_bytes=answer["peak_memory_bytes"] if whole else None,
        baseline_memory_bytes=answer["baseline_memory_bytes"] if whole else None,
    )
