"""What a runtime holds for a program's tensors: as it tells, or read off where its tensors lie."""

import ctypes
import gc
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# LiteRT begins every tensor at a multiple of this (tensorflow/lite/util.h, kDefaultTensorAlignment).
ALIGNMENT = 64


@dataclass(frozen=True)
class Arena:
    """Memory for tensors on one thread, weights as the file holds them left out.

    Attributes:
        held_bytes: what the runtime's arena holds. onnxruntime's grows by doubling; LiteRT's is as large as
            its plan.
        used_bytes: the most of it that is in use at once.
        delegate_bytes: what a delegate holds beside the arena, its repacked weights included; None where
            there is no delegate, or nobody tells.
        source: how it is known.
    """

    held_bytes: int
    used_bytes: int
    delegate_bytes: int | None
    source: str


def parse_onnxruntime_arena(events: Iterable[Mapping[str, Any]]) -> Arena | None:
    """Return the arena as the trace tells it, node by node; None where it does not.

    Args:
        events: see `per_operation.onnxruntime_trace`. The first inference runs without a plan and takes less;
            the largest of all counts.
    """
    told = [e["args"] for e in events if e.get("cat") == "Node" and "mem_arena_held" in e.get("args", {})]
    if not told:
        return None
    held = max(int(a["mem_arena_held"]) for a in told)
    used = max(int(a["mem_in_use_peak"]) for a in told)
    return Arena(held, used, None, "onnxruntime's trace")


def litert_arena(path: Path) -> Arena:
    """Open a TFLite file and see where LiteRT puts the tensors that operations make.

    Tensors within a delegate have no place in the arena: what XNNPACK holds for them, and for its weights, is
    by how much the heap grew more than the arena, where the C library tells that (glibc 2.33).
    """
    from ..backends.litert_backend import muted, require

    gc.collect()
    with muted():
        interpreter = require()(model_path=str(path), num_threads=1)
        before = heap_bytes()
        interpreter.allocate_tensors()
        after = heap_bytes()
    steps = interpreter._get_ops_details()
    made = {int(t) for step in steps for t in step["outputs"]}
    made |= {int(detail["index"]) for detail in interpreter.get_input_details()}
    spans = []
    for index in sorted(made):
        try:
            view = interpreter.tensor(index)()
        except ValueError:  # within a delegate
            continue
        spans.append((view.__array_interface__["data"][0], view.nbytes))
    size = covered_bytes(spans)
    grown = None if before is None or after is None else max(after - before - size, 0)
    return Arena(size, size, grown, "where LiteRT's tensors lie")


def covered_bytes(spans: Iterable[tuple[int, int]]) -> int:
    """Return how many bytes spans (address, bytes) cover together, each rounded up to `ALIGNMENT`."""
    total, end = 0, 0
    for start, size in sorted(spans):
        stop = start + -(-size // ALIGNMENT) * ALIGNMENT
        total += max(stop - max(start, end), 0)
        end = max(end, stop)
    return total


class _Heap(ctypes.Structure):
    """struct mallinfo2 of malloc.h."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def heap_bytes() -> int | None:
    """Return how much of the heap is in use, large blocks too; None where the C library does not tell."""
    try:
        call = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError, TypeError):
        return None
    call.restype = _Heap
    told = call()
    return int(told.uordblks + told.hblkhd)
