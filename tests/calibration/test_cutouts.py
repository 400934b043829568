"""Cut-outs hide real photos, and the truth about them is whole."""

import numpy as np
from ldikit.calibration.scenes.cutouts import make_cutouts
from PIL import Image


def test_a_seed_gives_the_same_scene_and_another_seed_another() -> None:
    first, again, other = (make_cutouts([3, i], 48, 64) for i in (0, 0, 1))
    assert np.array_equal(first.photo, again.photo)
    assert np.array_equal(first.disparity, again.disparity)
    assert not np.array_equal(first.photo, other.photo)


def test_hidden_layers_lie_strictly_behind_where_they_are() -> None:
    for index in range(6):
        scene = make_cutouts([4, index], 48, 64)
        assert scene.photo.shape == (3, 48, 64)
        assert np.array_equal(scene.photo, scene.color[0])
        assert scene.color.min() >= 0
        assert scene.color.max() <= 1
        front, back = scene.disparity[:-1], scene.disparity[1:]
        occupied = scene.occupancy[1:] > 0
        assert (back[occupied] < front[occupied]).all()
        assert np.array_equal(back[~occupied], front[~occupied])


def test_what_is_hidden_goes_on_as_one_picture() -> None:
    """The rearmost surface is a plane of disparity wherever the layers reach down to it."""
    scene = make_cutouts([5, 2], 96, 128, count=6)
    size = scene.disparity[0, 0].size
    rows, columns = np.mgrid[:96, :128]
    plane = np.stack([np.ones(size), rows.ravel(), columns.ravel()], 1)
    depth = scene.occupancy[:, 0].sum(0).ravel()
    back = scene.disparity[:, 0].min(0).ravel()
    coefficients, *_ = np.linalg.lstsq(plane, back, rcond=None)
    assert np.abs(plane @ coefficients - back).max() < 1e-4
    assert depth.max() >= 2


def test_pictures_that_are_given_fill_everything() -> None:
    red = Image.new("RGB", (120, 90), (200, 0, 0))
    for index in range(4):
        scene = make_cutouts([6, index], 48, 64, pictures=[red])
        assert scene.color[:, 1:].max() == 0
        assert scene.color[:, 0].min() > 0.3
