"""Depth Anything through transformers, of tiny widths: the same map as theirs, and what loading refuses."""

import json
import sys
from pathlib import Path

import pytest
import torch
from ldikit.reference.depth import transformers_network
from ldikit.reference.depth.transformers_network import load_transformers, working_size
from ldikit.reference.errors import InputError, MissingExtraError
from ldikit.reference.networks import depth_network
from torch.nn import functional as F

transformers = pytest.importorskip("transformers")


def make_model(**changes):
    """The real class with small widths and seeded weights; its activations spread as much as real ones do."""
    torch.manual_seed(0)
    backbone = transformers.Dinov2Config(
        hidden_size=24,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=42,
        patch_size=14,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=24,
        neck_hidden_sizes=[8, 12, 16, 16],
        fusion_hidden_size=8,
        head_hidden_size=8,
        **changes,
    )
    model = transformers.DepthAnythingForDepthEstimation(config).eval()
    # transformers starts with weights so small that the output would be nearly constant.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "embeddings.position" not in name:
                parameter.normal_(0.0, parameter[0].numel() ** -0.5)
        model.head.conv3.bias.fill_(1.0)
    return model


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture
def folder(model, tmp_path: Path) -> Path:
    model.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def photo() -> torch.Tensor:
    return torch.rand((1, 3, 64, 96), generator=torch.Generator().manual_seed(1))


def change_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_working_size_is_the_nearest_multiple_of_the_patch():
    assert working_size(384, 512, 14) == (378, 518)
    assert working_size(512, 384, 14) == (518, 378)
    assert working_size(4, 64, 14) == (14, 70)


def test_it_is_the_map_of_transformers(model, folder, photo):
    network = depth_network(str(folder), 64, 96)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = F.interpolate((photo - mean.view(3, 1, 1)) / std.view(3, 1, 1), (70, 98), mode="bilinear")
    with torch.no_grad():
        depth = model(pixels).predicted_depth[:, None]
    expected = F.interpolate(depth, (64, 96), mode="bilinear")
    assert expected.std() > 1e-3
    torch.testing.assert_close(network(photo), expected, atol=1e-5, rtol=1e-4)
    assert not network.training and not network.normalised


def test_its_own_normalisation_is_used(folder, photo):
    plain = load_transformers(str(folder), 64, 96)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.25, 1.0]})
    )
    network = load_transformers(str(folder), 64, 96)
    grey = network.normalisation(torch.full((1, 3, 1, 1), 1.0))
    torch.testing.assert_close(grey.flatten(), torch.tensor([1.0, 2.0, 0.5]))
    assert not torch.allclose(network(photo), plain(photo))
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_std": [0.5, 0.5, 0.0]}))
    with pytest.raises(InputError, match="no mean and spread of three colours"):
        load_transformers(str(folder), 64, 96)


def test_metric_depth_becomes_disparity(tmp_path, photo):
    metric = make_model(depth_estimation_type="metric", max_depth=20)
    metric.save_pretrained(tmp_path)
    network = load_transformers(str(tmp_path), 70, 98)
    photo = F.interpolate(photo, (70, 98))
    with torch.no_grad():
        depth = metric(network.normalisation(photo)).predicted_depth[:, None]
    assert depth.std() > 1e-3
    torch.testing.assert_close(network(photo), 1 / depth, atol=1e-5, rtol=1e-4)


