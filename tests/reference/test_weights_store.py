"""Weights of another network are refused in one line that names every key that does not fit."""

import pytest
import torch
from ldikit.reference.errors import InputError
from ldikit.reference.weights.store import load_weights
from safetensors.torch import save_file
from torch import nn


def network():
    return nn.Sequential(*(nn.Linear(2, 3) for _ in range(4)))


def test_what_fits_is_loaded(tmp_path):
    weights = {key: torch.full_like(value, 0.25) for key, value in network().state_dict().items()}
    weights["3.bias"] = weights["3.bias"].half()
    save_file(weights, tmp_path / "x.bin")
    loaded = network()
    load_weights(loaded, tmp_path / "x.bin")
    for value in loaded.state_dict().values():
        assert value.dtype == torch.float32 and bool((value == 0.25).all())


def test_every_key_that_does_not_fit_is_named(tmp_path):
    path = tmp_path / "x.safetensors"
    weights = {"3.weight": torch.zeros(3, 2), "2.weight": torch.zeros(2, 3), "2.bias": torch.zeros(5)}
    weights["3.bias"] = torch.zeros(3, dtype=torch.int32)
    weights |= {f"other.{name}": torch.zeros(1) for name in "gfedcba"}
    save_file(weights, path)
    unchanged = network()
    before = {key: value.clone() for key, value in unchanged.state_dict().items()}
    with pytest.raises(InputError) as caught:
        load_weights(unchanged, path)
    assert str(caught.value) == (
        f"{path} holds weights of another network; missing: 0.bias, 0.weight, 1.bias, 1.weight; "
        "unexpected: other.a, other.b, other.c, other.d, other.e, other.f, other.g; "
        "of another shape: 2.bias is (5,), not (3,), 2.weight is (2, 3), not (3, 2); "
        "of another kind: 3.bias is torch.int32"
    )
    assert caught.value.exit_code == 2
    assert all(torch.equal(before[key], value) for key, value in unchanged.state_dict().items())


def test_what_is_no_weights_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no weights file at"):
        load_weights(network(), tmp_path)
    (tmp_path / "x.pth").write_bytes(b"no tensors")
    with pytest.raises(InputError, match="is not a readable safetensors file"):
        load_weights(network(), tmp_path / "x.pth")
