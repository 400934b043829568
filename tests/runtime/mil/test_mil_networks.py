"""Whole networks that phones run, converted by coremltools in single precision, against torch."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from mil_networks import NETWORKS, make

# Sizes at which every operation of the published size is there; a multiple of 14 for Depth-Anything.
SMALL = {"Depth-Anything-V2-Small": 56, "ldikit, pocket": 128}

# Of the range. Steep steps multiply what float32 rounds: on this noise torch's own program is up to 6e-6 from
# float64, and two that sum in another order differ by twice that.
LARGEST_ERROR = {"ldikit, pocket": 2e-5}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_converted_network_gives_what_torch_gives(name, convert, relative_error):
    if name.startswith("Depth-Anything"):
        pytest.importorskip("transformers")
    network, x = make(name, SMALL.get(name, 64))
    with torch.no_grad():
        wanted = network(x)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    model = convert(network, x)
    got = model.predict({model.inputs[0].name: x.numpy()})
    for array, expected in zip(got.values(), wanted, strict=True):
        assert np.ptp(array) > 0
        assert relative_error(array, expected.numpy()) <= LARGEST_ERROR.get(name, 1e-5)
