"""Checkpoints are read without running anything in them, and fit a network key by key or not at all."""

import os
import pickle
import warnings
import zipfile

import pytest
import torch
from ldikit.reference.errors import InputError
from ldikit.reference.weights import checkpoint
from ldikit.reference.weights.checkpoint import fit, read_checkpoint
from safetensors.torch import save_file

WEIGHTS = {"a.weight": torch.arange(6.0).view(2, 3), "a.count": torch.tensor(7)}


def saved(path, content, **how):
    torch.save(content, path, **how)
    return path


@pytest.mark.parametrize("how", [{}, {"_use_new_zipfile_serialization": False}])
def test_reads_what_torch_saves(tmp_path, how):
    read = read_checkpoint(saved(tmp_path / "x.pth", WEIGHTS, **how))
    assert list(read) == list(WEIGHTS)
    assert all(torch.equal(read[key], WEIGHTS[key]) for key in WEIGHTS)


def test_reads_safetensors(tmp_path):
    save_file(WEIGHTS, tmp_path / "x.safetensors")
    read = read_checkpoint(tmp_path / "x.safetensors")
    assert set(read) == set(WEIGHTS)
    assert torch.equal(read["a.weight"], WEIGHTS["a.weight"])


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["zip", "legacy", "plain pickle"])
def test_a_pickle_that_would_run_code_is_refused(tmp_path, kind):
    trap, path = Trap(tmp_path / "ran"), tmp_path / "x.pth"
    if kind == "plain pickle":
        path.write_bytes(pickle.dumps({"a": trap}))
    else:
        saved(path, {"a": trap}, _use_new_zipfile_serialization=kind == "zip")
    with pytest.raises(InputError) as caught, warnings.catch_warnings():
        warnings.simplefilter("error")  # torch's own, of the pickle's protocol, would be lines of their own
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    if kind != "plain pickle":
        assert "calls posix.mkdir when it is unpickled: refused, nothing of it was run" in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content",
    [
        {},
        [1, 2],
        {"state_dict": WEIGHTS},
        {"a": 1.5},
        {3: torch.zeros(1)},
        {"a": torch.zeros(2).to_sparse()},
        {"a": torch.zeros(2, device="meta")},
    ],
)
def test_other_content_is_refused(tmp_path, content):
    with pytest.raises(InputError, match="holds no state dict"):
        read_checkpoint(saved(tmp_path / "x.pth", content))


def test_broken_files_give_one_line(tmp_path):
    whole = saved(tmp_path / "x.pth", WEIGHTS).read_bytes()
    legacy = saved(tmp_path / "y.pth", WEIGHTS, _use_new_zipfile_serialization=False).read_bytes()
    for number, content in enumerate(
        (b"", b"abc", whole[:-40], whole[40:], legacy[:-9], legacy[5:], b"\x80" * 99)
    ):
        for suffix in (".pth", ".safetensors"):
            path = tmp_path / f"broken{number}{suffix}"
            path.write_bytes(content)
            with pytest.raises(InputError, match=f"broken{number}{suffix}") as caught:
                read_checkpoint(path)
            assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no weights file at"):
        read_checkpoint(tmp_path / "nowhere.pth")


def test_too_large_a_file_is_not_read(tmp_path, monkeypatch):
    path = saved(tmp_path / "x.pth", WEIGHTS)
    monkeypatch.setattr(checkpoint, "LARGEST_BYTES", path.stat().st_size)
    assert read_checkpoint(path)
    monkeypatch.setattr(checkpoint, "LARGEST_BYTES", path.stat().st_size - 1)
    with pytest.raises(InputError, match=f"has {path.stat().st_size} bytes"):
        read_checkpoint(path)


def test_a_small_file_that_unpacks_to_a_large_one_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "LARGEST_BYTES", 1 << 20)
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(2 << 20))
    assert path.stat().st_size < 1 << 14
    with pytest.raises(InputError, match="bytes of weights; at most 1048576"):
        read_checkpoint(path)


def test_fit_brings_order_type_and_memory_layout(tmp_path):
    wanted = {"b": torch.empty(2, 3, device="meta"), "n": torch.empty((), dtype=torch.int64, device="meta")}
    given = {"n": torch.tensor(3, dtype=torch.int32), "b": torch.ones(3, 2, dtype=torch.float16).t()}
    fitted = fit(tmp_path, given, wanted)
    assert list(fitted) == ["b", "n"]
    assert fitted["b"].dtype == torch.float32 and fitted["b"].is_contiguous()
    assert fitted["n"].dtype == torch.int64 and fitted["n"] == 3


def test_fit_names_every_key_that_does_not(tmp_path):
    path = tmp_path / "x.pth"
    wanted = {key: torch.empty(2, 3) for key in ("one", "two", "shaped", "kind", "good")}
    given = {key: torch.ones(2, 3) for key in ("good", "more", "other")}
    given |= {"shaped": torch.ones(3, 2), "kind": torch.ones(2, 3, dtype=torch.int64)}
    with pytest.raises(InputError) as caught:
        fit(path, given, wanted)
    assert str(caught.value) == (
        f"{path} holds weights of another network; missing: one, two; unexpected: more, other; "
        "of another shape: shaped is (3, 2), not (2, 3); of another kind: kind is torch.int64"
    )
