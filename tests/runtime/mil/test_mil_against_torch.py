"""Modules converted from torch give torch's numbers: one program a family, one output a case."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F


class Family(nn.Module):
    """Several functions of one input, as one program of several outputs."""

    def __init__(self, **cases):
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.ModuleDict({k: v for k, v in cases.items() if isinstance(v, nn.Module)})
        self.functions = {k: v for k, v in cases.items() if not isinstance(v, nn.Module)}
        self.names = list(cases)

    def forward(self, x):
        return tuple(
            self.layers[name](x) if name in self.layers else self.functions[name](x) for name in self.names
        )


def conv_family():
    return Family(
        plain=nn.Conv2d(8, 12, 3),
        strided=nn.Conv2d(8, 6, (3, 5), (2, 1), (1, 2)),
        dilated=nn.Conv2d(8, 6, 3, 1, 2, dilation=2, bias=False),
        grouped=nn.Conv2d(8, 4, 3, 2, 1, groups=2),
        depthwise=nn.Conv2d(8, 16, 5, 1, 2, groups=8),
        transposed=nn.ConvTranspose2d(8, 6, 4, 2, 1),
        transposed_odd=nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1, groups=2),
        reflected=nn.Conv2d(8, 4, 3, padding=1, padding_mode="reflect"),
        line=lambda x: F.conv1d(x.flatten(2), torch.ones(4, 8, 3) / 7, padding=1),
    )


def activation_family():
    return Family(
        relu=F.relu,
        relu6=lambda x: F.relu6(x * 4),
        hardswish=lambda x: F.hardswish(x * 3),
        hardsigmoid=lambda x: F.hardsigmoid(x * 3),
        sigmoid=torch.sigmoid,
        tanh=torch.tanh,
        silu=F.silu,
        gelu=F.gelu,
        softmax=partial(F.softmax, dim=1),
        softplus=F.softplus,
        leaky=partial(F.leaky_relu, negative_slope=0.2),
        elu=partial(F.elu, alpha=0.7),
        prelu=nn.PReLU(8, init=0.3),
    )


def elementwise_family():
    def positive(x):
        return x.abs() + 0.1

    def other(x):
        return x.flip(-1) * 0.7 + 0.2

    return Family(
        add=lambda x: x + other(x),
        sub=lambda x: other(x) - x,
        mul=lambda x: x * other(x),
        div=lambda x: x / positive(other(x)),
        maximum=lambda x: torch.maximum(x, other(x)),
        minimum=lambda x: torch.minimum(x, other(x)),
        abs=torch.abs,
        neg=torch.neg,
        clip=partial(torch.clamp, min=-0.3, max=0.4),
        clip_low=partial(torch.clamp, min=-0.3),
        sqrt=lambda x: torch.sqrt(positive(x)),
        rsqrt=lambda x: torch.rsqrt(positive(x)),
        exp=torch.exp,
        log=lambda x: torch.log(positive(x)),
        pow=lambda x: positive(x) ** 1.7,
        square=torch.square,
        floor=lambda x: torch.floor(x * 3),
        ceil=lambda x: torch.ceil(x * 3),
        round=lambda x: torch.round(x * 3),
        sign=torch.sign,
        erf=torch.erf,
        less=lambda x: torch.where(x < other(x), x, other(x) * 2),
        logic=lambda x: torch.where(
            torch.logical_or(torch.logical_and(x > 0, torch.logical_not(x >= 0.5)), other(x) <= -0.5),
            x,
            torch.zeros_like(x),
        ),
        whole=lambda x: ((x * 9).to(torch.int32) + 2).to(torch.float32),
        broadcast=lambda x: x * x.mean((2, 3), keepdim=True) + x[:, :1],
    )


def shape_family():
    return Family(
        constant=partial(F.pad, pad=(1, 2, 0, 3), value=2.0),
        reflect=partial(F.pad, pad=(3, 1, 2, 4), mode="reflect"),
        replicate=partial(F.pad, pad=(3, 1, 2, 4), mode="replicate"),
        slice=lambda x: x[:, 2:7, 1:-1, ::3],
        flip=lambda x: torch.flip(x, (2, 3)),
        reshape=lambda x: x.reshape(1, 4, 2, -1),
        transpose=lambda x: x.permute(0, 2, 3, 1),
        unsqueeze=lambda x: x[:, :, None].mean(3)[:, None],
        squeeze=lambda x: x[:, :1].squeeze(1),
        repeat=lambda x: x.repeat(1, 2, 1, 3),
        expand=lambda x: x[:, :1].expand(-1, 5, -1, -1) + 0,
        cat=lambda x: torch.cat([x[:, :3], x * 2, x[:, 5:]], 1),
        stack=lambda x: torch.stack([x, x + 1, -x], 2),
        split=lambda x: torch.cat(list(torch.split(x, [1, 5, 2], 1))[::-1], 1),
        chunk=lambda x: sum(torch.chunk(x, 4, 1)),
        gather=lambda x: torch.index_select(x, 1, torch.tensor([7, 0, 3, 3])),
        shuffle=partial(F.pixel_shuffle, upscale_factor=2),
        unshuffle=partial(F.pixel_unshuffle, downscale_factor=2),
        full=lambda x: torch.full((1, 8, 1, 1), 0.5) * x,
        ramp=lambda x: torch.arange(0, 14, dtype=torch.float32) * x[0, 0, 0],
    )


def pool_family():
    return Family(
        most=partial(F.max_pool2d, kernel_size=3, stride=2, padding=1),
        most_ceil=partial(F.max_pool2d, kernel_size=3, stride=2, padding=0, ceil_mode=True),
        mean=partial(F.avg_pool2d, kernel_size=2),
        mean_padded=partial(F.avg_pool2d, kernel_size=3, stride=2, padding=1),
        mean_excluding=partial(F.avg_pool2d, kernel_size=3, stride=2, padding=1, count_include_pad=False),
        mean_ceil=partial(F.avg_pool2d, kernel_size=3, stride=2, padding=1, ceil_mode=True),
        whole=partial(F.adaptive_avg_pool2d, output_size=1),
        sum=lambda x: x.sum((1, 2)),
        average=lambda x: x.mean((2, 3), keepdim=True),
        largest=lambda x: x.amax((1, 3)),
        smallest=lambda x: x.amin(2, keepdim=True),
        length=lambda x: torch.linalg.vector_norm(x, dim=1),
        position=lambda x: x.argmax(1).to(torch.float32),
        running=lambda x: x.cumsum(2),
        logsumexp=lambda x: torch.logsumexp(x, 1),
    )


def product_family():
    return Family(
        linear=lambda x: F.linear(
            x.flatten(2), torch.linspace(-1, 1, 168 * 5).reshape(5, 168), torch.ones(5)
        ),
        matmul=lambda x: x @ x.transpose(-1, -2),
        attention=lambda x: F.softmax(x @ x.transpose(-1, -2) / 3, -1) @ x,
        layer=nn.LayerNorm([8, 12, 14]),
        last=nn.LayerNorm(14, elementwise_affine=False),
        instance=nn.InstanceNorm2d(8, affine=True),
        group=nn.GroupNorm(2, 8),
        batch=nn.BatchNorm2d(8),
    )


def resize_family():
    up = F.interpolate
    return Family(
        twice=partial(up, scale_factor=2, mode="bilinear", align_corners=False),
        twice_corners=partial(up, scale_factor=2, mode="bilinear", align_corners=True),
        odd=partial(up, size=(31, 25), mode="bilinear", align_corners=False),
        odd_corners=partial(up, size=(31, 25), mode="bilinear", align_corners=True),
        down=partial(up, size=(6, 7), mode="bilinear", align_corners=False),
        nearest=partial(up, scale_factor=2, mode="nearest"),
        nearest_thrice=partial(up, size=(36, 42), mode="nearest"),
    )


FAMILIES = {
    "conv": conv_family,
    "activation": activation_family,
    "elementwise": elementwise_family,
    "shape": shape_family,
    "pool": pool_family,
    "product": product_family,
    "resize": resize_family,
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return request.param, FAMILIES[request.param]().eval()


@pytest.fixture(scope="module")
def x():
    generator = torch.Generator().manual_seed(5)
    return torch.randn(1, 8, 12, 14, generator=generator)


@pytest.fixture(scope="module")
def wanted(family, x):
    with torch.no_grad():
        return [output.numpy() for output in family[1](x)]


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "fp16"])
def test_family(ct, convert, family, x, wanted, relative_error, half):
    _, module = family
    outputs = [ct.TensorType(name=f"out_{case}") for case in module.names]
    model = convert(module, x, half=half, outputs=outputs)
    assert model.unsupported() == []
    (feature,) = model.inputs
    got = model.predict({feature.name: x.numpy()})
    # Rounding of the input to fp16 moves these whole steps.
    stepped = {"floor", "ceil", "round", "sign", "whole", "position", "less", "logic"} if half else set()
    limit = 6e-3 if half else 1e-5
    errors = {
        case: relative_error(got[f"out_{case}"], want)
        for case, want in zip(module.names, wanted, strict=True)
        if case not in stepped
    }
    assert {case: error for case, error in errors.items() if not error <= limit} == {}
    if half:
        rough = model.predict({feature.name: x.numpy()}, precision="pessimistic")
        for case, want in zip(module.names, wanted, strict=True):
            if case not in stepped:
                assert relative_error(rough[f"out_{case}"], want) <= 2e-2, case
    else:
        same = model.predict({feature.name: x.numpy()}, precision="pessimistic")
        assert all(np.array_equal(same[key], got[key]) for key in got)
