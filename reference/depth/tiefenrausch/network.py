"""The network itself, in float, and as a depth network of a program."""

import torch
from torch import nn
from torch.nn import functional as F

from .plan import Convolution, Plan, Range, Sum

# It was trained on photos of this long side; both sides are multiples of 32.
LONG_SIDE = 384
MULTIPLE = 32


def within(values: torch.Tensor, bounds: Range) -> torch.Tensor:
    """Return values held in a range."""
    return torch.clamp(values, bounds.low, bounds.high)


class RangedConvolution(nn.Conv2d):
    """A convolution whose result stays in the range that its int8 tensor had.

    The ranges are part of the network: they are its ReLUs, and without them its result is another one.
    """

    def __init__(self, step: Convolution, weight: torch.Tensor, bias: torch.Tensor) -> None:
        outputs, taken, kernel, _ = weight.shape
        super().__init__(taken * step.groups, outputs, kernel, step.stride, kernel // 2, groups=step.groups)
        self.bounds = step.range
        self.load_state_dict({"weight": weight, "bias": bias})

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, I, H, W) → (N, O, H / stride, W / stride)."""
        return within(super().forward(features), self.bounds)


class LogDisparity(nn.Module):
    """What the pair of nets computes, in float: photo → log-disparity, both at the network's own size.

    Args:
        plan: the operations; the weights are copied.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.photo, self.photo_range, self.output = plan.photo, plan.photo_range, plan.output
        self.steps = tuple(plan.steps)
        self.layers = nn.ModuleDict(
            {
                step.layer: RangedConvolution(step, *plan.parameters[step.layer])
                for step in self.steps
                if isinstance(step, Convolution)
            }
        )
        last = {name: index for index, step in enumerate(self.steps) for name in step.sources}
        # Index of a step → what is not needed after it.
        self.finished: dict[int, list[str]] = {}
        for name, index in last.items():
            self.finished.setdefault(index, []).append(name)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """(N, 3, h, w) RGB in [0, 1] → (N, 1, h, w), larger is nearer; h, w multiples of 32."""
        tensors = {self.photo: within(photo, self.photo_range)}
        for index, step in enumerate(self.steps):
            if isinstance(step, Convolution):
                result = self.layers[step.layer](tensors[step.source])
            elif isinstance(step, Sum):
                result = within(tensors[step.left] + tensors[step.right], step.range)
            else:
                result = F.interpolate(tensors[step.source], scale_factor=2.0, mode="nearest")
            tensors[step.output] = result
            for name in self.finished.get(index, ()):
                if name != self.output:
                    del tensors[name]
        return tensors[self.output]


class Tiefenrausch(nn.Module):
    """The depth network of a program of any size.

    Args:
        plan: what it computes.
        height, width: of the program; multiples of 32.
    """

    normalised = False

    def __init__(self, plan: Plan, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width)
        self.inner = inner_size(height, width)
        self.core = LogDisparity(plan)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """Map photos (N, 3, H, W) RGB in [0, 1] to disparity (N, 1, H, W) above 0, larger is nearer."""
        disparity = torch.exp(self.core(shrink(photo, *self.inner)))
        if self.inner == self.size:
            return disparity
        return F.interpolate(disparity, self.size, mode="bilinear", align_corners=False)


def inner_size(height: int, width: int) -> tuple[int, int]:
    """Return the height and width that the network runs at: never larger than the program's own.

    The long side is at most 384, and what the other becomes by the aspect is floored to a multiple of 32, as
    in the published code.
    """
    scale = min(1.0, LONG_SIDE / max(height, width))
    return (_floored(height * scale), _floored(width * scale))


def _floored(side: float) -> int:
    return max(int(side) // MULTIPLE * MULTIPLE, MULTIPLE)


def shrink(photo: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Average an (N, C, H, W) picture down to a size: halved while it is twice that or more, then bilinear.

    Between the size and twice it, bilinear weights are those of an average over areas but for a twelfth.
    """
    while photo.shape[-2] >= 2 * height and photo.shape[-1] >= 2 * width:
        photo = F.avg_pool2d(photo, 2)
    if tuple(photo.shape[-2:]) == (height, width):
        return photo
    return F.interpolate(photo, (height, width), mode="bilinear", align_corners=False)
