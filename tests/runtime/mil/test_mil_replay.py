"""Core ML results in a file; off the Mac coremltools predicts with the evaluator, its stand-in."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from ldikit.reference.errors import BackendUnavailableError, InputError
from ldikit.runtime.mil import install
from ldikit.runtime.mil.replay import Pair, judge, read_pair, run_coreml

off_the_mac = pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself is here")


@pytest.fixture(scope="module")
def double(build):
    from coremltools.converters.mil import mil

    return build(lambda x: {"y": mil.Builder.mul(x=x, y=np.float32(2))}, (3,))


X = np.array([1, 2, 4], np.float32)


def test_a_pair_comes_back_from_its_file(tmp_path):
    pair = Pair({"x": X}, {"y": X * 2, "label": np.int64([3])}, "Core ML of macOS 15 – a Mac")
    pair.write(tmp_path / "pair.npz", False)
    back = read_pair(tmp_path / "pair.npz")
    assert back.made_by == pair.made_by
    assert back.inputs["x"].tolist() == [1, 2, 4]
    assert {name: array.tolist() for name, array in back.outputs.items()} == {"y": [2, 4, 8], "label": [3]}


def test_a_pair_is_judged(double):
    right = judge(double, Pair({"x": X}, {"y": X * 2}, "a hand"), 0.0)
    assert not right.parted
    wrong = judge(double, Pair({"x": X}, {"y": np.array([2, 4, 10], np.float32)}, "a hand"), 0.1)
    assert wrong.parted
    assert (wrong.outputs[0].max_abs, wrong.outputs[0].relative) == (2, 0.2)


def test_pairs_that_fit_no_model_are_refused(double, tmp_path):
    with pytest.raises(InputError, match="none of the outputs of the pair: y against z"):
        judge(double, Pair({"x": X}, {"z": X}, "a hand"), 0.1)
    with pytest.raises(InputError, match="no input 'q'"):
        judge(double, Pair({"q": X}, {"y": X}, "a hand"), 0.1)
    np.savez(tmp_path / "a.npz", a=X)
    with pytest.raises(InputError, match="is no pair of inputs and outputs: it holds a"):
        read_pair(tmp_path / "a.npz")


@off_the_mac
def test_off_the_mac_core_ml_is_not_available(double):
    with pytest.raises(BackendUnavailableError, match="macOS only"):
        run_coreml(double, {"x": X})


@off_the_mac
def test_coremltools_is_asked_as_on_a_mac(ct, double, monkeypatch):
    monkeypatch.setattr("ldikit.runtime.mil.replay.sys", SimpleNamespace(platform="darwin"))
    with install():
        pair = run_coreml(double, {"x": X})
    assert pair.outputs["y"].tolist() == [2, 4, 8]
    assert f"coremltools {ct.__version__}" in pair.made_by


@off_the_mac
def test_pictures_go_to_core_ml_as_pictures(ct, convert, monkeypatch):
    import torch

    class Half(torch.nn.Module):
        def forward(self, photo):
            return photo * 0.5

    example = torch.zeros(1, 3, 4, 5)
    model = convert(Half(), example, inputs=[ct.ImageType("photo", example.shape)])
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    monkeypatch.setattr("ldikit.runtime.mil.replay.sys", SimpleNamespace(platform="darwin"))
    with install():
        pair = run_coreml(model, {"photo": pixels})
    (got,) = pair.outputs.values()
    assert np.array_equal(got[0], pixels.transpose(2, 0, 1) / 2)
