"""Stages exported on their own, in ONNX."""

import numpy as np
import pytest
import torch
from ldikit.export.stages import StageProgram, network_scopes, stage_planes
from ldikit.reference.errors import InputError
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.backends.canonical import run_canonical
from ldikit.runtime.backends.loader import open_runner

NAMES = {
    "depth": (["photo"], ["disparity"]),
    "layering": (["disparity"], ["envelope", "source", "occupancy", "unknown", "context", "visibility"]),
    "inpainting": (
        ["color", "disparity", "envelope", "source", "occupancy", "unknown", "context"],
        ["hidden_color", "hidden_disparity"],
    ),
}
# A step of half precision just below 1 is 4.9e-4, and the occupancy's ramp multiplies a gap by 4.8 here.
LARGEST = {"fp32": 1e-5, "fp16": 5e-3}


@pytest.mark.parametrize("precision", LARGEST)
def test_a_stage_is_the_references(stage_export, precision):
    entry = stage_export.files[precision].entry
    runner = open_runner(stage_export.paths[precision], entry)
    outputs = run_canonical(runner, entry.inputs, entry.outputs, stage_export.inputs)
    names = ([spec.name for spec in entry.inputs], [spec.name for spec in entry.outputs])
    assert names == NAMES[entry.stage]
    for name, expected in stage_export.expected.items():
        assert np.abs(outputs[name] - expected).max() <= LARGEST[precision], name


def test_an_unknown_stage_is_refused():
    with pytest.raises(InputError, match=r"unknown stage 'render'.*inpainting"):
        stage_planes("render", 3)


def test_stages_are_the_programs_own_parts(small_program):
    size = ProgramSize(64, 96)
    assert network_scopes(small_program) == ("inpainting.network",)
    for stage, scopes in (("depth", ()), ("layering", ()), ("inpainting", ("network",))):
        program = StageProgram(small_program, stage, size)
        assert network_scopes(program.source) == scopes
        with torch.no_grad():
            result = program.source(*program.example())
        planes = (result,) if isinstance(result, torch.Tensor) else result
        assert [tuple(p.shape) for p in planes] == [plane.shape(size) for plane in program.outputs]
