from collections.abc import Callable

import pytest
import torch
from ldikit.export.precision.repair.equalise import HEADROOM, LARGEST_FACTOR, equalise, find_pairs
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.trace import layer_of, trace
from ldikit.reference.quantized.watching import named_tensors
from torch import nn
from torch.nn import functional as F


def ranges(graph, photos: list[torch.Tensor], layer: str) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """Largest positive value of each channel that a layer gives."""
    names = {
        node.name: layer for node in graph.graph.nodes if "conv2d" in node.name and layer_of(node) == layer
    }
    found = [named_tensors(graph, names, (photo,))[0][1] for photo in photos]
    return torch.cat(found).clamp(min=0).amax((0, 2, 3))


def test_pairs(runs) -> None:  # type: ignore[no-untyped-def]
    pairs = find_pairs(runs.networks(32, 64)["depth"].graph)
    assert [(layer_of(p.first), layer_of(p.second), p.cap, p.signed, p.depthwise) for p in pairs] == [
        ("enter", "depthwise", 6.0, False, True),
        ("depthwise", "project", float("inf"), False, False),
    ]  # what `project` gives is added to something


class Shared(nn.Module):
    """One layer used twice, a branch, an activation that is not homogeneous."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3, 3, 1) for _ in range(4))

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        first, second, third, head = self.layers
        twice = first(first(photo))
        branch = second(twice.clamp(-1.0, 1.0))
        result: torch.Tensor = head(third(branch) + branch)
        return result


def test_what_is_no_pair() -> None:
    assert find_pairs(trace(Shared().eval(), "depth", 32, 32)) == []


@pytest.mark.parametrize(
    ("activation", "cap"), [(F.relu, float("inf")), (F.relu6, 6.0), (nn.ReLU6(), 6.0), (F.leaky_relu, None)]
)
def test_caps_of_activations(activation: Callable[..., torch.Tensor], cap: float | None) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

        def forward(self, photo: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.two(activation(self.one(photo)))
            return result

    found = [pair.cap for pair in find_pairs(trace(Two().eval(), "depth", 32, 32))]
    assert found == ([] if cap is None else [cap])


def test_the_float_network_stays_the_same_and_channels_come_closer(runs, with_weights, photos) -> None:  # type: ignore[no-untyped-def]
    before = runs.networks(32, 64)["depth"].graph
    weights = equalise(runs, photos)
    after = with_weights(weights).networks(32, 64)["depth"].graph
    with torch.no_grad():
        for photo in photos:
            torch.testing.assert_close(after(photo), before(photo), rtol=0, atol=1e-6)
    old, new = ranges(before, photos, "enter"), ranges(after, photos, "enter")
    # The last channel reaches the cap: it stays. Before a depthwise layer the others come as near to the
    # tensor's range as cap and headroom allow, unless that takes too large a factor.
    assert old[3] > 6 and new[3] == old[3]
    assert old[0] * LARGEST_FACTOR < 6 / HEADROOM
    torch.testing.assert_close(new[0], old[0] * LARGEST_FACTOR)
    torch.testing.assert_close(new[1], torch.minimum(torch.tensor(6 / HEADROOM), old[1] * LARGEST_FACTOR))


def test_before_a_dense_layer_activation_and_weight_share_the_range(runs, photos) -> None:  # type: ignore[no-untyped-def]
    graph = runs.networks(32, 64)["depth"].graph
    own = dict(graph.named_parameters())
    weights = equalise(runs, photos)
    project = next(name for name in own if name.startswith("project.w"))
    peak = ranges(graph, photos, "depthwise")
    shares = own[project].abs().amax((0, 2, 3))
    wide = (peak / peak.max() * shares / shares.max()).sqrt()
    factors = (wide / wide.max()) / (peak / peak.max())
    # One factor is too large, the others are not.
    assert bool((peak > 0).all()) and int((factors > LARGEST_FACTOR).sum()) == 1
    found = own[project].abs().amax((0, 2, 3)) / weights[f"depth.{project}"].abs().amax((0, 2, 3))
    torch.testing.assert_close(found, factors.clamp(max=LARGEST_FACTOR), rtol=1e-4, atol=0)


def test_no_photo(runs) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="no photo"):
        equalise(runs, [])
