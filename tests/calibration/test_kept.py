import pytest
import torch
from ldikit.calibration.kept import (
    BEYOND_REASON,
    DEPTH_REASON,
    depth_arithmetic,
    kept_by_patterns,
    layers_of,
)
from ldikit.reference.config import PipelineConfig
from ldikit.reference.depth.protocol import depth_networks
from ldikit.reference.errors import InputError
from torch import nn

LAYERS = {"depth": ["stem.0", "stage4.0.depthwise.0", "stage4.0.project"], "inpaint": ["enter.0"]}


def test_float_comes_before_weight_only() -> None:
    kept = kept_by_patterns(LAYERS, ["*depthwise*"], ["depth/*"])
    assert kept["depth"].float_layers == {"stage4.0.depthwise.0": "asked for by *depthwise*"}
    assert list(kept["depth"].weight_only) == ["stem.0", "stage4.0.project"]
    assert (kept["inpaint"].float_layers, kept["inpaint"].weight_only) == ({}, {})


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"no layer is called 'depth/stern\*': .* such as depth/stem.0, inpaint"
    ):
        kept_by_patterns(LAYERS, ["depth/stern*"], ["*"])


def test_layers_of_the_pocket_networks() -> None:
    layers = layers_of(PipelineConfig())
    assert layers["depth"][:2] == ["fine.0", "stem.0"]
    assert "enter.0" in layers["inpaint"]
    assert "head" not in layers["depth"] + layers["inpaint"]


class Published(nn.Module):
    """A depth network with weights on steps of 1/64, as they are published: to −128 steps, and to +128."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        self.held, self.beyond = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Conv2d(8, 1, 1)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for layer, extreme in ((self.held, -128.0), (self.beyond, 128.0)):
                counts = torch.randint(-100, 101, layer.weight.shape, generator=generator).float()
                counts[0, 0, 0, 0] = extreme
                layer.weight.copy_(counts / 64)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.sigmoid(self.head(torch.relu(self.beyond(torch.relu(self.held(photo))))))
        return result


def test_the_depth_network_alone_computes_in_float(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = depth_arithmetic(PipelineConfig())
    assert list(kept) == ["depth"] and kept["depth"].float_layers == {}
    assert kept["depth"].weight_only == dict.fromkeys(layers_of(PipelineConfig())["depth"], DEPTH_REASON)
    monkeypatch.setitem(depth_networks._entries, "published", lambda height, width: Published().eval())
    kept = depth_arithmetic(PipelineConfig(depth="published"))
    assert kept["depth"].weight_only == {"held": DEPTH_REASON}
    assert kept["depth"].float_layers == {"beyond": BEYOND_REASON}
