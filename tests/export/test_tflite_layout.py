"""Pictures of few channels are worked on plane by plane in TFLite files, and give the same numbers."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

pytest.importorskip("litert_torch")

H, W = 16, 24


class WeightedHalf(nn.Module):
    """A picture times a plane, halved; its first channel and the others, each grown again."""

    def forward(self, picture, plane):
        half = F.interpolate(picture * plane, scale_factor=0.5, mode="bilinear")
        grown = F.interpolate(half * half[:, :1], scale_factor=2.0, mode="bilinear")
        return grown * plane


class Convolved(nn.Module):
    """A convolution from three channels to four: it tells channels apart as well, and runs channels last."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, picture, plane):
        return self.convolution(picture)


def converted(module, around):
    import litert_torch

    torch.manual_seed(0)
    inputs = (torch.rand(1, 3, H, W), torch.rand(1, 1, H, W))
    with around:
        model = litert_torch.convert(module.eval(), inputs)
    return model.model_content(), inputs


def shapes(content, operation):
    """Return the shapes of what an operation's occurrences give."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    code = getattr(schema.BuiltinOperator, operation)
    graph = model.subgraphs[0]
    return [
        tuple(int(n) for n in graph.tensors[op.outputs[0]].shape)
        for op in graph.operators
        if model.operatorCodes[op.opcodeIndex].builtinCode == code
    ]


def run(content, inputs):
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=content).get_signature_runner()
    names = sorted(runner.get_input_details())
    (result,) = runner(**{name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}).values()
    return result


def test_products_of_pictures_and_planes_run_plane_by_plane():
    from ldikit.export.tflite_layout import planes_apart

    content, inputs = converted(WeightedHalf(), planes_apart())
    assert shapes(content, "MUL") == [(1, 3, H, W), (1, 3, H // 2, W // 2), (1, 3, H, W)]
    # Resizing knows channels last alone.
    assert shapes(content, "RESIZE_BILINEAR") == [(1, H // 2, W // 2, 3), (1, H, W, 3)]
    with torch.no_grad():
        assert np.abs(run(content, inputs) - WeightedHalf()(*inputs).numpy()).max() < 1e-6


def test_the_converter_alone_would_lay_a_picture_side_by_side():
    content, _ = converted(WeightedHalf(), nullcontext())
    assert (1, H // 2, W // 2, 3) in shapes(content, "MUL")


def test_convolutions_of_few_channels_keep_their_layout():
    from ldikit.export.tflite_layout import planes_apart

    content, _ = converted(Convolved(), planes_apart())
    assert shapes(content, "CONV_2D") == [(1, H, W, 4)]
    assert len(shapes(content, "TRANSPOSE")) == 2


def test_a_program_that_minimum_cut_cannot_lay_out_is_laid_out_greedily(tmp_path, monkeypatch):
    import litert_torch
    from ldikit.export.stages import StageProgram
    from ldikit.export.tflite_exporter import export_tflite
    from ldikit.reference.config import PipelineConfig
    from ldikit.reference.pipeline import build_program
    from ldikit.reference.sizes import ProgramSize

    convert, asked = litert_torch.convert, []

    def refusing(*arguments, **named):
        asked.append(litert_torch.config.layout_optimize_partitioner)
        if asked[-1] == "MINCUT":
            raise AssertionError("Attempting to convert non-NHWC compatible node to NHWC")
        return convert(*arguments, **named)

    monkeypatch.setattr(litert_torch, "convert", refusing)
    size = ProgramSize(64, 64)
    stage = StageProgram(build_program(PipelineConfig(), 64, 64).eval(), "layering", size)
    export_tflite(stage, {"fp32": tmp_path / "layering.tflite"})
    assert asked == ["MINCUT", "GREEDY"]
    assert (tmp_path / "layering.tflite").read_bytes()[4:8] == b"TFL3"
