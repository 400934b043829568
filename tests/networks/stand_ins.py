"""Seeded weights in the layout of published networks, for where the published ones cannot be had.

    python tests/networks/stand_ins.py FOLDER    # midas-small, depth-anything-v2-small, shih and migan

Each file has the published keys and shapes, which the lists beside the tests of the networks hold, and loads
as the published one does. **What such a network gives is no depth and no painting.** It is there so that
exports can be judged by the same gates as real networks, and for that it has to behave like one: random
weights as frameworks make them give an output that is nearly constant, or one that multiplies the last bit of
the photo into the third digit. So

- what a layer gives is spread by about one on photos: batch normalisations get the statistics of photos,
  other layers are scaled by what they give;
- most of a layer's work is linear and smooth: windows average more than they differentiate, channels lie
  mostly on one side of their cut-off, and branches add less than what they are added to. Noise then fades
  from layer to layer instead of growing, as it does in networks that have learnt something;
- weights lie on int8 steps that half precision holds, like those of `pocket` depth: what a smaller precision
  costs random weights tells nothing of real ones, and would hide what a converter costs.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from ldikit.calibration.sources import bundled_photos
from ldikit.reference.config import LayeringConfig
from ldikit.reference.depth.midas_small.network import CHECKPOINT, MidasSmall
from ldikit.reference.depth.pixels import ImageNetNormalisation
from ldikit.reference.inpaint.migan.generator import Generator
from ldikit.reference.inpaint.shih.files import COLOR, DEPTH
from ldikit.reference.inpaint.shih.network import ShihInpaint
from ldikit.reference.inpaint.shih.unet import color_unet, depth_unet
from ldikit.reference.layering.soft import SoftLayering
from ldikit.reference.networks import depth_network
from ldikit.reference.photo.decode import read_photo
from ldikit.reference.photo.resize import to_program
from ldikit.reference.program import PhotoToLDI
from ldikit.reference.training.int8_weights import OnSteps, settle_norms
from torch import nn

LISTS = Path(__file__).parents[1] / "reference"
MIGAN = "migan_512_places2.pt"

# What stands in for the disparity of photos, in the units of each network.
MIDAS_MEAN, MIDAS_SPREAD = 700.0, 250.0
# How much the coarser levels of MiDaS add.
SHARES = {"layer2_rn": 0.5, "layer3_rn": 0.3, "layer4_rn": 0.2}
ANYTHING_MEAN, ANYTHING_SPREAD = 4.0, 1.5
# What `shih` paints: logarithms of depth around their mean, and colours as logits.
LOG_DEPTH_SPREAD, LOGIT_SPREAD = 0.2, 0.7

# Of the published config.json, what differs from the defaults of transformers.
ANYTHING = {
    "backbone_config": {
        "model_type": "dinov2",
        "hidden_size": 384,
        "num_attention_heads": 6,
        "image_size": 518,
        "patch_size": 14,
        "out_indices": [3, 6, 9, 12],
        "apply_layernorm": True,
        "reshape_hidden_states": False,
    },
    "reassemble_hidden_size": 384,
    "neck_hidden_sizes": [48, 96, 192, 384],
    "fusion_hidden_size": 64,
    "head_hidden_size": 32,
}


def photos(height: int, width: int) -> torch.Tensor:
    """Return the bundled photos at one size, (N, 3, H, W)."""
    tensors = [torch.from_numpy(to_program(read_photo(p).pixels, height, width)) for p in bundled_photos()]
    return torch.cat(tensors)


def published(stage: str, name: str) -> dict[str, list[int]]:
    """Return the published keys and shapes of a file."""
    return json.loads((LISTS / stage / f"{name}.shapes.json").read_text())


def smooth(weight: torch.Tensor, rough: float = 0.5) -> torch.Tensor:
    """Return random kernels (O, I, k, k) that average over their window, but for a part."""
    outputs, inputs, height, width = weight.shape
    across = torch.randn(outputs, inputs, 1, 1)
    inside = torch.rand(outputs, inputs, height, width) + 0.5
    kernels = across * inside + rough * torch.randn_like(weight)
    if inputs == 1:
        kernels = inside + rough * torch.randn_like(weight)
    return kernels / kernels.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def normalise(norm: nn.BatchNorm2d, spread: float, mean: float) -> None:
    """Let a batch normalisation take the statistics of what it sees, and give about this spread and mean."""
    nn.init.uniform_(norm.weight, 0.7 * spread, 1.3 * spread)
    nn.init.uniform_(norm.bias, 0.7 * mean, 1.3 * mean)
    norm.momentum = None  # the mean of what it sees, not a moving one


@contextmanager
def scaled(layers: dict[nn.Module, float]) -> Iterator[None]:
    """Scale the weights of layers, the first time that they run, so that what they give spreads as said."""

    def scale(layer: nn.Module, _inputs: object, result: torch.Tensor) -> torch.Tensor:
        spread = layers[layer] / result.std()
        bias = getattr(layer, "bias", None)
        layer.weight.mul_(spread)
        if bias is not None:
            bias.copy_(-spread * result.transpose(0, 1).flatten(1).mean(1)).clamp_(-1.0, 1.0)
            return result * spread + bias.view(1, -1, *[1] * (result.ndim - 2))
        return result * spread

    hooks = [layer.register_forward_hook(scale) for layer in layers]
    with torch.no_grad():
        yield
    for hook in hooks:
        hook.remove()


def spread_to(run: Callable[[], object], layer: nn.Module, mean: float, deviation: float) -> None:
    """Set a layer, or the convolution inside a partial one, so that it gives, when `run`, such a spread."""
    results: list[torch.Tensor] = []
    hook = layer.register_forward_hook(lambda _layer, _inputs, result: results.append(result.flatten()))
    convolution = getattr(layer, "input_conv", layer)
    with torch.no_grad():
        convolution.bias.zero_()
        run()
        hook.remove()
        given = torch.cat(results)
        factor = deviation / given.std()
        convolution.weight *= factor
        convolution.bias.fill_(float(mean - factor * given.mean()))
        for parameter in convolution.parameters():
            parameter.copy_(parameter.half())


def put_on_steps(network: nn.Module, last: nn.Module | None = None) -> None:
    """Put weights on int8 steps, but those of the last layer, and all in half precision."""
    settle_norms(network)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear) and layer is not last:
                steps = OnSteps(layer.weight)
                layer.weight.copy_(steps(steps.right_inverse(layer.weight)))
        for parameter in network.parameters():
            parameter.copy_(parameter.half())


def midas_small(folder: Path) -> Path:
    """Write `midas_v21_small_256.pt`; return its path."""
    torch.manual_seed(0)
    network = MidasSmall(192, 256)
    seen = photos(192, 256)
    last = network.scratch.output_conv[4]
    layers = {}
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.copy_(smooth(module.weight))
        for block in network.pretrained.modules():
            for name, norm in block.named_children():
                if isinstance(norm, nn.BatchNorm2d):
                    # Before a ReLU6 mostly above zero; what a block adds is small and has no mean.
                    adds = name == "bn3"
                    normalise(norm, 0.3 if adds and block.residual else 1.0, 0.0 if adds else 1.0)
        for name, module in network.scratch.named_modules():
            if isinstance(module, nn.Conv2d) and module is not last:
                layers[module] = SHARES.get(name, 0.3 if name.endswith("conv2") else 1.0)
        network.train()
        network(seen)
        network.eval()
    with scaled(layers):
        network(seen)
    put_on_steps(network, last)
    spread_to(lambda: network(seen), last, MIDAS_MEAN, MIDAS_SPREAD)
    path = folder / CHECKPOINT
    torch.save(checked(network.state_dict(), published("depth", "midas_v21_small_256")), path)
    return path


def checked(weights: dict[str, torch.Tensor], wanted: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Return weights that have the published keys and shapes."""
    assert {key: list(value.shape) for key, value in weights.items()} == wanted
    return weights


