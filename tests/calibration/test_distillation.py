"""Labels of a teacher: averaged over sizes and mirror images, with unreadable photos left out."""

import logging

import numpy as np
import pytest
import torch
from ldikit.calibration import distillation
from ldikit.calibration.shards import read_shard, shard_files
from ldikit.reference.errors import InputError
from PIL import Image
from torch import nn


class Biased(nn.Module):
    """Disparity by red, and a fault that grows to the right: the mirror image cancels it."""

    def forward(self, photo):
        across = torch.linspace(0, 1, photo.shape[-1]).expand(photo.shape[-2], -1)
        return (5.0 * photo[:, :1].flip(1) + across) * 3.0 + 7.0


@pytest.fixture
def teacher(monkeypatch):
    sizes = []

    def network(name, height, width):
        sizes.append((name, height, width))
        return Biased()

    monkeypatch.setattr("ldikit.reference.networks.depth_network", network)
    return sizes


def photo(path, size=(96, 64)):
    rows = np.linspace(0, 255, size[1]).astype(np.uint8)
    Image.fromarray(np.repeat(np.repeat(rows[:, None, None], size[0], 1), 3, 2)).save(path)
    return path


def test_the_mean_of_both_mirror_images_has_no_side(teacher, tmp_path):
    pixels = np.asarray(Image.open(photo(tmp_path / "a.png")))
    label = distillation.teach(pixels, "t")
    assert label.shape == (64, 96) and label.min() == 0 and label.max() == 1
    assert np.abs(label - label[:, ::-1]).max() < 0.02
    assert np.all(np.diff(label.mean(1)) > -1e-3)
    assert teacher == [("t", 256, 384), ("t", 352, 512)]


def test_photos_are_labelled_at_no_more_than_their_kept_size(teacher, tmp_path, caplog):
    large = photo(tmp_path / "large.png", (1280, 960))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    with caplog.at_level(logging.WARNING):
        assert distillation.distil([broken, large], "t", tmp_path / "labels") == 1
    assert "broken.jpg" in caplog.text
    [(kept, label)] = read_shard(shard_files(tmp_path / "labels")[0])
    assert kept.shape == (480, 640, 3) and label.shape == (480, 640)
    with pytest.raises(InputError, match="none of the 1 photos"):
        distillation.distil([broken], "t", tmp_path / "none")
