"""Networks that phones run, to hold the Core ML evaluator against torch.

Their arithmetic and their sizes are those of the published networks; but for our own program the weights are
random: what they see does not matter here.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

# kernel, expanded channels, outputs, squeeze-and-excite, activation, stride of every block:
# MobileNetV3-Large (Howard et al., ICCV 2019, table 1).
_V3 = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hardswish", 2),
    (3, 200, 80, False, "hardswish", 1),
    (3, 184, 80, False, "hardswish", 1),
    (3, 184, 80, False, "hardswish", 1),
    (3, 480, 112, True, "hardswish", 1),
    (3, 672, 112, True, "hardswish", 1),
    (5, 672, 160, True, "hardswish", 2),
    (5, 960, 160, True, "hardswish", 1),
    (5, 960, 160, True, "hardswish", 1),
)
# kernel, expansion, outputs, stride, repeats of every group: EfficientNet-Lite0 (Tan and Le, ICML 2019,
# table 1, without squeeze-and-excite and with ReLU6).
_LITE0 = (
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (5, 6, 40, 2, 2),
    (3, 6, 80, 2, 3),
    (5, 6, 112, 1, 3),
    (5, 6, 192, 2, 4),
    (3, 6, 320, 1, 1),
)
_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
}


def _unit(inputs: int, outputs: int, kernel: int, stride: int, activation: str, groups: int = 1) -> list:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs, momentum=None), _ACTIVATIONS[activation]()]


class _Squeeze(nn.Module):
    """Squeeze-and-excite with a hard sigmoid."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(8, (channels // 4 + 4) // 8 * 8)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, inner, 1),
            nn.ReLU(),
            nn.Conv2d(inner, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class _Block(nn.Module):
    """Expand, filter each channel, project; with a shortcut where the shape stays."""

    def __init__(
        self, inputs: int, kernel: int, inner: int, outputs: int, squeeze: bool, activation: str, stride: int
    ) -> None:
        super().__init__()
        layers = _unit(inputs, inner, 1, 1, activation) if inner != inputs else []
        layers += _unit(inner, inner, kernel, stride, activation, groups=inner)
        layers += [_Squeeze(inner)] if squeeze else []
        layers += _unit(inner, outputs, 1, 1, "relu")[:2]
        self.layers = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return x + y if self.shortcut else y


def mobilenet_v3() -> nn.Module:
    """MobileNetV3-Large with 1000 classes: photos (N, 3, H, W) to scores (N, 1000)."""
    layers, inputs = _unit(3, 16, 3, 2, "hardswish"), 16
    for kernel, inner, outputs, squeeze, activation, stride in _V3:
        layers.append(_Block(inputs, kernel, inner, outputs, squeeze, activation, stride))
        inputs = outputs
    layers += _unit(inputs, 960, 1, 1, "hardswish")
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers += [nn.Linear(960, 1280), nn.Hardswish(), nn.Linear(1280, 1000)]
    return nn.Sequential(*layers)


def efficientnet_lite() -> nn.Module:
    """EfficientNet-Lite0 with 1000 classes: photos (N, 3, H, W) to scores (N, 1000)."""
    layers, inputs = _unit(3, 32, 3, 2, "relu6"), 32
    for kernel, expand, outputs, stride, repeats in _LITE0:
        for i in range(repeats):
            layers.append(
                _Block(inputs, kernel, inputs * expand, outputs, False, "relu6", 1 if i else stride)
            )
            inputs = outputs
    layers += _unit(inputs, 1280, 1, 1, "relu6")
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000))


class _Pocket(nn.Module):
    """The package's own program with its pocket network: a photo to a layered depth image."""

    def __init__(self, size: int) -> None:
        super().__init__()
        from ldikit.reference.config import PipelineConfig
        from ldikit.reference.pipeline import build_program

        self.program = build_program(PipelineConfig(), size, size)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.program(torch.sigmoid(x)))


class _DepthAnything(nn.Module):
    """Depth-Anything-V2-Small (Yang et al., NeurIPS 2024) for squares of one size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

        backbone = Dinov2Config(
            hidden_size=384,
            num_attention_heads=6,
            image_size=size,  # so that the position embedding needs no bicubic resizing, which Core ML lacks
            patch_size=14,
            out_indices=[3, 6, 9, 12],
            reshape_hidden_states=False,
            apply_layernorm=True,
        )
        config = DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=384,
            neck_hidden_sizes=[48, 96, 192, 384],
            fusion_hidden_size=64,
        )
        self.network = DepthAnythingForDepthEstimation(config)
        for module in self.network.modules():
            if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                module.reset_parameters()  # torch's keep values at their size, transformers' do not

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x).predicted_depth


# name → what makes it for squares of a size, and the size that it is measured at.
NETWORKS: dict[str, tuple[Callable[[int], nn.Module], int]] = {
    "MobileNetV3-Large": (lambda size: mobilenet_v3(), 224),
    "EfficientNet-Lite0": (lambda size: efficientnet_lite(), 224),
    "Depth-Anything-V2-Small": (_DepthAnything, 518),
    "ldikit, pocket": (_Pocket, 512),
}


def make(name: str, size: int | None = None) -> tuple[nn.Module, Tensor]:
    """Make a network of `NETWORKS` with seeded weights, ready to be evaluated, and an input for it.

    Batch norms are given the statistics of three noise images, so that values keep their size on the way.

    Args:
        name: of the network.
        size: height and width that it is to run at, instead of its own; a multiple of 14 for Depth-Anything.
    """
    torch.manual_seed(11)
    build, own = NETWORKS[name]
    size = size or own
    network = build(size)
    with torch.no_grad():
        if any(
            isinstance(module, nn.BatchNorm2d) and module.momentum is None for module in network.modules()
        ):
            network.train()(torch.randn(3, 3, size, size))
    return network.eval(), torch.randn(1, 3, size, size)
