"""EfficientNet-Lite3, cut into the four levels of MiDaS.

EfficientNet is Tan & Le, ICML 2019; Lite has no squeeze-excitation, and ReLU6 for swish. Names of modules are
those of the published checkpoint, which are those of `tf_efficientnet_lite3` in gen-efficientnet-pytorch.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

# TensorFlow's, in which the encoder was first trained.
EPSILON = 1e-3

STEM_WIDTH = 32


class Stage(NamedTuple):
    """Repeated blocks: the first has the stride and the change of width."""

    repeats: int
    width: int
    kernel: int
    stride: int
    expand: int


# B0's stages with 1.2 times the width (rounded to eights) and 1.4 times the depth; Lite scales neither end.
STAGES = (
    Stage(1, 24, 3, 1, 1),
    Stage(3, 32, 3, 2, 6),
    Stage(3, 48, 5, 2, 6),
    Stage(5, 96, 3, 2, 6),
    Stage(5, 136, 5, 1, 6),
    Stage(6, 232, 5, 2, 6),
    Stage(1, 384, 3, 1, 6),
)

# Channels at 1/4, 1/8, 1/16 and 1/32 of the size.
LEVELS = (32, 48, 136, 384)


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: with stride 2, one more after than before.

    Args:
        inputs, outputs: channels.
        kernel: odd.
        stride: 1 or 2; sizes are even where it is 2.
        groups: of channels.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        both = (kernel - 1) // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, both, groups=groups, bias=False)
        before = (kernel - 2) // 2
        self.uneven = () if stride == 1 else (before, kernel - 2 - before) * 2

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) → (N, outputs, H/stride, W/stride)."""
        return super().forward(F.pad(features, self.uneven) if self.uneven else features)


class SeparableBlock(nn.Module):
    """Depthwise, then pointwise: the first stage."""

    def __init__(self, inputs: int, stage: Stage) -> None:
        super().__init__()
        self.conv_dw = SameConv(inputs, inputs, stage.kernel, stage.stride, groups=inputs)
        self.bn1 = nn.BatchNorm2d(inputs, EPSILON)
        self.conv_pw = SameConv(inputs, stage.width, 1)
        self.bn2 = nn.BatchNorm2d(stage.width, EPSILON)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) → (N, width, H/stride, W/stride)."""
        return self.bn2(self.conv_pw(F.relu6(self.bn1(self.conv_dw(features)))))


class InvertedBlock(nn.Module):
    """Expand, depthwise, project, and add where the shape stays."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        hidden = inputs * stage.expand
        self.conv_pw = SameConv(inputs, hidden, 1)
        self.bn1 = nn.BatchNorm2d(hidden, EPSILON)
        self.conv_dw = SameConv(hidden, hidden, stage.kernel, stride, groups=hidden)
        self.bn2 = nn.BatchNorm2d(hidden, EPSILON)
        self.conv_pwl = SameConv(hidden, stage.width, 1)
        self.bn3 = nn.BatchNorm2d(stage.width, EPSILON)
        self.residual = stride == 1 and inputs == stage.width

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) → (N, width, H/stride, W/stride)."""
        hidden = F.relu6(self.bn2(self.conv_dw(F.relu6(self.bn1(self.conv_pw(features))))))
        projected = self.bn3(self.conv_pwl(hidden))
        return features + projected if self.residual else projected


class Encoder(nn.Module):
    """The encoder; its four levels are cut where MiDaS cuts them."""

    def __init__(self) -> None:
        super().__init__()
        stages = []
        inputs = STEM_WIDTH
        for stage in STAGES:
            blocks: list[nn.Module] = []
            for index in range(stage.repeats):
                stride = stage.stride if index == 0 else 1
                if stage.expand == 1:
                    blocks.append(SeparableBlock(inputs, stage))
                else:
                    blocks.append(InvertedBlock(inputs, stage, stride))
                inputs = stage.width
            stages.append(nn.Sequential(*blocks))
        stem = (SameConv(3, STEM_WIDTH, 3, 2), nn.BatchNorm2d(STEM_WIDTH, EPSILON), nn.ReLU6())
        self.layer1 = nn.Sequential(*stem, *stages[0:2])
        self.layer2 = nn.Sequential(stages[2])
        self.layer3 = nn.Sequential(*stages[3:5])
        self.layer4 = nn.Sequential(*stages[5:7])

    def forward(self, photo: torch.Tensor) -> list[torch.Tensor]:
        """Map (N, 3, H, W) to features (N, C, H/4, W/4) … (N, C, H/32, W/32), C as in `LEVELS`."""
        levels = []
        features = photo
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            features = layer(features)
            levels.append(features)
        return levels
