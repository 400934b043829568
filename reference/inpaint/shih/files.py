"""The published checkpoints of `shih`: found by name or folder, checked, and made into a network."""

from pathlib import Path

import torch
from torch import nn

from ...errors import InputError
from ...models.locate import locate
from ...weights.checkpoint import fit, read_checkpoint
from ..protocol import inpaint_networks
from .edges import EdgeNet
from .network import ShihInpaint
from .unet import PartialUNet, color_unet, depth_unet

COLOR, DEPTH, EDGES = "color-model", "depth-model", "edge-model"
SUFFIXES = (".pth", ".safetensors")


def shih_folder(path: Path) -> Path | None:
    """Return the folder of the checkpoints, named itself or by one of them; None for other paths."""
    names = [f"{name}{suffix}" for name in (COLOR, DEPTH) for suffix in SUFFIXES]
    if path.name in names and path.is_file():
        return path.parent
    return path if any((path / name).is_file() for name in names) else None


def shih_files(folder: Path) -> list[Path]:
    """Return the two checkpoints of a folder.

    Raises:
        InputError: one is missing.
    """
    return [_file(folder, DEPTH), _file(folder, COLOR)]


def shih_from(folder: Path, height: int, width: int, with_edges: bool = False) -> ShihInpaint:
    """Return the network with the checkpoints of a folder, in evaluation mode.

    Args:
        folder: holds `color-model` and `depth-model`, as `.pth` or `.safetensors`.
        height, width: see `ShihInpaint`.
        with_edges: also use `edge-model`.

    Raises:
        InputError: a file is missing, unreadable, or holds another network.
    """
    depth_file, color_file = shih_files(folder)
    depth, color = _unet(depth_unet, depth_file), _unet(color_unet, color_file)
    edges = edge_net(_file(folder, EDGES)) if with_edges else None
    return ShihInpaint(height, width, depth, color, edges).eval()


def unet_layout(network: PartialUNet) -> dict[str, torch.Tensor]:
    """Return the published keys and shapes of a U-Net: its own, and those of the mask convolutions."""
    wanted = {}
    for key, value in network.state_dict().items():
        wanted[key] = value
        if key.endswith(".input_conv.weight"):
            wanted[key.replace(".input_conv.", ".mask_conv.")] = value
    return wanted


def edge_layout(network: EdgeNet) -> dict[str, torch.Tensor]:
    """Return the published keys and shapes of the edge network: spectral norms keep two vectors a weight."""
    wanted = {}
    modules = dict(network.named_modules())
    for key, value in network.state_dict().items():
        name, _, kind = key.rpartition(".")
        if kind == "weight" and name != "decoder_2.1":
            rows = _rows(modules[name], value)
            wanted[f"{key}_orig"] = value
            wanted[f"{key}_u"], wanted[f"{key}_v"] = rows.new_empty(len(rows)), rows.new_empty(rows.shape[1])
        else:
            wanted[key] = value
    return wanted


def edge_net(path: Path) -> EdgeNet:
    """Return the edge network of a checkpoint, its weights divided by their spectral norms.

    Raises:
        InputError: see `shih_from`.
    """
    with torch.device("meta"):
        network = EdgeNet()
    wanted = edge_layout(network)
    weights = fit(path, read_checkpoint(path), wanted)
    modules = dict(network.named_modules())
    for key in [key for key in wanted if key.endswith("_orig")]:
        name = key.removesuffix("_orig")
        weight, left, right = weights.pop(key), weights.pop(f"{name}_u"), weights.pop(f"{name}_v")
        norm = torch.dot(left, _rows(modules[name.removesuffix(".weight")], weight) @ right)
        if not torch.isfinite(1.0 / norm):
            raise InputError(f"{path}: {name} has no spectral norm to divide by ({norm})")
        weights[name] = weight / norm
    network.load_state_dict(weights, assign=True)
    return network.eval()


def _unet(make, path: Path) -> PartialUNet:  # type: ignore[no-untyped-def]
    """Return a U-Net with the weights of a checkpoint."""
    with torch.device("meta"):
        network: PartialUNet = make()
    weights = fit(path, read_checkpoint(path), unet_layout(network))
    masks = [key for key in weights if ".mask_conv." in key]
    # A box filter takes their place: it is the same only for ones.
    other = [key for key in masks if not bool((weights.pop(key) == 1.0).all())]
    if other:
        raise InputError(f"{path}: mask convolutions must be all ones: {', '.join(other)}")
    network.load_state_dict(weights, assign=True)
    return network.eval()


def _rows(module: nn.Module, weight: torch.Tensor) -> torch.Tensor:
    """Return a weight as the matrix whose spectral norm counts: a row an output."""
    if isinstance(module, nn.ConvTranspose2d):
        weight = weight.transpose(0, 1)
    return weight.flatten(1)


def _file(folder: Path, name: str) -> Path:
    for suffix in SUFFIXES:
        if (folder / f"{name}{suffix}").is_file():
            return folder / f"{name}{suffix}"
    raise InputError(f"{folder} has no {name}.pth (nor {name}.safetensors): put the published file there")


@inpaint_networks.register("shih")
def shih(height: int, width: int) -> nn.Module:
    """Return `ShihInpaint` with the checkpoints of the model store, without edges."""
    return shih_from(locate("shih"), height, width)


@inpaint_networks.register("shih-edges")
def shih_edges(height: int, width: int) -> nn.Module:
    """Return `ShihInpaint` with the edge network, whose weights may not be used commercially."""
    return shih_from(locate("shih-edges"), height, width, with_edges=True)
