import itertools
from dataclasses import replace

import numpy as np
import pytest
from ldikit.calibration.scenes import KINDS, make_scene, scene_batches
from ldikit.calibration.scenes.compose import compose, full_surface
from ldikit.calibration.scenes.effects import defocus
from ldikit.calibration.scenes.textures import KINDS as TEXTURES
from ldikit.calibration.scenes.textures import SIZE, atlas

SIZES = [(96, 128), (128, 96)]


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("size", SIZES)
def test_every_kind_holds_the_contract_of_layers(kind, size):
    for seed in range(3):
        scene = make_scene([11, seed], *size, kind=kind)
        assert scene.kind == kind
        assert scene.photo.shape == scene.clean.shape == (3, *size)
        assert scene.color.shape == (3, 3, *size)
        assert scene.disparity.shape == scene.occupancy.shape == (3, 1, *size)
        for array in (scene.photo, scene.clean, scene.color, scene.disparity, scene.occupancy):
            assert array.dtype == np.float32
            assert np.isfinite(array).all()
            assert array.min() >= 0 and array.max() <= 1
        assert set(np.unique(scene.occupancy)) <= {0.0, 1.0}
        assert (scene.occupancy[0] == 1).all()
        assert (np.diff(scene.occupancy, axis=0) <= 0).all()
        step = scene.disparity[:-1] - scene.disparity[1:]
        behind = scene.occupancy[1:] == 1
        assert (step[behind] > 0).all()
        assert (step[~behind] == 0).all()
        repeated = np.broadcast_to(~behind, (2, 3, *size))
        assert (scene.color[1:][repeated] == scene.color[:-1][repeated]).all()


def test_same_seed_same_scene_and_another_seed_another():
    a, b, c = make_scene(5, 96, 128), make_scene(5, 96, 128), make_scene(6, 96, 128)
    for name in ("photo", "color", "disparity", "occupancy"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert np.abs(a.photo - c.photo).mean() > 0.02


def test_without_photos_nothing_of_a_bundled_photo_is_shown(monkeypatch):
    used = []

    def recorded(kind, variant):
        used.append(kind)
        return atlas(kind, variant)

    monkeypatch.setattr("ldikit.calibration.scenes.material.atlas", recorded)
    for seed in range(12):
        make_scene([31, seed], 64, 96, count=1)
    assert "photo" in used
    used.clear()
    for seed in range(12):
        make_scene([31, seed], 64, 96, count=1, photos=False)
    assert len(set(used)) > 8 and "photo" not in used


def test_without_effects_the_photo_is_the_front_layer():
    scene = make_scene(7, 96, 128, effects=False)
    np.testing.assert_array_equal(scene.photo, scene.color[0])
    np.testing.assert_array_equal(scene.clean, scene.color[0])
    seen = make_scene(7, 96, 128)
    np.testing.assert_array_equal(seen.clean, scene.clean)
    assert np.abs(seen.photo - seen.clean).mean() > 1e-3


def test_scenes_hide_things_and_fill_the_range_of_disparity():
    scenes = [make_scene([21, i], 96, 128) for i in range(40)]
    hidden = np.mean([scene.occupancy[1].mean() for scene in scenes])
    assert 0.1 < hidden < 0.7
    reach = np.array([[s.disparity[0].min(), s.disparity[0].max()] for s in scenes if s.kind != "wall"])
    assert (reach[:, 1] > 0.75).mean() > 0.85
    assert (reach[:, 0] < 0.15).mean() > 0.85
    assert len({scene.kind for scene in scenes}) >= 6


def test_batches_are_the_scenes_of_their_seeds_and_can_be_shared_out():
    first, second = itertools.islice(scene_batches(3, 2, 64, 96), 2)
    assert {name: array.shape for name, array in first.items()} == {
        "photo": (2, 3, 64, 96),
        "color": (2, 3, 3, 64, 96),
        "disparity": (2, 3, 1, 64, 96),
        "occupancy": (2, 3, 1, 64, 96),
    }
    np.testing.assert_array_equal(second["photo"][1], make_scene([3, 3], 64, 96).photo)
    other = next(scene_batches(3, 2, 64, 96, start=1, step=2))
    np.testing.assert_array_equal(other["color"], second["color"])


def test_refuses_a_frame_too_small_and_an_unknown_kind():
    with pytest.raises(ValueError, match="8x64"):
        make_scene(0, 8, 64)
    with pytest.raises(ValueError, match="opera"):
        make_scene(0, 64, 64, kind="opera")


def test_blurring_the_far_side_does_not_smear_the_near_thing_into_it():
    disparity = np.full((32, 32), 0.1, np.float32)
    layers = compose([full_surface((0.2, 0.4, 0.6), disparity), _square()])
    picture = defocus(layers, 0.5, 3.0, blur_near=False)
    # An even background stays even up to the very edge of the red square (to 8 bits), and the square stays.
    outside = layers.disparity[0] < 0.5
    np.testing.assert_allclose(picture[outside], np.tile([0.2, 0.4, 0.6], (outside.sum(), 1)), atol=3 / 255)
    np.testing.assert_array_equal(picture[~outside], layers.color[0][~outside])
    near = defocus(layers, 0.5, 3.0, blur_near=True)
    assert near[15, 7, 0] > 0.25, "a near thing out of focus spreads over its edge"
    np.testing.assert_allclose(near[0, 0], [0.2, 0.4, 0.6], atol=3 / 255)


def _square():
    return replace(full_surface((1.0, 0.0, 0.0), np.full((16, 16), 0.9, np.float32)), top=8, left=8)


@pytest.mark.parametrize("kind", TEXTURES)
def test_textures_hold_every_level_down_to_their_mean(kind):
    rows = atlas(kind, 1)
    assert rows.shape == (sum(4**level for level in range(SIZE.bit_length())), 3)
    finest = rows[: SIZE * SIZE].astype(float)
    np.testing.assert_allclose(rows[-1], finest.mean(0), atol=1.0)
    assert finest.std() > 2
