import pytest
from ldikit.calibration.kept import DEPTH_REASON, depth_arithmetic, kept_by_patterns, layers_of
from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import InputError

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


def test_the_depth_network_alone_computes_in_float() -> None:
    kept = depth_arithmetic(LAYERS)
    assert list(kept) == ["depth"] and kept["depth"].float_layers == {}
    assert kept["depth"].weight_only == dict.fromkeys(LAYERS["depth"], DEPTH_REASON)
