"""The limits that a candidate must keep on its worst photo: data, and how they are read and judged."""

import json
import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...reference.errors import InputError
from .aggregate import higher_is_better
from .result import FAIL, NOT_VERIFIED, PASS, GateResult

# Limits by precision and metric. A metric of which more is better must reach its limit, any other must not
# exceed it. Worst photo, worst view, worst hidden layer.
Gates = dict[str, dict[str, float]]

_QUANTISED: dict[str, float] = {
    "ldi.order_violations": 0,
    "ldi.gap_iou": 0.93,
    "views.psnr": 38.0,
    "views.psnr_disoccluded": 30.0,
    "views.flip": 0.05,
}

# fp32 rounds nothing: what is above 1e-5 there is a fault of the converter (a flipped `align_corners` still
# makes views of more than 50 dB). The 99th percentile, as single pixels lie on an edge that may fall to
# either side.
DEFAULT_GATES: Gates = {
    "fp32": {
        "ldi.order_violations": 0,
        "tensors.disparity.p99_abs": 1e-5,
        "tensors.color.p99_abs": 1e-5,
        "ldi.gap_iou": 0.999,
        "views.psnr": 50.0,
    },
    "fp16": {"ldi.order_violations": 0, "ldi.gap_iou": 0.99, "views.psnr": 42.0},
    **{precision: dict(_QUANTISED) for precision in ("int8", "w8", "p6", "p4")},
}

# Judged over hidden layers alone: on a photo that hides nothing it passes on nothing.
OF_HIDDEN_LAYERS = "ldi.gap_iou"

# Always judged, before all others: how many metrics are not finite or found values that are not.
FINITE = "nonfinite"

KNOWN_METRICS = re.compile(
    r"ldi\.(gap_iou|iou|identity_psnr|order_violations)"
    r"|ldi\.(gap_iou|iou|disparity_l1|disparity_p95|occupancy_l1)_layer\d+"
    r"|views\.(psnr|ssim|flip)(_disoccluded)?"
    r"|views\.holes_(candidate|change)"
    r"|(tensors|host)\.\w+\.(sqnr_db|psnr_db|cosine|max_abs|p99_abs|mean_abs)"
)


def load_gates(path: Path) -> Gates:
    """Read a gates file over the default gates: a limit it names replaces the default one, others stay.

    The file is TOML or JSON, by its suffix: a table for each precision, a metric and its limit in each line.

        [int8]
        ldi.gap_iou = 0.95
        views.psnr = 40

    Raises:
        InputError: the file cannot be read or parsed, or names an unknown precision or metric, or a limit is
            not a finite number.
    """
    path = Path(path)
    readers = {".toml": tomllib.loads, ".json": json.loads}
    if path.suffix.lower() not in readers:
        raise InputError(f"gates file {path} must end in .toml or .json")
    try:
        tables = readers[path.suffix.lower()](path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read gates file {path}: {error.strerror or error}") from error
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"gates file {path} is not valid {path.suffix[1:].upper()}: {reason}") from error
    return merge_gates(tables, f"gates file {path}")


def merge_gates(tables: Any, source: str = "gates") -> Gates:
    """Return the default gates with the limits of `tables`, {precision: {metric: limit}}, put over them.

    Raises:
        InputError: see `load_gates`; `source` names where the tables came from.
    """
    if not isinstance(tables, Mapping):
        raise InputError(f"{source}: expected a table for each precision, got {type(tables).__name__}")
    gates = {precision: dict(limits) for precision, limits in DEFAULT_GATES.items()}
    for precision, table in tables.items():
        if precision not in gates:
            raise InputError(f"{source}: unknown precision {precision!r}; known are {', '.join(gates)}")
        if not isinstance(table, Mapping):
            raise InputError(f"{source}: {precision} must be a table of metrics, got {table!r}")
        for metric, limit in _leaves(table, ""):
            if not KNOWN_METRICS.fullmatch(metric):
                raise InputError(f"{source}: unknown metric {metric!r} for {precision}, like ldi.gap_iou")
            if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
                raise InputError(
                    f"{source}: the limit of {precision} {metric} must be a number, got {limit!r}"
                )
            gates[precision][metric] = limit
    return gates


def _leaves(table: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    leaves = []
    for name, value in table.items():
        nested = isinstance(value, Mapping)
        leaves += _leaves(value, f"{prefix}{name}.") if nested else [(prefix + name, value)]
    return leaves


def judge(
    aggregated: Mapping[str, Mapping[str, Any]],
    precision: str,
    gates: Gates | None = None,
    hidden: int | None = None,
) -> tuple[list[GateResult], str]:
    """Judge the aggregated scores of a candidate.

    Args:
        aggregated: from `aggregate`.
        precision: which limits count: of `runtime.manifest.PRECISIONS`.
        gates: `DEFAULT_GATES` when None.
        hidden: on how many of the photos the reference hides anything, where that is known.

    Returns:
        the gates, and the verdict: `fail` where a measured value breaks its limit; else `not_verified` where
        no photo measured a gate's metric, which is never a success; else `pass`.

    Raises:
        InputError: no gates for that precision.
    """
    gates = DEFAULT_GATES if gates is None else gates
    if precision not in gates:
        raise InputError(f"no gates for precision {precision!r}; known are {', '.join(gates)}")
    results = [_judge_finite(aggregated)]
    for metric, limit in gates[precision].items():
        scores = aggregated.get(metric, {})
        value = scores.get("worst")
        passed = value is not None and _keeps(metric, value, limit)
        of_hidden = hidden is not None and metric.startswith(OF_HIDDEN_LAYERS)
        measured_on = hidden if of_hidden else scores.get("photos")
        results.append(GateResult(metric, limit, value, scores.get("worst_photo"), passed, measured_on))
    if any(not gate.passed and gate.value is not None for gate in results):
        return results, FAIL
    return results, PASS if all(gate.passed for gate in results) else NOT_VERIFIED


def _keeps(metric: str, value: float, limit: float) -> bool:
    if not math.isfinite(value):
        return False
    return value >= limit if higher_is_better(metric) else value <= limit


def _judge_finite(aggregated: Mapping[str, Mapping[str, Any]]) -> GateResult:
    bad = []
    for metric, scores in aggregated.items():
        worst = scores["worst"]
        counted = metric.rsplit(".", 1)[-1] == FINITE
        if worst is not None and (not math.isfinite(worst) or (counted and worst > 0)):
            bad.append(scores["worst_photo"])
    if not aggregated:
        return GateResult(FINITE, 0, None, None, False)
    return GateResult(FINITE, 0, len(bad), min(bad, default=None), not bad)


def needs(metric: str, precision: str, gates: Gates | None = None) -> bool:
    """Say whether a gate of this precision reads `metric`: a costly one like `views.flip` can be left out."""
    return metric in (DEFAULT_GATES if gates is None else gates).get(precision, {})
