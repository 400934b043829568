"""From the published files to a depth network."""

from pathlib import Path

from torch import nn

from ...models.locate import locate
from ..protocol import depth_networks
from .netdef import read_net
from .network import Tiefenrausch
from .planner import plan_of

NAME = "tiefenrausch"
PREDICT, INIT = "tiefenrausch.pb", "tiefenrausch_init.pb"


def load_tiefenrausch(folder: Path, height: int, width: int) -> nn.Module:
    """Return the depth network for one program size, in evaluation mode; the program normalises its result.

    Args:
        folder: holds `tiefenrausch.pb` and `tiefenrausch_init.pb`.
        height, width: of the program; multiples of 32.

    Raises:
        InputError: a file is missing, damaged, or of another network.
    """
    plan = plan_of(read_net(folder / PREDICT), read_net(folder / INIT), str(folder))
    return Tiefenrausch(plan, height, width).eval().requires_grad_(False)


def net_folder(path: Path) -> Path | None:
    """Return the folder of the pair of nets, named itself or by a `.pb` file in it; None for other paths."""
    if path.suffix == ".pb" and path.is_file():
        return path.parent
    return path if (path / PREDICT).is_file() or (path / INIT).is_file() else None


@depth_networks.register(NAME)
def tiefenrausch(height: int, width: int) -> nn.Module:
    """Return `load_tiefenrausch` of the published files, from where they are kept on this machine."""
    return load_tiefenrausch(locate(NAME), height, width)
