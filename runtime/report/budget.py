"""The error budget of a candidate as a report shows it: a row for each part."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..parity.budget import PARTS
from ..parity.scores import MOST_DB

WORDS = {
    "quantization": "float reference → quantised reference",
    "conversion": "reference → the file as it is written",
    "kernels": "the file as written → as the phone's runtime runs it",
    "rounding": "fp16 rounded once an operation → also inside sums",
}
OUTPUTS = {"depth": "disparity", "inpaint_disparity": "hidden disparity", "inpaint_color": "hidden colour"}


@dataclass(frozen=True)
class BudgetRow:
    """One part of an error budget.

    Attributes:
        part: quantization, conversion, kernels or rounding.
        step: between which two programs.
        reason: why it was not measured; empty otherwise.
        share: of the squared view error of all parts, 0 to 1.
        psnr, gap_iou: of what the part changes.
        disparity, color: largest, mean change and SQNR.
        steps: (output, largest, mean) in 8-bit steps of that output's range.
    """

    part: str
    step: str
    reason: str = ""
    share: float = 0.0
    psnr: float | None = None
    gap_iou: float | None = None
    disparity: Mapping[str, float | None] | None = None
    color: Mapping[str, float | None] | None = None
    steps: tuple[tuple[str, float | None, float | None], ...] = ()


def budget_rows(budget: Mapping[str, Any]) -> list[BudgetRow]:
    """Return the rows of `measure_budget`'s result; none where the candidate has no budget."""
    if not budget:
        return []
    found = {part: budget[part] for part in (*PARTS, "rounding") if budget.get(part) is not None}
    power = {part: _power(figures["views"]["psnr"]) for part, figures in found.items() if part in PARTS}
    total = sum(power.values())
    rows = []
    for part in (*PARTS, "rounding"):
        if part not in found:
            if part in PARTS:
                rows.append(
                    BudgetRow(part, WORDS[part], budget.get("unmeasured", {}).get(part, "not measured"))
                )
            continue
        figures = found[part]
        included = figures.get("includes")
        rows.append(
            BudgetRow(
                part,
                WORDS[part] + (f", {' and '.join(included)} included" if included else ""),
                share=power.get(part, 0.0) / total if total else 0.0,
                psnr=figures["views"]["psnr"],
                gap_iou=figures["ldi"]["gap_iou"],
                disparity=figures["tensors"]["disparity"],
                color=figures["tensors"]["color"],
                steps=tuple(
                    (OUTPUTS.get(name, name), change["max"], change["mean"])
                    for name, change in figures["steps"].items()
                    if change is not None
                ),
            )
        )
    return rows


def _power(psnr: float | None) -> float:
    return 0.0 if psnr is None or not psnr < MOST_DB else float(10 ** (-psnr / 10))
