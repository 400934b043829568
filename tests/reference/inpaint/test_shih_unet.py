"""The U-Nets against partial convolution as published: a mask convolution of ones over every channel."""

import pytest
import torch
from ldikit.reference.inpaint.shih.files import unet_layout
from ldikit.reference.inpaint.shih.unet import color_unet, depth_unet
from torch import nn
from torch.nn import functional as F

NARROW = (4, 6, 8, 8, 8, 8, 8)
H, W = 128, 128
COLOR_DECODERS = ["dec_7", "dec_6", "dec_5A", "dec_4A", "dec_3A", "dec_2A", "dec_1A"]


def unit(weights, name, planes, mask, stride, slope):
    """Liu et al. 2018, equation 1, then normalisation and activation, on masks of every channel."""
    weight, bias = weights[f"{name}.conv.input_conv.weight"], weights.get(f"{name}.conv.input_conv.bias")
    padding = weight.shape[-1] // 2
    counted = F.conv2d(mask, torch.ones_like(weight), None, stride, padding)
    summed = F.conv2d(planes * mask, weight, None, stride, padding)
    known = counted > 0
    features = summed * weight[0].numel() / torch.where(known, counted, 1.0)
    if bias is not None:
        features = features + bias.view(1, -1, 1, 1)
    features = torch.where(known, features, 0.0)
    if f"{name}.bn.weight" in weights:
        norm = [weights[f"{name}.bn.{key}"] for key in ("running_mean", "running_var", "weight", "bias")]
        features = F.batch_norm(features, *norm)
    return features if slope is None else F.leaky_relu(features, slope), known.float()


def published(weights, planes, decoders):
    mask = (planes[:, -2:-1] + planes[:, -1:]).clamp(0, 1).repeat(1, planes.shape[1], 1, 1)
    levels = [(planes, mask)]
    for level in range(1, 8):
        levels.append(unit(weights, f"enc_{level}", *levels[-1], 2, 0.0))
    joined = levels.pop()
    for name in decoders:
        above = [F.interpolate(part, scale_factor=2, mode="nearest") for part in joined]
        both = [torch.cat(parts, 1) for parts in zip(above, levels.pop(), strict=True)]
        joined = unit(weights, name, *both, 1, None if name in ("dec_1", "dec_1A") else 0.2)
    return joined[0]


def random_unet(make, seed):
    torch.manual_seed(seed)
    network = make(NARROW)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return network.eval().requires_grad_(False)


def pixels(share, seed):
    """Context and hole: scattered pixels in two overlapping halves, none in the last columns."""
    generator = torch.Generator().manual_seed(seed)
    context, hole = ((torch.rand(1, 1, H, W, generator=generator) < share).float() for _ in range(2))
    context[..., 70:] = 0
    hole[..., :40] = 0
    hole[..., 100:] = 0
    return context, hole * (1 - context)


@pytest.mark.parametrize("share", [0.5, 0.001])
@pytest.mark.parametrize(
    ("make", "decoders"), [(depth_unet, [f"dec_{n}" for n in range(7, 0, -1)]), (color_unet, COLOR_DECODERS)]
)
def test_equals_partial_convolution_on_whole_pixels(make, decoders, share):
    network = random_unet(make, 3)
    context, hole = pixels(share, 4)
    channels = network.enc_1.conv.input_conv.in_channels - 3
    given = torch.randn(1, channels, H, W, generator=torch.Generator().manual_seed(5)) * context
    planes = torch.cat([given, 0 * context, context, hole], 1)
    expected = published(network.state_dict(), planes, decoders)
    found = network(planes)
    assert expected.std() > 0.05
    assert (found - expected).abs().max() < 1e-5
    assert set(decoders) == {name.split(".")[0] for name in network.state_dict() if name.startswith("dec")}


def test_masks_may_be_soft_and_nothing_jumps():
    network = random_unet(color_unet, 7)
    context, hole = pixels(0.5, 8)
    color = torch.rand(1, 3, H, W, generator=torch.Generator().manual_seed(9))

    def paint(weight):
        return network(torch.cat([color * context * weight, 0 * context, context * weight, hole], 1))

    # All of the context fades out at once, and back: what a small step changes is small, from 0 on.
    whole = (paint(1.0) - paint(0.0)).abs().max()
    assert whole > 0.3
    for weight in (0.0, 0.3, 0.9):
        assert (paint(weight + 1e-3) - paint(weight)).abs().max() < 0.05 * whole


def test_layout_adds_a_mask_convolution_to_every_convolution():
    with torch.device("meta"):
        network = depth_unet(NARROW)
    layout = unet_layout(network)
    added = set(layout) - set(network.state_dict())
    assert len(added) == 14
    assert layout["enc_1.conv.mask_conv.weight"].shape == (4, 4, 7, 7)
