"""The partial-convolution U-Net that paints depth, and the one that paints colour."""

import torch
from torch import nn
from torch.nn import functional as F

from .partial import PartialUnit

# Seven halvings: both sides must be multiples of this.
UNIT = 128

# Kernel of the first layers of the encoder; the others have 3.
_KERNELS = (7, 5, 5)
# Channels of the encoder's layers.
WIDTHS = (64, 128, 256, 512, 512, 512, 512)
_LEAK = 0.2


class PartialUNet(nn.Module):
    """`Inpaint_Depth_Net` and `Inpaint_Color_Net` of 3d-photo-inpainting, with their keys.

    Args:
        inputs: channels; the last two are the context and the hole.
        outputs: channels.
        biased: how many layers of the encoder have a bias.
        decoders: names of the decoder's layers, the deepest first.
        levels: channels of the encoder's layers, the first first.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        biased: int,
        decoders: tuple[str, ...],
        levels: tuple[int, ...] = WIDTHS,
    ) -> None:
        super().__init__()
        widths = (inputs, *levels)
        self.encoders = tuple(f"enc_{level + 1}" for level in range(len(levels)))
        self.decoders = decoders
        for level, name in enumerate(self.encoders):
            kernel = _KERNELS[level] if level < len(_KERNELS) else 3
            unit = PartialUnit(widths[level], widths[level + 1], kernel, 2, level < biased, norm=level > 0)
            self.add_module(name, unit)
        above = widths[-1]
        for level, name in zip(reversed(range(1, len(levels))), decoders, strict=False):
            self.add_module(name, PartialUnit(above + widths[level], widths[level], slope=_LEAK))
            above = widths[level]
        last = PartialUnit(above + inputs, outputs, bias=True, norm=False, slope=None)
        self.add_module(decoders[-1], last)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Paint from (N, inputs, H, W), H and W multiples of 128, zero outside context and hole.

        Returns:
            (N, outputs, H, W), zero where no context or hole is near.
        """
        mask = (planes[:, -2:-1] + planes[:, -1:]).clamp(0.0, 1.0)
        # The planes are zero where the mask is; where it is soft, so are they.
        skips = [(planes, mask)]
        masked = planes
        for name in self.encoders:
            features, mask = getattr(self, name)(masked, mask, mask)
            masked = features * mask
            skips.append((masked, mask))
        masked, mask = skips.pop()
        for name in self.decoders:
            beside, beside_mask = skips.pop()
            above, above_mask = (F.interpolate(p, scale_factor=2.0, mode="nearest") for p in (masked, mask))
            share = above.shape[1] / (above.shape[1] + beside.shape[1])
            known = share * above_mask + (1.0 - share) * beside_mask
            joined = torch.cat([above, beside], dim=1)
            features, mask = getattr(self, name)(joined, known, torch.maximum(above_mask, beside_mask))
            masked = features * mask
        return masked


def depth_unet(levels: tuple[int, ...] = WIDTHS) -> PartialUNet:
    """Return the network of `depth-model.pth`: log depth, edge, context, hole → log depth."""
    return PartialUNet(4, 1, 2, tuple(f"dec_{level}" for level in range(7, 0, -1)), levels)


def color_unet(levels: tuple[int, ...] = WIDTHS) -> PartialUNet:
    """Return the network of `color-model.pth`: colour, edge, context, hole → logits of colour."""
    names = ("dec_7", "dec_6", *(f"dec_{level}A" for level in range(5, 0, -1)))
    return PartialUNet(6, 3, 0, names, levels)
