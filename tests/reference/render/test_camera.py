import math

import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.render import Camera, circle_path, parity_cameras


def test_shift_is_in_units_of_the_largest_parallax():
    assert Camera(x=0.5, y=-1, parallax=0.05).shift_px(384, 512) == pytest.approx((12.8, -25.6))
    assert Camera(x=1, parallax=0.05).shift_px(512, 384) == pytest.approx((25.6, 0))


@pytest.mark.parametrize(
    "values",
    [{"x": math.nan}, {"y": math.inf}, {"zoom": 0}, {"zoom": -1}, {"parallax": 0}, {"focus": math.nan}],
)
def test_impossible_values_are_refused(values):
    with pytest.raises(InputError, match="camera"):
        Camera(**values)


def test_parity_path_is_fixed_and_within_reach():
    places = [(c.x, c.y) for c in parity_cameras()]
    s = math.sqrt(0.5)
    assert places == [(-1, 0), (1, 0), (0, -1), (0, 1), (s, s), (-s / 2, -s / 2)]
    assert all(math.hypot(x, y) <= 1 + 1e-12 for x, y in places)
    assert {c.parallax for c in parity_cameras(0.03)} == {0.03}


def test_circle_goes_once_round():
    cameras = circle_path(4, reach=0.5, zoom=1.1)
    assert [(round(c.x, 9), round(c.y, 9)) for c in cameras] == [(0.5, 0), (0, 0.5), (-0.5, 0), (0, -0.5)]
    assert {c.zoom for c in cameras} == {1.1}
    with pytest.raises(InputError, match="at least 1"):
        circle_path(0)
