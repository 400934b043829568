"""TFLite: through litert-torch, channels last in and out, in every precision."""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from ..reference.errors import MissingExtraError
from ..runtime.manifest import ModelFile
from ..runtime.recipe import RECIPE_PRECISIONS
from .protocol import Converted, exporters
from .stages import StageProgram
from .substitutions import replacements
from .tflite_half import half_weights
from .tflite_int8 import LAYOUTS, faithful_conversion, int8_config
from .tflite_layout import planes_apart
from .tflite_shields import shielded
from .wrappers import ChannelsLast, channels_last_spec

logger = logging.getLogger(__name__)


@exporters.register("tflite")
def export_tflite(stage: StageProgram, targets: Mapping[str, Path]) -> list[Converted]:
    """Write one stage as TFLite; see `Exporter`.

    fp16 is what TFLite calls float16 quantisation: weights are stored in half precision (which of them:
    `tflite_half`); a CPU widens them and computes in single precision, a GPU delegate may compute in half.

    For int8 and w8 the stage holds quantise and dequantise operations around float weights, and what it says
    is what the file does. w8 stores weights as int8 with one scale a channel; they are widened once, when
    the file is loaded.
    """
    try:
        import litert_torch
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "litert_torch", "tflite", "exporting to tflite") from error
    names = [plane.name for plane in stage.inputs]
    example = {
        name: tensor.permute(0, 2, 3, 1).contiguous()
        for name, tensor in zip(names, stage.example(), strict=True)
    }
    module: nn.Module = ChannelsLast(stage).eval()
    quantised = any(precision in RECIPE_PRECISIONS for precision in targets)
    if quantised:
        module = shielded(module)
    config = int8_config() if quantised else None
    for layouts in LAYOUTS:
        try:
            with faithful_conversion(layouts), planes_apart():
                model = litert_torch.convert(module, sample_kwargs=example, quant_config=config)
            break
        # What litert-torch raises where operations that know channels first alone were to run channels last.
        except (AssertionError, RuntimeError):
            if layouts == LAYOUTS[-1]:
                raise
            logger.info("tflite: layouts by minimum cut do not convert, so they are chosen greedily")
    single = bytes(model.model_content())
    written = []
    for precision, path in sorted(targets.items()):
        content, kept = half_weights(single, stage) if precision == "fp16" else (single, 0)
        path.write_bytes(content)
        written.append(
            Converted(_entry(stage, precision), replacements("tflite", stage, operations(content), kept))
        )
    return written


def operations(content: bytes) -> Counter[str]:
    """Count the operations of a TFLite model by kind."""
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    kinds = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    return Counter(kinds[op.opcodeIndex] for graph in model.subgraphs for op in graph.operators)


def _entry(stage: StageProgram, precision: str) -> ModelFile:
    return ModelFile(
        path="",
        stage=stage.stage,
        size=str(stage.size),
        format="tflite",
        precision=precision,
        sha256="",
        bytes=0,
        inputs=tuple(channels_last_spec(plane, stage.size) for plane in stage.inputs),
        outputs=tuple(channels_last_spec(plane, stage.size) for plane in stage.outputs),
    )
