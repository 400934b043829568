"""The published files of tiefenrausch against the published disparity of one photo."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from ldikit.reference.depth.tiefenrausch.load import load_tiefenrausch
from ldikit.reference.errors import InputError
from ldikit.reference.networks import depth_network
from ldikit.reference.photo.resize import to_program
from PIL import Image

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
MODEL = SHARED / "models" / "tiefenrausch"
PHOTO = SHARED / "data" / "photos" / "pumpkin" / "image.jpg"

pytestmark = pytest.mark.skipif(not (MODEL.is_dir() and PHOTO.is_file()), reason="no ../shared/models here")


@pytest.fixture(scope="module")
def pixels():
    with Image.open(PHOTO) as image:  # As the publishers read it: colour profiles are left out.
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def expected():
    return np.load(MODEL / "expected_pumpkin.npy")


def correlation(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def test_the_published_disparity_is_met(pixels, expected):
    network = load_tiefenrausch(MODEL, 384, 288)
    assert sum(parameter.numel() for parameter in network.parameters()) == 3_550_841
    small = cv2.resize(pixels, (288, 384), interpolation=cv2.INTER_AREA)
    photo = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255.0
    with torch.no_grad():
        disparity = network(photo).numpy()[0, 0]
    assert correlation(disparity, expected) > 0.9998
    assert np.abs(np.log(disparity / expected)).mean() < 0.011


def test_a_program_sees_almost_the_same(pixels, expected, monkeypatch):
    monkeypatch.setenv("LDIKIT_MODELS", str(MODEL.parent))
    with torch.no_grad():
        disparity = depth_network("tiefenrausch", 512, 384)(torch.from_numpy(to_program(pixels, 512, 384)))
    small = cv2.resize(disparity.numpy()[0, 0], (288, 384), interpolation=cv2.INTER_AREA)
    assert correlation(small, expected) > 0.998


@pytest.mark.parametrize("end", [0, 1, 20_000, 50_463])
def test_a_part_of_a_published_net_is_refused(tmp_path, end):
    (tmp_path / "tiefenrausch.pb").write_bytes((MODEL / "tiefenrausch.pb").read_bytes()[:end])
    (tmp_path / "tiefenrausch_init.pb").symlink_to(MODEL / "tiefenrausch_init.pb")
    with pytest.raises(InputError, match="Caffe2 net"):
        load_tiefenrausch(tmp_path, 64, 64)


def test_the_two_nets_are_not_interchangeable(tmp_path):
    for name, other in (
        ("tiefenrausch.pb", "tiefenrausch_init.pb"),
        ("tiefenrausch_init.pb", "tiefenrausch.pb"),
    ):
        (tmp_path / name).symlink_to(MODEL / other)
    with pytest.raises(InputError, match="does not hold the tiefenrausch depth network"):
        load_tiefenrausch(tmp_path, 64, 64)
