"""Finding networks by name or by the path of their weights."""

from pathlib import Path

from torch import nn

from .depth import pocket as pocket_depth
from .depth.midas_small.network import load_midas_small
from .depth.protocol import depth_networks
from .depth.tiefenrausch.load import INIT, PREDICT, load_tiefenrausch, net_folder
from .depth.transformers_network import (
    CONFIG,
    HUB_PREFIX,
    PREPROCESSING,
    WEIGHTS,
    load_transformers,
    transformers_source,
)
from .errors import InputError
from .inpaint import pocket as pocket_inpaint
from .inpaint.migan.files import migan_file, migan_from
from .inpaint.protocol import inpaint_networks
from .inpaint.shih.files import shih_files, shih_folder, shih_from
from .weights.store import load_weights

# What is told apart by its path.
_BY_PATH = {
    "depth": (
        "the .safetensors of pocket, the .pt of midas-small, the folder of tiefenrausch's two .pb files, or "
        "a folder with the config.json of transformers"
    ),
    "inpainting": (
        "the .safetensors of pocket, the folder of shih's color-model and depth-model, or the .pt of migan"
    ),
}


def depth_network(name: str, height: int, width: int) -> nn.Module:
    """Return the depth network `name` for one size: a registered name, or the path of weights.

    Weights are a safetensors file of `pocket`, a `.pt` file of `midas-small`, the folder of the pair of
    nets of `tiefenrausch` (or one of its `.pb` files), a folder in the layout of transformers, or `hf:NAME`
    of one on its hub.

    Raises:
        InputError: no such name or file, or the file holds another network.
    """
    if name in depth_networks:
        return depth_networks.get(name)(height, width)
    nets = net_folder(Path(name))
    if nets is not None:
        return load_tiefenrausch(nets, height, width)
    source = transformers_source(name)
    if source is not None:
        return load_transformers(source, height, width)
    if Path(name).suffix == ".pt" and Path(name).is_file():
        return load_midas_small(Path(name), height, width)
    _check_path(name, "depth", list(depth_networks))
    network = pocket_depth.PocketDepth(height, width)
    load_weights(network, Path(name))
    return network.eval()


def inpaint_network(name: str, height: int, width: int) -> nn.Module:
    """Return the inpainting network `name` for one size: a registered name, or the path of weights.

    Weights are a safetensors file of `pocket`, the folder of `shih` (or a `.pth` file in it), or the `.pt`
    file of `migan` (or its folder).

    Raises:
        InputError: no such name or file, or the file holds another network.
    """
    if name in inpaint_networks:
        return inpaint_networks.get(name)(height, width)
    folder = shih_folder(Path(name))
    if folder is not None:
        return shih_from(folder, height, width)
    file = migan_file(Path(name))
    if file is not None:
        return migan_from(file, height, width)
    _check_path(name, "inpainting", list(inpaint_networks))
    network = pocket_inpaint.PocketInpaint(height, width)
    load_weights(network, Path(name))
    return network.eval()


def weight_files(stage: str, name: str) -> list[Path]:
    """Return the files that `depth_network` or `inpaint_network` reads for a path.

    Args:
        stage: "depth" or "inpaint".
        name: of the network; for a registered name, or one of a hub, there are none.

    Raises:
        InputError: a folder lacks a file, or it cannot be told which it holds.
    """
    path = Path(name)
    if stage == "depth":
        if name in depth_networks or name.startswith(HUB_PREFIX):
            return []
        nets = net_folder(path)
        if nets is not None:
            return [nets / PREDICT, nets / INIT]
        if transformers_source(name) is not None:
            return [path / file for file in (CONFIG, WEIGHTS, PREPROCESSING) if (path / file).is_file()]
        return [path]
    if name in inpaint_networks:
        return []
    folder = shih_folder(path)
    return shih_files(folder) if folder is not None else [migan_file(path) or path]


def _check_path(name: str, kind: str, known: list[str]) -> None:
    """Refuse a name that is neither registered nor a weights file."""
    if Path(name).suffix == ".safetensors" and not Path(name).is_file():
        # A bundle names the file as it was given: from another folder, a relative path finds nothing.
        raise InputError(
            f"no such weights of the {kind} network: {name} (looked for from {Path.cwd()}): "
            "give a file that exists"
        )
    if Path(name).suffix != ".safetensors":
        if Path(name).exists():
            raise InputError(f"{name} is not known as weights for {kind}: give {_BY_PATH[kind]}")
        raise InputError(
            f"unknown {kind} network {name!r}: give one of {', '.join(known)}, "
            "or the path of weights that exist"
        )
