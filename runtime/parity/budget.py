"""Where a candidate's error comes from, as far as it can be separated: never guessed, None where unknown."""

from collections.abc import Mapping
from typing import Any

# Of the aggregated metrics, those that a budget is told in.
FIGURES = ("views.psnr", "ldi.gap_iou", "tensors.disparity.max_abs", "tensors.color.max_abs")


def _figures(aggregated: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    return {name: aggregated[name]["worst"] for name in FIGURES if name in aggregated}


def error_budget(
    precision: str, by_rounding: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    """Return the error budget of a candidate.

    Args:
        precision: of the candidate.
        by_rounding: aggregated scores (see `aggregate`) by way of rounding; one entry unless the backend
            brackets fp16.

    Returns:
        `quantization`: None; float programs have none, and an int8 program's needs the torch Q/DQ program.
        `conversion`: worst figures of torch float → the file as run, with `includes`, what could not be told
        apart from it. None for int8. `kernels`: None where one runtime's kernels ran (their share is within
        `conversion`); where the backend brackets fp16 rounding, the figures at both ends of the bracket.
    """
    if not by_rounding:
        return {"quantization": None, "conversion": None, "kernels": None}
    kernels = None
    if len(by_rounding) > 1:
        kernels = {"rounding": {name: _figures(scores) for name, scores in by_rounding.items()}}
    # The first way of rounding is the gentlest: what conversion costs at the least.
    includes = ["kernels", *(["fp16 rounding"] if precision == "fp16" else [])]
    conversion = {**_figures(next(iter(by_rounding.values()))), "includes": includes}
    return {
        "quantization": None,
        "conversion": None if precision == "int8" else conversion,
        "kernels": kernels,
    }
