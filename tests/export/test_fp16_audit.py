import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from ldikit.export.convert import exporter_of
from ldikit.export.fp16_audit import (
    SCENES,
    AuditedTensor,
    HalfAudit,
    audit_half,
    audit_pipeline,
    pinned_operations,
)
from ldikit.export.half import GraphNode, half_nodes, is_pinned
from ldikit.export.stages import StageProgram, network_scopes, pinned_scopes
from ldikit.export.wrappers import Positional
from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import InputError
from ldikit.reference.layering.soft import Gap
from ldikit.reference.program import PhotoToLDI
from ldikit.reference.quantized.trace import layer_of
from ldikit.reference.sizes import ProgramSize
from torch import nn

SIZE = ProgramSize(64, 96)


class HugeInpaint(nn.Module):
    """Paints grey by way of values around a million and their difference."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 2, 1)
        self.larger = nn.Conv2d(2, 2, 1)
        self.huge = nn.Conv2d(2, 2, 1)
        self.smaller = nn.Conv2d(2, 2, 1)
        self.head = nn.Conv2d(2, 4, 1)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.zero_()
            self.enter.weight[:, :, 0, 0] = 1 / 3
            for layer in (self.larger, self.huge):
                layer.weight[:, :, 0, 0] = torch.eye(2) * 1000
            self.smaller.weight[:, :, 0, 0] = torch.tensor([[2e-6, -1e-6], [-1e-6, 2e-6]])
            self.head.weight[:3, 0] = 1.0

    def forward(self, color: torch.Tensor, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
        painted = self.head(self.smaller(self.huge(self.larger(self.enter(color)))))
        return painted[:, :3], gap.source + painted[:, 3:]


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    return torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def huge_program(small_program: PhotoToLDI) -> PhotoToLDI:
    small_program.inpainting.network = HugeInpaint().requires_grad_(False)
    return small_program


PINNED = {"inpainting.network.huge", "inpainting.network.smaller"}


def test_what_leaves_half_range_is_named_with_those_that_take_it(
    huge_program: PhotoToLDI, photo: torch.Tensor
) -> None:
    audit = audit_half(huge_program, [("dim", photo * 0.5), ("bright", photo)])
    assert pinned_operations(audit) == PINNED
    tensors = {tensor.name: tensor for tensor in audit.tensors}
    huge = tensors["inpainting.network.huge"]
    with torch.no_grad():
        peak = float(photo.mean(1).max()) * 1e6
    assert huge.peak == pytest.approx(peak, rel=1e-3) and huge.photo == "bright"
    assert huge.users == ("inpainting.network.smaller",)
    # Two of its four weights are 2e-6, two are -1e-6: all below the smallest normal half.
    assert tensors["inpainting.network.smaller.weight"].subnormal == 1.0
    assert tensors["inpainting.network.enter.weight"].subnormal == 0.0
    content = json.loads(json.dumps(audit.to_json(), allow_nan=False))
    assert content["too_large"] == ["inpainting.network.huge"]
    assert content["single"] == sorted(PINNED)


def test_headroom_and_what_is_not_finite() -> None:
    def tensor(peak: float) -> AuditedTensor:
        return AuditedTensor("x", "a", ("b",), peak, "photo", 0.0)

    assert tensor(32752.0).fits and not tensor(32753.0).fits
    audit = HalfAudit(("photo",), (tensor(math.inf),))
    assert pinned_operations(audit) == {"a", "b"}
    assert audit.to_json()["tensors"][0]["peak"] is None


def test_photos_of_one_size(small_program: PhotoToLDI, photo: torch.Tensor) -> None:
    with pytest.raises(InputError, match="no photo"):
        audit_half(small_program, [])
    with pytest.raises(InputError, match=r"one size: b is \(1, 3, 96, 64\)"):
        audit_half(small_program, [("a", photo), ("b", photo.transpose(2, 3))])


def test_pinned_operations_are_not_half() -> None:
    graph = {
        "first": GraphNode(network=True, convolution=True),
        "second": GraphNode(["first"], network=True, convolution=True, pinned=True),
        "third": GraphNode(["second"], network=True, convolution=True),
        "last": GraphNode(["third"], network=True, convolution=True),
    }
    assert half_nodes(graph) == {"first", "third"}


def test_a_pin_holds_for_the_innermost_module(huge_program: PhotoToLDI) -> None:
    networks, pinned = ["stage.inpainting.network"], {"stage.inpainting.network.huge"}
    stack = ["", "stage", "stage.inpainting", "stage.inpainting.network", "stage.inpainting.network.huge"]
    assert is_pinned([*stack, "conv2d_3"], networks, pinned)
    assert not is_pinned(stack[:-1], networks, pinned)
    assert not is_pinned(stack, networks, {"stage.inpainting.network"})
    for stage, prefix in (("program", "stage.inpainting.network"), ("inpainting", "stage.network")):
        wrapper = Positional(StageProgram(huge_program, stage, SIZE))
        assert pinned_scopes(wrapper, PINNED | {"depth.network.conv"}) == {
            f"{prefix}.huge",
            f"{prefix}.smaller",
        }


@pytest.mark.parametrize("pinned", [frozenset(), PINNED])
def test_an_onnx_file_is_finite_where_they_are_pinned_and_not_otherwise(
    huge_program: PhotoToLDI, photo: torch.Tensor, tmp_path: Path, pinned: frozenset[str]
) -> None:
    # onnxruntime computes half precision in single on a CPU; ONNX's own evaluator does what the file says.
    onnx_reference = pytest.importorskip("onnx.reference")
    stage = StageProgram(huge_program, "inpainting", SIZE, pinned)
    [converted] = exporter_of("onnx")(stage, {"fp16": tmp_path / "x.onnx"})
    planes = {plane.name: np.full(plane.shape(SIZE), 0.5, np.float32) for plane in stage.inputs}
    planes["color"] = photo.numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        color, _ = onnx_reference.ReferenceEvaluator(str(tmp_path / "x.onnx")).run(None, planes)
    with torch.no_grad():
        wanted = stage.module(*(torch.from_numpy(plane) for plane in planes.values()))[0].numpy()
    named = [r.replacement for r in converted.replacements if "inpainting.network.huge" in r.replacement]
    if pinned:
        np.testing.assert_allclose(color, wanted, atol=2e-3)
        assert len(named) == 1
    else:
        assert not np.isfinite(color).all()
        assert not named


def test_core_ml_marks_none_of_them(huge_program: PhotoToLDI) -> None:
    from ldikit.export.coreml_exporter import mark_half

    wrapper = Positional(StageProgram(huge_program, "inpainting", SIZE))
    exported = torch.export.export(wrapper, StageProgram(huge_program, "inpainting", SIZE).example())
    networks = network_scopes(wrapper)
    nodes = list(exported.graph.nodes)

    def layers(pinned: set[str]) -> set[str]:
        half = mark_half(exported.graph, networks, pinned_scopes(wrapper, pinned))
        return {layer_of(nodes[number]).rpartition(".")[2] for number in half}

    assert layers(set()) == {"enter", "larger", "huge", "smaller"}  # the last one is single anyhow
    assert layers(PINNED) == {"enter", "larger"}


def test_a_pipeline_is_audited_on_the_golden_photo_and_scenes(
    small_program: PhotoToLDI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ldikit.export.fp16_audit.build_program", lambda config, height, width: small_program)
    audit = audit_pipeline(PipelineConfig(), SIZE)
    assert audit.photos[0].endswith(".jpg") and len(audit.photos) == 1 + SCENES
    assert pinned_operations(audit) == frozenset()
    modules = {tensor.module.partition(".")[0] for tensor in audit.tensors}
    assert {"depth", "layering", "inpainting"} <= modules
