"""The operations of `midas-small` and Depth Anything in every format, on narrow networks: what torch gives.

Their weights are seeded and random, but normalised so that activations spread by about one and the disparity
as that of photos does: with the small weights that frameworks start from, the output would be nearly
constant, and any error too.
"""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from ldikit.export.convert import export_stage
from ldikit.export.golden import stage_tensors
from ldikit.export.protocol import CONVERTERS, file_path
from ldikit.export.stages import stage_planes
from ldikit.reference.config import LayeringConfig
from ldikit.reference.depth.midas_small import encoder as midas_encoder
from ldikit.reference.depth.midas_small import network as midas_network
from ldikit.reference.depth.pixels import ImageNetNormalisation
from ldikit.reference.depth.transformers_network import TransformersDepth
from ldikit.reference.inpaint.pocket import PocketInpaint
from ldikit.reference.layering.soft import SoftLayering
from ldikit.reference.program import PhotoToLDI
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.backends.canonical import run_canonical
from ldikit.runtime.backends.loader import open_runner
from torch import nn

SIZE = ProgramSize(64, 96)


def a_photo():
    """A near card before a slope: red is near. Whole 8-bit values, as Core ML takes images."""
    photo = np.random.default_rng(0).uniform(0.2, 0.8, (1, 3, 64, 96))
    photo[0, 0] = np.linspace(0.1, 0.3, 64)[:, None]
    photo[0, 0, 16:44, 20:60] = 0.9
    return (np.round(photo * 255) / 255).astype(np.float32)


def spread(network, head, mean, deviation):
    """Set the head so that its result on the photo has a mean and a standard deviation."""
    results = []
    hook = head.register_forward_hook(lambda _module, _inputs, result: results.append(result))
    with torch.no_grad():
        head.bias.zero_()
        network(torch.from_numpy(a_photo()))
        hook.remove()
        factor = deviation / results[0].std()
        head.weight *= factor
        head.bias.fill_(float(mean - factor * results[0].mean()))
    return network


def midas_small(monkeypatch):
    """Every kind of layer, few and narrow, at a smaller size than the photo; its edges are not refined."""
    stages = [s._replace(repeats=min(s.repeats, 2), width=s.width // 4) for s in midas_encoder.STAGES]
    stages[2:] = [s._replace(repeats=1) for s in stages[2:]]
    monkeypatch.setattr(midas_encoder, "STAGES", stages)
    monkeypatch.setattr(midas_network, "LEVELS", tuple(stages[i].width for i in (1, 2, 4, 6)))
    monkeypatch.setattr(midas_network, "WIDTHS", (8, 16, 32, 64))
    monkeypatch.setattr(midas_network.MidasSmall, "soft_edges", False)
    monkeypatch.setattr(midas_network, "working_size", lambda _height, _width: (32, 64))
    network = midas_network.MidasSmall(64, 96)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    # The statistics of batch normalisation are those of the photo and of noise.
    network.train()
    with torch.no_grad():
        network(torch.cat([torch.from_numpy(a_photo()), torch.rand(3, 3, 64, 96)]))
    network.eval()
    return spread(network, network.scratch.output_conv[4], 700.0, 300.0)


def depth_anything(_monkeypatch):
    """The real class of transformers with small widths."""
    transformers = pytest.importorskip("transformers")
    backbone = transformers.Dinov2Config(
        hidden_size=24,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=42,
        patch_size=14,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
    )
    backbone._attn_implementation = "sdpa"
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=24,
        neck_hidden_sizes=[8, 12, 16, 16],
        fusion_hidden_size=8,
        head_hidden_size=8,
    )
    model = transformers.DepthAnythingForDepthEstimation(config).eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and "embeddings.position" not in name:
            nn.init.normal_(parameter, 0.0, parameter[0].numel() ** -0.5)
    network = TransformersDepth(model, 64, 96, ImageNetNormalisation()).eval()
    return spread(network, model.head.conv3, 4.0, 2.0)


@pytest.mark.parametrize("make", [midas_small, depth_anything])
@pytest.mark.parametrize("format", ["onnx", "coreml", pytest.param("tflite", marks=pytest.mark.slow)])
def test_every_format_gives_what_torch_gives(make, format, tmp_path, monkeypatch):
    missing = [module for module in CONVERTERS[format] if find_spec(module) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    torch.manual_seed(0)
    network = make(monkeypatch).requires_grad_(False)
    layering = SoftLayering(LayeringConfig(), 96)
    program = PhotoToLDI(network, layering, PocketInpaint(64, 96), 2).eval().requires_grad_(False)
    tensors = stage_tensors(program, a_photo())["depth"]
    inputs, outputs = stage_planes("depth", 2)
    given = {plane.name: tensors[plane.name] for plane in inputs}
    expected = {plane.name: tensors[plane.name] for plane in outputs}
    assert expected["disparity"].std() > 0.1
    # TFLite alone keeps half-precision weights of a depth network; elsewhere fp16 leaves it as it is.
    limits = {"fp32": 2e-5, "fp16": 2e-2} if format == "tflite" else {"fp32": 2e-5}
    paths = {p: tmp_path / file_path("depth", str(SIZE), format, p) for p in limits}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    for file in export_stage(program, "depth", SIZE, format, paths, (given, expected)):
        entry = file.entry
        runner = open_runner(paths[entry.precision], entry)
        got = run_canonical(runner, entry.inputs, entry.outputs, given)
        assert np.abs(got["disparity"] - expected["disparity"]).max() <= limits[entry.precision]


@pytest.mark.parametrize("make", [midas_small, depth_anything])
@pytest.mark.parametrize(
    "format", ["onnx", *(pytest.param(name, marks=pytest.mark.slow) for name in ("coreml", "tflite"))]
)
def test_int8_is_the_recipes_program(make, format, monkeypatch, check_int8):
    torch.manual_seed(0)
    network = make(monkeypatch).requires_grad_(False)
    layering = SoftLayering(LayeringConfig(), 96)
    program = PhotoToLDI(network, layering, PocketInpaint(64, 96), 2).eval().requires_grad_(False)
    check_int8(program, "depth", format, 1e-4)