# Of the published checkpoint: what transformers makes of its config.json, 24.8 M numbers as its card says.
PUBLISHED = json.loads(Path(__file__).with_name("depth_anything_v2_small.shapes.json").read_text())
PUBLISHED_CONFIG = {
    "reassemble_hidden_size": 384,
    "neck_hidden_sizes": [48, 96, 192, 384],
    "fusion_hidden_size": 64,
    "head_hidden_size": 32,
}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A folder of the published keys and shapes, of zeros."""
    from safetensors.torch import save_file

    backbone = transformers.Dinov2Config(
        hidden_size=384,
        num_attention_heads=6,
        image_size=518,
        patch_size=14,
        out_indices=[3, 6, 9, 12],
        reshape_hidden_states=False,
    )
    transformers.DepthAnythingConfig(backbone_config=backbone, **PUBLISHED_CONFIG).save_pretrained(tmp_path)
    save_file({key: torch.zeros(shape) for key, shape in PUBLISHED.items()}, tmp_path / "model.safetensors")
    return tmp_path


def test_the_published_keys_and_shapes_are_loaded_and_no_others(published):
    from safetensors.torch import load_file, save_file

    assert sum(torch.Size(shape).numel() for shape in PUBLISHED.values()) == 24_785_089
    network = load_transformers(str(published), 64, 96)
    assert isinstance(network, transformers_network.TransformersDepth)
    weights = load_file(published / "model.safetensors")
    key = "backbone.encoder.layer.11.layer_scale2.lambda1"
    del weights[key]
    weights["neck.convs.3.weight"] = torch.zeros(64, 384, 1, 1)
    save_file(weights, published / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError) as caught:
        load_transformers(str(published), 64, 96)
    assert str(caught.value).endswith(
        f"missing: {key}; of another shape: neck.convs.3.weight is (64, 384, 1, 1), not (64, 384, 3, 3)"
    )


def test_neither_bicubic_resizing_nor_a_mask_is_exported(folder, photo):
    exported = torch.export.export(load_transformers(str(folder), 64, 96), (photo,)).run_decompositions({})
    operations = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert "aten.upsample_bilinear2d.vec" in operations
    assert not any("bicubic" in name or "where" in name for name in operations)


def test_weights_of_another_network_are_named_in_one_line(folder, capfd):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["head.conv1.bias"], weights["head.conv2.bias"]
    weights |= {"more": torch.zeros(1), "head.conv3.bias": torch.zeros(2)}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    capfd.readouterr()
    with pytest.raises(InputError) as caught:
        load_transformers(str(folder), 64, 96)
    assert str(caught.value) == (
        f"{folder} holds weights of another network; missing: head.conv1.bias, head.conv2.bias; "
        "unexpected: more; of another shape: head.conv3.bias is (2,), not (1,)"
    )
    # transformers itself would print a table and a progress bar.
    assert "".join(capfd.readouterr()) == ""


def test_a_config_of_other_shapes_is_refused(folder):
    change_config(folder, head_hidden_size=16)
    with pytest.raises(InputError, match=r"of another shape: head\.conv2\.bias is \(8,\), not \(16,\)"):
        load_transformers(str(folder), 64, 96)


def test_other_kinds_are_refused(tmp_path):
    transformers.GLPNConfig().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(InputError, match=r"is of kind 'glpn' .*only depth_anything"):
        load_transformers(str(tmp_path), 64, 96)


def test_only_safetensors(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"no model\.safetensors in"):
        load_transformers(str(folder), 64, 96)


def test_code_that_comes_along_is_not_run(folder, tmp_path):
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    change_config(folder, model_type="evil", auto_map={"AutoConfig": "evil.Evil"})
    with pytest.raises(InputError, match="of kind 'evil'"):
        load_transformers(str(folder), 64, 96)
    change_config(folder, model_type="depth_anything")
    load_transformers(str(folder), 64, 96)
    assert not (tmp_path / "ran").exists()


def test_a_config_that_asks_for_too_much(folder):
    change_config(folder, fusion_hidden_size=100_000)
    with pytest.raises(InputError, match="bytes of weights; at most"):
        load_transformers(str(folder), 64, 96)
    config = json.loads((folder / "config.json").read_text())
    change_config(folder, backbone_config={**config["backbone_config"], "num_hidden_layers": 10**9})
    with pytest.raises(InputError, match="has 1000000000 layers; at most 64"):
        load_transformers(str(folder), 64, 96)


@pytest.mark.parametrize("config", [b"", b"{", b"[]", b'{"model_type": 5}'])
def test_a_broken_config(folder, config):
    (folder / "config.json").write_bytes(config)
    with pytest.raises(InputError, match=r"cannot read the depth network|no JSON object|of kind 5"):
        load_transformers(str(folder), 64, 96)


def test_a_truncated_weights_file(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot read the depth network"):
        load_transformers(str(folder), 64, 96)


def test_offline_the_hub_is_not_asked(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="cannot read the depth network hf:nobody/nothing") as caught:
        depth_network("hf:nobody/nothing", 64, 96)
    assert len(str(caught.value).splitlines()) == 1


def test_without_transformers_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"ldikit\[transformers\]"):
        load_transformers(str(folder), 64, 96)


def test_the_name_says_what_to_fetch(tmp_path, monkeypatch):
    monkeypatch.setenv("LDIKIT_MODELS", str(tmp_path))
    with pytest.raises(InputError, match=f"ldikit models get {transformers_network.NAME}"):
        depth_network(transformers_network.NAME, 64, 64)
