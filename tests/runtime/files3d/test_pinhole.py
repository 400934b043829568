"""Where points lie: what a moved camera sees of them is what the renderer says."""

import math

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.render import Camera
from ldikit.runtime.files3d import Pinhole

SIZE = (48, 64)


@pytest.mark.parametrize("pinhole", [Pinhole(), Pinhole(35, 0.5, 3)])
@pytest.mark.parametrize(("x", "y"), [(1, 0), (-0.5, 0.7)])
def test_a_moved_camera_sees_what_the_renderer_shows(pinhole: Pinhole, x: float, y: float) -> None:
    random = np.random.default_rng(1)
    u, v, disparity = random.random((3, 50)) * np.array([[64.0], [48.0], [1.0]])
    points = pinhole.points(u, v, disparity, SIZE)
    # The renderer's y goes down.
    moved = points - pinhole.baseline(0.05) * np.array([x, -y, 0])
    focal = pinhole.focal_px(*SIZE)
    seen = np.stack([32 + focal * moved[:, 0] / -moved[:, 2], 24 - focal * moved[:, 1] / -moved[:, 2]])
    camera = Camera(x=x, y=y, focus=pinhole.infinity, parallax=0.05)
    shift_x, shift_y = camera.shift_px(*SIZE)
    shown = np.stack([u - shift_x * (disparity - camera.focus), v - shift_y * (disparity - camera.focus)])
    np.testing.assert_allclose(seen, shown, atol=1e-9)


def test_distances_angles_and_the_default_way_of_the_eyes() -> None:
    pinhole = Pinhole()
    np.testing.assert_allclose(pinhole.depth(np.array([0.0, 1.0])), [10, 1])
    assert pinhole.depth(np.array(pinhole.infinity + 1e-12)) > 1e9
    # Half of a square photo's side over the focal length is tan 30°.
    assert pinhole.vertical_view(100, 100) == pytest.approx(math.radians(60))
    assert pinhole.vertical_view(50, 100) == pytest.approx(2 * math.atan(0.5 * math.tan(math.radians(30))))
    assert pinhole.baseline() == pytest.approx(0.05 * 2 * math.tan(math.radians(30)) / 0.9)


@pytest.mark.parametrize(
    "values", [(0.5, 1, 10), (math.nan, 1, 10), (60, 0, 10), (60, 2, 2), (60, 1, math.inf)]
)
def test_impossible_cameras_are_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match=r"field of view must|distances must"):
        Pinhole(*values)
