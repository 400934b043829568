"""Weights that were given by path go into the bundle, which then can be verified anywhere."""

import shutil

import pytest
import torch
from ldikit.export import bundle as bundle_module
from ldikit.export.bundle import export_bundle
from ldikit.reference.config import PipelineConfig
from ldikit.reference.depth.pocket import PocketDepth
from ldikit.reference.errors import InputError
from ldikit.reference.inpaint.pocket import PocketInpaint
from ldikit.reference.networks import weight_files
from ldikit.runtime.bundle import open_bundle
from safetensors.torch import save_file

SIZE = "64x96"


@pytest.fixture
def given(tmp_path):
    """A folder of the weights of both networks."""
    folder = tmp_path / "given"
    folder.mkdir()
    torch.manual_seed(3)
    save_file(PocketDepth(64, 96).state_dict(), folder / "mine.safetensors")
    save_file(PocketInpaint(64, 96).state_dict(), folder / "paint.safetensors")
    return folder


@pytest.fixture
def bundle(given, tmp_path, monkeypatch):
    """A bundle without converted files, moved after the weights that it was made from were deleted."""
    monkeypatch.setattr(bundle_module, "convert_all", lambda tasks: iter(()))
    monkeypatch.setattr(bundle_module, "write_card", lambda folder, manifest: None)
    config = PipelineConfig(str(given / "mine.safetensors"), str(given / "paint.safetensors"), layers=2)
    export_bundle(config, tmp_path / "first", ["onnx"], ["fp32"], [SIZE])
    shutil.rmtree(given)
    return (tmp_path / "first").rename(tmp_path / "moved")


def test_the_reference_runs_from_the_bundle_alone(bundle):
    opened = open_bundle(bundle)
    assert opened.manifest.pipeline.depth == "weights/depth/mine.safetensors"
    assert opened.manifest.pipeline.name == "weights/depth/mine.safetensors+weights/inpaint/paint.safetensors"
    reference = opened.runner("torch")
    photo = (torch.rand(70, 100, 3, generator=torch.Generator().manual_seed(0)) * 255).byte().numpy()
    assert reference(photo).size == (64, 96)
    assert str(bundle.parent) not in (bundle / "manifest.json").read_text()


def test_weights_do_not_leave_the_bundle(bundle, tmp_path):
    file = bundle / "weights" / "depth" / "mine.safetensors"
    file.rename(tmp_path / "elsewhere.safetensors")
    file.symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(InputError, match="a link that leaves the bundle"):
        open_bundle(bundle).runner("torch").load(SIZE)
    text = (bundle / "manifest.json").read_text()
    (bundle / "manifest.json").write_text(text.replace("weights/depth/mine", "weights/../../elsewhere"))
    with pytest.raises(InputError, match="leaves the bundle's folder"):
        open_bundle(bundle)


def test_every_kind_of_path_names_its_files(tmp_path):
    assert weight_files("depth", "pocket") == weight_files("inpaint", "shih") == []
    assert weight_files("depth", "hf:some/network") == []
    assert weight_files("inpaint", "x.safetensors")[0].name == "x.safetensors"
    for stage, names, given in (
        ("depth", ["tiefenrausch.pb", "tiefenrausch_init.pb"], ""),
        ("depth", ["config.json", "model.safetensors", "preprocessor_config.json"], ""),
        ("depth", ["midas.pt"], "midas.pt"),
        ("inpaint", ["depth-model.pth", "color-model.safetensors"], "depth-model.pth"),
        ("inpaint", ["migan_512_places2.pt"], ""),
    ):
        folder = tmp_path / names[0]
        folder.mkdir()
        for name in (*names, "other.txt"):
            (folder / name).touch()
        assert [file.name for file in weight_files(stage, str(folder / given))] == names
        assert all(file.is_file() for file in weight_files(stage, str(folder / given)))
