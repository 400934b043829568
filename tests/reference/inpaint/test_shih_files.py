"""The published checkpoints of `shih`: every key and shape, and nothing else, makes a network."""

import json
from pathlib import Path

import pytest
import torch
from ldikit.reference.errors import InputError
from ldikit.reference.inpaint.protocol import inpaint_networks
from ldikit.reference.inpaint.shih.edges import EdgeNet
from ldikit.reference.inpaint.shih.files import edge_layout, edge_net, shih_from, unet_layout
from ldikit.reference.inpaint.shih.unet import color_unet, depth_unet
from ldikit.reference.networks import inpaint_network
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
FILES = {"color-model": color_unet, "depth-model": depth_unet, "edge-model": EdgeNet}


def published(name):
    """Keys and shapes, from `networks.py` of vt-vl-lab/3d-photo-inpainting."""
    return json.loads((HERE / f"shih_{name}.shapes.json").read_text())


def blank(name):
    """A checkpoint of the published keys and shapes; every tensor is one stored number: a small file."""
    weights = {}
    for key, shape in published(name).items():
        kind = torch.int64 if key.endswith("num_batches_tracked") else torch.float32
        ones = ".mask_conv." in key or key.endswith("running_var")
        weights[key] = torch.full((), int(ones), dtype=kind).expand(shape)
    return weights


def folder_of(tmp_path, **changed):
    for name in ("color-model", "depth-model"):
        weights = blank(name)
        for key, value in changed.get(name.split("-")[0], {}).items():
            weights.pop(key, None)
            if value is not None:
                weights[key] = value
        torch.save(weights, tmp_path / f"{name}.pth")
    return tmp_path


@pytest.mark.parametrize("name", sorted(FILES))
def test_layout_is_the_published_one(name):
    with torch.device("meta"):
        network = FILES[name]()
    layout = edge_layout(network) if name == "edge-model" else unet_layout(network)
    assert {key: list(value.shape) for key, value in layout.items()} == published(name)


def test_published_files_make_the_network(tmp_path, monkeypatch):
    folder = tmp_path / "shih"
    folder.mkdir()
    bias = {"dec_1.conv.input_conv.bias": torch.tensor([0.5])}
    folder_of(folder, depth=bias, color={"dec_1A.conv.input_conv.bias": torch.tensor([9.0, -9.0, 0.0])})
    for name in (str(folder), str(folder / "color-model.pth")):
        network = inpaint_network(name, 64, 96)
        assert not network.training
        assert network.edges is None
        assert network.depth.dec_1.conv.input_conv.bias.item() == 0.5
        assert network.color.dec_1A.conv.input_conv.bias.tolist() == [9, -9, 0]
        assert sum(p.numel() for p in network.parameters()) > 50e6
    # By name, from the folder of all models; the edge network is another name's.
    monkeypatch.setenv("LDIKIT_MODELS", str(tmp_path))
    assert inpaint_network("shih", 64, 96).edges is None
    (folder / "edge-model.pth").write_bytes(b"")
    with pytest.raises(InputError, match=r"edge-model\.pth is no readable checkpoint"):
        inpaint_network("shih-edges", 64, 96)


def test_unknown_place_says_how_to_get_the_files(tmp_path, monkeypatch):
    monkeypatch.setenv("LDIKIT_MODELS", str(tmp_path))
    assert {"shih", "shih-edges"} <= set(inpaint_networks)
    with pytest.raises(InputError, match="the weights of shih are not here") as caught:
        inpaint_network("shih", 64, 96)
    assert str(tmp_path / "shih") in str(caught.value)


def test_half_a_folder_names_the_missing_file(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "depth-model.pth").unlink()
    with pytest.raises(InputError, match=r"has no depth-model\.pth \(nor depth-model\.safetensors\)"):
        inpaint_network(str(tmp_path), 64, 96)


def test_every_wrong_key_is_named_at_once(tmp_path):
    wrong = {"enc_1.conv.input_conv.bias": None, "more": torch.zeros(1), "enc_2.bn.weight": torch.ones(7)}
    with pytest.raises(InputError) as caught:
        shih_from(folder_of(tmp_path, depth=wrong), 64, 96)
    assert str(caught.value) == (
        f"{tmp_path / 'depth-model.pth'} holds weights of another network; "
        "missing: enc_1.conv.input_conv.bias; unexpected: more; "
        "of another shape: enc_2.bn.weight is (7,), not (128,)"
    )


def test_a_mask_convolution_that_is_no_box_filter_is_refused(tmp_path):
    key = "enc_4.conv.mask_conv.weight"
    other = torch.tensor(1.5).expand(published("depth-model")[key])
    with pytest.raises(InputError, match=f"mask convolutions must be all ones: {key}$"):
        shih_from(folder_of(tmp_path, depth={key: other}), 64, 96)


def test_spectral_norms_are_divided_out(tmp_path):
    torch.manual_seed(0)
    weights = {key: torch.randn(shape) for key, shape in published("edge-model").items()}
    # Torch's own spectral normalisation is the published one.
    convolutions = {
        "encoder_1.0": nn.Conv2d(64, 128, 4, 2, 1),
        "decoder_0.0": nn.ConvTranspose2d(512, 128, 4, 2, 1),
        "middle.7.conv_block.5": nn.Conv2d(256, 256, 3, bias=False),
    }
    save_file(weights, tmp_path / "edge-model.safetensors")
    network = edge_net(tmp_path / "edge-model.safetensors")
    found = dict(network.named_modules())
    for name, convolution in convolutions.items():
        normed = nn.utils.spectral_norm(convolution)
        own = {key.removeprefix(f"{name}."): v for key, v in weights.items() if key.startswith(name)}
        normed.load_state_dict(own)
        x = torch.rand(1, convolution.in_channels, 6, 6)
        expected, result = normed.eval()(x), found[name](x)
        assert (result - expected).abs().max() < 1e-4 * expected.abs().max()
    planes = torch.rand(1, 7, 16, 24)
    assert network(planes).shape == (1, 1, 16, 24)


def test_weights_without_a_norm_are_refused(tmp_path):
    torch.save(blank("edge-model"), tmp_path / "edge-model.pth")
    with pytest.raises(InputError, match=r"edge-model\.pth: encoder_0\.1\.weight has no spectral norm"):
        edge_net(tmp_path / "edge-model.pth")
