"""`pocket` depth: sizes, range, cost, and that the embedded weights see a person and hold still."""

import numpy as np
import pytest
import torch
from ldikit.reference.depth.pocket import WEIGHTS, PocketDepth, pocket_depth
from ldikit.reference.weights.store import embedded_path
from safetensors import safe_open
from torch.utils.flop_counter import FlopCounterMode

# Of the 8 MB and 3 GMAC at 384x512 that both networks may take together.
MAX_BYTES = 7_000_000
MAX_GMAC = 0.8


@pytest.fixture(scope="module")
def network() -> PocketDepth:
    return pocket_depth(96, 128)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 128), (160, 96), (224, 288)])
def test_every_multiple_of_32_gives_a_disparity_of_its_own_size(height: int, width: int) -> None:
    """5/8 of 64 is 40: an odd number of rows from the fourth stage on, of others from an earlier one."""
    torch.manual_seed(0)
    network = PocketDepth(height, width).eval()
    with torch.inference_mode():
        disparity = network(torch.rand(2, 3, height, width))
    assert disparity.shape == (2, 1, height, width)
    assert float(disparity.min()) >= 0.0 and float(disparity.max()) <= 1.0


def test_the_size_can_change_and_weights_do_not_depend_on_it(network: PocketDepth) -> None:
    other = PocketDepth(160, 96).eval()
    other.load_state_dict(network.state_dict())
    photo = torch.rand(1, 3, 96, 128)
    with torch.inference_mode():
        first = network(photo)
        other.run_at(96, 128)
        assert torch.equal(other(photo), first)
    assert "rows" not in network.state_dict()


def test_the_embedded_weights_are_small_and_cost_little() -> None:
    path = embedded_path(WEIGHTS)
    assert path.stat().st_size <= MAX_BYTES
    with safe_open(path, "pt") as file:
        kinds = {file.get_slice(name).get_dtype() for name in file.keys() if "running" not in name}  # noqa: SIM118
    assert "F16" in kinds
    network = pocket_depth(384, 512)
    # Half precision is only how they lie on disk.
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 384, 512))
    assert counter.get_total_flops() / 2e9 <= MAX_GMAC


def test_a_person_is_nearer_than_what_is_behind_her() -> None:
    """The bundled portrait: the chest at the bottom, the background in the two upper corners."""
    photo = torch.from_numpy(_bundled("astronaut_portrait.jpg", 512, 384))[None]
    with torch.inference_mode():
        disparity = pocket_depth(512, 384)(photo)[0, 0]
    chest = float(disparity[360:460, 130:260].mean())
    corners = [float(disparity[:80, :60].mean()), float(disparity[:80, -60:].mean())]
    assert chest - max(corners) > 0.3


def test_light_and_a_small_shift_change_little() -> None:
    """Steadiness was trained: a tenth of light, or a pixel, moves disparity by a few percent of its range."""
    photo = torch.from_numpy(_bundled("china.jpg", 192, 256))[None]
    network = pocket_depth(192, 256)
    with torch.inference_mode():
        still = network(photo)
        brighter = network((1.1 * photo).clamp(0, 1))
        moved = network(torch.roll(photo, 1, -1))
    spread = float(still.std())
    assert spread > 0.1
    assert float((brighter - still).abs().mean()) < 0.1 * spread
    assert float((torch.roll(moved, -1, -1) - still)[..., 8:-8].abs().mean()) < 0.1 * spread


def _bundled(name: str, height: int, width: int) -> np.ndarray:
    from ldikit.calibration.sources import bundled_photos
    from ldikit.reference.photo.decode import read_photo
    from ldikit.reference.photo.resize import to_program

    path = next(path for path in bundled_photos() if path.name == name)
    return to_program(read_photo(path).pixels, height, width)[0]
