"""Which operations of a TFLite program run channels last."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

FEW_CHANNELS = 8
"""Up to so many, what tells channels apart is faster plane by plane, turns before and after included."""


@contextmanager
def planes_apart() -> Iterator[None]:
    """Keep litert-torch from laying pixels of a few channels side by side where channels are told apart.

    Convolutions, pooling and resizing run channels last on phones. litert-torch turns everything between
    them as well if that saves a turn, whatever it does to the operations there: a picture times one plane, or
    three of four channels taken out of it, then reaches for every single value, at ten to twenty times the
    time of whole planes in a row.
    """
    from litert_torch._convert.fx_passes.optimize_layout_transposes_pass import layout_check

    can_be = layout_check.can_be_nhwc

    def channels_last(node: Any) -> bool:
        return can_be(node) and (layout_check.must_be_nhwc(node) or not _tells_channels_apart(node))

    layout_check.can_be_nhwc = channels_last
    try:
        yield
    finally:
        layout_check.can_be_nhwc = can_be


def _tells_channels_apart(node: Any) -> bool:
    """Say whether a node's tensors are pictures of few channels, and not all of as many."""
    shapes = [tensor.shape for tensor in map(_value, (node, *node.all_input_nodes)) if tensor is not None]
    channels = {shape[1] for shape in shapes if len(shape) == 4}
    return len(channels) > 1 and max(channels) <= FEW_CHANNELS


def _value(node: Any) -> Any:
    """Return the tensor that a node gives; None if it is no single one."""
    value = node.meta.get("val")
    return value if hasattr(value, "shape") else None
