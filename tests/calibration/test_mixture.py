"""Views and mixtures: photo and disparity change alike, shares are kept, the same seed gives the same."""

from itertools import islice

import numpy as np
import pytest
from ldikit.calibration.augment import plain_view, view
from ldikit.calibration.mixture import Source, mixed_batches
from ldikit.calibration.shards import write_shards
from ldikit.calibration.training import parse_sources
from ldikit.reference.errors import InputError
from ldikit.reference.sizes import ProgramSize


def marked(height=96, width=128, reverse=False):
    """A photo whose red is its disparity: a ramp to the right, or to the left."""
    ramp = np.linspace(0, 1, width, dtype=np.float32)[:: -1 if reverse else 1]
    disparity = np.repeat(ramp[None], height, 0)
    photo = np.zeros((height, width, 3), np.uint8)
    photo[..., 0] = np.round(255 * disparity)
    return photo, np.ascontiguousarray(disparity)


def test_photo_and_disparity_are_cut_turned_and_mirrored_alike():
    for seed in range(40):
        color, disparity = view(np.random.default_rng(seed), marked(), 48, 64)
        assert color.shape == (3, 48, 64) and disparity.shape == (1, 48, 64)
        assert color.min() >= 0 and color.max() <= 1
        # Whatever the light: red rises where disparity does.
        red = color[0].mean(0)[4:-4]
        known = disparity[0].mean(0)[4:-4]
        assert np.corrcoef(red, known)[0, 1] > 0.9


def test_disparity_of_a_part_fills_the_range():
    spans = [
        np.quantile(view(np.random.default_rng(seed), marked(), 48, 64)[1], [0.02, 0.98])
        for seed in range(10)
    ]
    assert np.all(np.array(spans) >= [0, 0.95]) and np.all(np.array(spans) <= [0.05, 1])


def test_a_plain_view_is_the_whole_picture_turned_for_portraits():
    color, disparity = plain_view(marked(), 48, 64)
    assert np.abs(color[0] - disparity[0])[:, 2:-2].max() < 0.03
    color, disparity = plain_view(marked(128, 96), 48, 64)
    assert color.shape == (3, 64, 48) and disparity.shape == (1, 64, 48)


def test_sources_are_drawn_by_their_shares_and_by_seed(tmp_path):
    write_shards(tmp_path / "bright", iter([(np.full((64, 64, 3), 255, np.uint8), marked(64, 64)[1])] * 3))
    write_shards(tmp_path / "dark", iter([(np.full((64, 64, 3), 20, np.uint8), marked(64, 64)[1])] * 3))
    sources = [Source(tmp_path / "bright", 3.0), Source(tmp_path / "dark", 1.0)]
    size = ProgramSize(64, 96)
    batches = list(islice(mixed_batches(sources, 5, 10, size), 20))
    bright = np.mean([batch["photo"].mean((1, 2, 3)) > 0.5 for batch in batches])
    # 200 draws at 3/4: within four standard deviations.
    assert abs(bright - 0.75) < 0.13
    assert {batch["photo"].shape[2:] for batch in batches} == {(64, 96), (96, 64)}
    assert batches[0]["disparity"].shape == (10, 1, 1, *batches[0]["photo"].shape[2:])
    again = next(mixed_batches(sources, 5, 10, size))
    assert all(np.array_equal(batches[0][name], again[name]) for name in again)
    later = next(mixed_batches(sources, 5, 10, size, start=7))
    assert not np.array_equal(batches[0]["disparity"], later["disparity"])


def test_procedural_scenes_are_a_source():
    batch = next(mixed_batches([Source(None, 1.0)], 1, 2, ProgramSize(64, 96)))
    assert batch["photo"].std() > 0.01 and batch["disparity"].std() > 0.01


def test_sources_are_read_from_their_texts():
    assert [(str(s.folder), s.share) for s in parse_sources(["a=b=2.5", "c"], 0.0)] == [
        ("a=b", 2.5),
        ("c", 1.0),
    ]
    assert parse_sources([], 2.0) == [Source(None, 2.0)]
    for texts, scenes, said in (
        (["a=x"], 1.0, "DIR=SHARE"),
        (["a=-1"], 1.0, "DIR=SHARE"),
        ([], 0.0, "nothing"),
    ):
        with pytest.raises(InputError, match=said):
            parse_sources(texts, scenes)
