"""The published checkpoints of `migan`: found by name or path, checked, and made into a network."""

import re
from pathlib import Path

import torch
from torch import nn

from ...errors import InputError
from ...models.locate import locate
from ...weights.checkpoint import fit, read_checkpoint
from ..protocol import inpaint_networks
from .generator import Generator
from .layers import every_second
from .network import MiganInpaint, migan_frame

RESOLUTIONS = (512, 256)

_FIRST_LAYER = "encoder.b{}.fromrgb.weight"


def migan_file(path: Path) -> Path | None:
    """Return the checkpoint at `path`: a `.pt` file, or the one in a folder; None where there is none.

    Raises:
        InputError: the folder holds several.
    """
    if path.suffix == ".pt" and path.is_file():
        return path
    found = sorted(path.glob("migan_*.pt")) if path.is_dir() else []
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise InputError(f"{path} holds several checkpoints of migan ({names}): give the path of one")
    return found[0] if found else None


def migan_from(path: Path, height: int, width: int) -> MiganInpaint:
    """Return the network of a checkpoint, in evaluation mode.

    Args:
        path: what `export_inference_model.py` of MI-GAN writes, for 256 or 512 pixels.
        height, width: see `MiganInpaint`.

    Raises:
        InputError: the file is unreadable or holds another network.
    """
    weights = read_checkpoint(path)
    resolution = next((r for r in RESOLUTIONS if _FIRST_LAYER.format(r) in weights), RESOLUTIONS[0])
    factor, border = migan_frame(height, width, resolution)
    wide = width // factor + border.left + border.right
    with torch.device("meta"):
        generator = Generator(resolution, height // factor + border.top + border.bottom, wide)
    own = generator.state_dict()
    weights = fit(path, weights, migan_layout(generator))
    for key, value in weights.items():
        if key.endswith(".filter_const"):
            if not torch.equal(value, every_second(*value.shape[-2:])):
                raise InputError(f"{path}: {key} must be 1 in every second row and column, else 0")
            weights[key] = every_second(*own[key].shape[-2:])
        elif key.endswith(".noise_const"):
            weights[key] = _repeated(value, *own[key].shape)
    generator.load_state_dict(weights, assign=True)
    return MiganInpaint(height, width, generator).eval()


def migan_layout(generator: Generator) -> dict[str, torch.Tensor]:
    """Return the published keys and shapes: the generator's own, its fixed planes square."""
    wanted = {}
    for key, value in generator.state_dict().items():
        side = re.search(r"\.b(\d+)\..*(filter|noise)_const$", key)
        if side:
            value = value.new_empty((*value.shape[:-2], int(side[1]), int(side[1])))
        wanted[key] = value
    return wanted


def _repeated(plane: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return the top left of a plane (h, w), which is repeated where it ends."""
    times = (-(-height // plane.shape[0]), -(-width // plane.shape[1]))
    return plane.repeat(times)[:height, :width].contiguous()


@inpaint_networks.register("migan")
def migan(height: int, width: int) -> nn.Module:
    """Return `MiganInpaint` with the checkpoint of the model store."""
    folder = locate("migan")
    file = migan_file(folder)
    if file is None:
        raise InputError(f"{folder} has no migan_*.pt: put the published file there")
    return migan_from(file, height, width)
