"""TFLite files: XNNPACK as LiteRT itself applies it, the GPU delegate by its list.

ai-edge-litert's own model analyser is not asked: version 2.3 calls every operation fit for the GPU.
"""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ...reference.errors import InputError
from ..backends.litert_backend import muted, require
from .readiness import Node, Readiness, by_type, count_partitions, rewrites
from .rules import GPU, GPU_DELEGATE, HINTS, XNNPACK

_DELEGATE = "DELEGATE"


def lint_tflite(path: Path, name: str) -> list[Readiness]:
    """Judge one file.

    Args:
        path: of the file.
        name: its path in the bundle.

    Raises:
        InputError: LiteRT cannot open it.
        MissingExtraError, BackendUnavailableError: LiteRT is not here.
    """
    interpreter_class = require()
    try:
        with muted():
            interpreter = interpreter_class(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"litert cannot open {path}: {' '.join(str(error).split())[:300]}") from error
    steps = interpreter._get_ops_details()
    operations = [step for step in steps if step["op_name"] != _DELEGATE]
    delegates = [step for step in steps if step["op_name"] == _DELEGATE]
    axes = {int(t["index"]): len(t["shape"]) for t in interpreter.get_tensor_details()}
    return [_xnnpack(name, operations, delegates), _gpu(name, operations, axes)]


def delegated(operations: list[dict[str, Any]], delegates: list[dict[str, Any]]) -> set[int]:
    """Return the operations that delegates took: what lies between their outputs and their inputs."""
    makers = {int(t): step for step in operations for t in step["outputs"]}
    taken: set[int] = set()
    for delegate in delegates:
        given = {int(t) for t in delegate["inputs"]}
        wanted = [int(t) for t in delegate["outputs"]]
        while wanted:
            tensor = wanted.pop()
            step = makers.get(tensor)
            if tensor not in given and step is not None and step["index"] not in taken:
                taken.add(step["index"])
                wanted += [int(t) for t in step["inputs"]]
    return taken


def _xnnpack(name: str, operations: list[dict[str, Any]], delegates: list[dict[str, Any]]) -> Readiness:
    taken = delegated(operations, delegates)
    breaking = by_type([step["op_name"] for step in operations if step["index"] not in taken])
    return Readiness(
        name,
        XNNPACK,
        len(operations),
        len(taken),
        len(delegates),
        breaking,
        measured=True,
        source=f"LiteRT {_version()} on this machine",
        rewrite=rewrites(breaking, HINTS[XNNPACK]),
    )


def _gpu(name: str, operations: list[dict[str, Any]], axes: dict[int, int]) -> Readiness:
    assert GPU_DELEGATE.known is not None and GPU_DELEGATE.ranks is not None
    reasons: list[str | None] = []
    for step in operations:
        kind, first = step["op_name"], int(step["inputs"][0]) if len(step["inputs"]) else -1
        if kind not in GPU_DELEGATE.known:
            reasons.append(kind)
        elif kind in GPU_DELEGATE.ranks and axes.get(first, 4) not in GPU_DELEGATE.ranks[kind]:
            reasons.append(f"{kind} ({axes[first]} axes)")
        else:
            reasons.append(None)
    nodes = [
        Node(s["op_name"], tuple(map(int, s["inputs"])), tuple(map(int, s["outputs"]))) for s in operations
    ]
    breaking = by_type([reason for reason in reasons if reason])
    return Readiness(
        name,
        GPU,
        len(nodes),
        sum(reason is None for reason in reasons),
        count_partitions(nodes, [reason is None for reason in reasons]),
        breaking,
        measured=False,
        source=GPU_DELEGATE.source,
        rewrite=rewrites(breaking, HINTS[GPU]),
        caveats=("broadcasts, strides and constant inputs are not checked; a driver may refuse more",),
    )


def _version() -> str:
    for distribution in ("ai-edge-litert", "tflite-runtime"):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return "of unknown version"