def depth_anything_v2_small(folder: Path) -> Path:
    """Write a folder with `config.json` and `model.safetensors`; return it."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation

    torch.manual_seed(0)
    folder = folder / "depth-anything-v2-small"
    model = DepthAnythingForDepthEstimation(DepthAnythingConfig.from_dict(ANYTHING)).eval()
    last = model.head.conv3
    layers = {}
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, module.weight[0].numel() ** -0.5)
                nn.init.zeros_(module.bias) if module.bias is not None else None
                if name.startswith(("neck", "head")) and module is not last:
                    layers[module] = 0.3 if name.endswith("convolution2") else 1.0
            if name.endswith(("layer_scale1", "layer_scale2")):
                nn.init.uniform_(module.lambda1, 0.03, 0.1)
        seen = ImageNetNormalisation()(photos(140, 182))
    with scaled(layers):
        model(seen)
    put_on_steps(model, last)
    spread_to(lambda: model(seen), last, ANYTHING_MEAN, ANYTHING_SPREAD)
    checked(model.state_dict(), published("depth", "depth_anything_v2_small"))
    model.save_pretrained(folder)
    return folder


def shih(folder: Path) -> Path:
    """Write a folder with `color-model.pth` and `depth-model.pth`; return it."""
    torch.manual_seed(0)
    folder = folder / "shih"
    folder.mkdir()
    depth, color = depth_unet(), color_unet()
    for network in (depth, color):
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, nn.Conv2d):
                    module.weight.copy_(smooth(module.weight))
                if isinstance(module, nn.BatchNorm2d):
                    normalise(module, 1.0, 0.5)
    inpaint = ShihInpaint(192, 256, depth, color)
    config = LayeringConfig()
    program = PhotoToLDI(depth_network("pocket", 192, 256), SoftLayering(config, 256), inpaint, 2).eval()
    seen = photos(192, 256)

    def run() -> None:
        for photo in seen:
            program(photo[None])

    inpaint.train()
    with torch.no_grad():
        run()
    inpaint.eval()
    for network, name, spread in ((depth, DEPTH, LOG_DEPTH_SPREAD), (color, COLOR, LOGIT_SPREAD)):
        last = network.get_submodule(network.decoders[-1]).conv
        put_on_steps(network, last.input_conv)
        spread_to(run, last, 0.0, spread)
        weights = dict(network.state_dict())
        # The published mask convolutions hold nothing but ones.
        weights |= {
            key.replace(".input_conv.", ".mask_conv."): torch.ones_like(value)
            for key, value in weights.items()
            if key.endswith(".input_conv.weight")
        }
        torch.save(checked(weights, published("inpaint", f"shih_{name}")), folder / f"{name}.pth")
    return folder


def migan(folder: Path) -> Path:
    """Write `migan_512_places2.pt`; return its path."""
    torch.manual_seed(0)
    generator = Generator(512, 512, 512)
    binomial = torch.tensor([1.0, 3.0, 3.0, 1.0])
    binomial = torch.outer(binomial, binomial) / 64.0
    with torch.no_grad():
        for name, module in generator.named_modules():
            if name.endswith("downsample.filter"):
                module.weight.copy_(binomial.expand_as(module.weight))
            elif name.endswith("upsample.filter"):
                # Three of four pixels that it sees are zero.
                module.weight.copy_(4.0 * binomial.expand_as(module.weight))
            elif isinstance(module, nn.Conv2d):
                module.weight.copy_(smooth(module.weight))
                if module.bias is not None:
                    module.bias.uniform_(-0.2, 0.2)
        for name, value in generator.state_dict().items():
            if name.endswith("noise_const"):
                value.normal_()
            elif name.endswith("noise_strength"):
                value.fill_(0.05)
    layers = {
        m: 1.0
        for n, m in generator.named_modules()
        if n.endswith(("conv1.conv1", "conv2", "fromrgb")) and isinstance(m, nn.Conv2d)
    }
    layers |= {m: 0.2 for n, m in generator.named_modules() if n.endswith("torgb")}
    known = (torch.rand(len(bundled_photos()), 1, 16, 16) > 0.3).float()
    known = nn.functional.interpolate(known, (512, 512))
    seen = torch.cat([known - 0.5, (photos(512, 512) * 2.0 - 1.0) * known], dim=1)
    with scaled(layers):
        generator(seen)
    put_on_steps(generator)
    path = folder / MIGAN
    torch.save(checked(generator.state_dict(), published("inpaint", "migan_512")), path)
    return path


STAND_INS: dict[str, Callable[[Path], Path]] = {
    "midas-small": midas_small,
    "depth-anything-v2-small": depth_anything_v2_small,
    "shih": shih,
    "migan": migan,
}
"""By the name of the network: what writes its files into a folder, and returns what to give to the verbs."""


def main() -> None:
    """Write all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in STAND_INS.items():
        print(f"{name}: {write(folder)}")  # noqa: T201


if __name__ == "__main__":
    main()
