"""How much arithmetic the torch program does: multiply-accumulates, stage by stage."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...reference.program import PhotoToLDI

STAGES = ("depth", "layering", "inpainting")


def count_macs(program: "PhotoToLDI", height: int, width: int) -> dict[str, int]:
    """Count multiply-accumulates of convolutions and matrix products in one run of the program.

    A stage counts as often as the program runs it. Minima, ramps, resampling and other work without products
    of weights is not counted (torch.utils.flop_counter knows none of it), so layering counts 0.

    Args:
        program: the whole, for one size.
        height, width: that size.

    Returns:
        MACs of "program", "depth", "layering" and "inpainting".
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    # Not inference_mode: the counter sees no operations through its tensors.
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        program(torch.zeros(1, 3, height, width))
    by_module = counter.get_flop_counts()
    name = type(program).__name__
    counts = {stage: sum(by_module.get(f"{name}.{stage}", {}).values()) // 2 for stage in STAGES}
    return {"program": counter.get_total_flops() // 2, **counts}


def stage_calls(layers: int) -> dict[str, int]:
    """Say how often a program with this many layers runs each stage."""
    return {"program": 1, "depth": 1, "layering": layers, "inpainting": layers - 1}
