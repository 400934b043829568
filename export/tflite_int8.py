"""What litert-torch is told beside its arguments: where to round, few turns of layout, short names."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def int8_config() -> Any:
    """Return what makes litert-torch turn quantise and dequantise operations into int8 ones.

    Its scales are those of the program's own operations. This is the static mode: the dynamic one would also
    round the activations of w8, and layers that stay float.
    """
    from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config
    from litert_torch.quantize.quant_config import QuantConfig

    return QuantConfig(
        pt2e_quantizer=PT2EQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    )


LAYOUTS = ("MINCUT", "GREEDY")
"""Ways to choose what runs channels last, the better first; some programs do not convert by minimum cut."""


@contextmanager
def faithful_conversion(layouts: str = LAYOUTS[0]) -> Iterator[None]:
    """Change how litert-torch's converter runs: three ways that `litert_torch.convert` has no argument for.

    In int8 it computes only what stands between dequantise and quantise operations (`strict_qdq_mode`), not
    what it could find scales for; what that lets through is kept off by `tflite_shields`.

    It chooses by minimum cut which operations run channels last, however large the program is. The greedy
    choice that it would make for an int8 program of this size turns the layout 330 times more often, which
    doubles its time.

    It names tensors after their operations. Otherwise their names are the paths of torch modules down to the
    operation, a fifth of an int8 file.

    Args:
        layouts: one of `LAYOUTS`.
    """
    import litert_torch
    from litert_converter.mlir import passmanager
    from litert_converter.mlir._mlir_libs import converter_api_ext

    convert = converter_api_ext.run_convert_to_tfl_passes
    partitioner = litert_torch.config.layout_optimize_partitioner

    def faithfully(module: Any, passes: Any, config: Any) -> None:
        config.strict_qdq_mode = True
        convert(module, passes, config)
        operation = getattr(module, "operation", module)
        stripping = "builtin.module(strip-debuginfo)"
        passmanager.PassManager.parse(stripping, operation.context).run(operation)

    converter_api_ext.run_convert_to_tfl_passes = faithfully
    litert_torch.config.layout_optimize_partitioner = layouts
    try:
        yield
    finally:
        litert_torch.config.layout_optimize_partitioner = partitioner
        converter_api_ext.run_convert_to_tfl_passes = convert
