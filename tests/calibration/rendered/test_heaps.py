"""Close views built without any asset: what is in them, and that the camera stays where it can be."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl", reason="drawing scenes needs moderngl: the extra 'train'")

from ldikit.calibration.rendered.heaps import heap, still
from ldikit.calibration.rendered.library import Library
from ldikit.calibration.rendered.renderer import Renderer
from ldikit.calibration.rendered.stage import Stage
from ldikit.reference.errors import BackendUnavailableError

KINDS = {"heap": heap, "still": still}


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """One renderer for all; no textures."""

    def picture(name: str) -> np.ndarray:
        raise KeyError(name)

    try:
        return Renderer(picture)
    except BackendUnavailableError as error:
        pytest.skip(str(error))


def built(kind: str, seed: int) -> Stage:
    """A stage of a kind, from no assets at all: painted things alone."""
    stage = KINDS[kind](np.random.default_rng(seed), Library(Path("/nowhere")))
    assert stage is not None
    return stage


def placing(stage: Stage) -> np.ndarray:
    """All placing matrices, for comparison."""
    return np.stack([item.matrix for item in stage.items])


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_says_it_all(kind: str) -> None:
    """The same seed builds the same scene, another one another."""
    np.testing.assert_array_equal(placing(built(kind, 3)), placing(built(kind, 3)))
    other = placing(built(kind, 4))
    assert other.shape != placing(built(kind, 3)).shape or not np.array_equal(other, placing(built(kind, 3)))


@pytest.mark.parametrize("kind", KINDS)
def test_things_fill_the_frame(kind: str, renderer: Renderer) -> None:
    """Most of most views lies within three metres, and nearness varies: no horizon, no sky alone."""
    near, spans = [], []
    for seed in range(8):
        stage = built(kind, seed)
        rng = np.random.default_rng([seed, 1])
        shots = [shot for shot in (stage.aim(rng) for _ in range(12)) if shot is not None]
        assert shots, f"no place for a camera in {kind} {seed}"
        view = renderer.draw(stage.items, shots[0].camera, shots[0].light, stage.sky, 48, 64)
        near.append((view.disparity > 1 / 3).mean())
        low, high = np.quantile(view.disparity, (0.03, 0.97))
        spans.append(high / max(low, 1e-3))
    assert np.median(near) > 0.7
    assert np.median(spans) > 1.25


def test_a_camera_inside_stays_in_its_room() -> None:
    """Where there is no sky to stand under, no camera is behind a wall or above the ceiling."""
    seen = 0
    for seed in range(12):
        stage = built("still", seed)
        # The shell comes first: its floor and its ceiling.
        floor, ceiling = stage.items[:2]
        low, high = floor.mesh.low, ceiling.mesh.high
        rng = np.random.default_rng(seed)
        for shot in filter(None, (stage.aim(rng) for _ in range(400))):
            seen += 1
            assert (shot.camera.position > low).all()
            assert (shot.camera.position < high).all()
    assert seen > 1000
