import math

import pytest
from ldikit.export.precision.allowance import all_used, check_limits, most_used, used, worst_scores
from ldikit.reference.errors import InputError


@pytest.mark.parametrize(
    ("metric", "value", "limit", "share"),
    [
        ("views.psnr", 38.0, 38.0, 1.0),
        ("views.psnr", 58.0, 38.0, 0.1),
        ("views.psnr_disoccluded", 10.0, 30.0, 10.0),
        ("ldi.gap_iou", 0.93, 0.93, 1.0),
        ("ldi.gap_iou", 0.965, 0.93, 0.5),
        ("ldi.gap_iou", 1.0, 1.0, 0.0),
        ("ldi.gap_iou", 0.99, 1.0, math.inf),
        ("views.flip", 0.01, 0.05, 0.2),
        ("ldi.order_violations", 0.0, 0.0, 0.0),
        ("ldi.order_violations", 1.0, 0.0, math.inf),
        ("ldi.gap_iou", math.nan, 0.93, math.inf),
    ],
)
def test_the_share_of_a_gate(metric: str, value: float, limit: float, share: float) -> None:
    assert used(metric, value, limit) == pytest.approx(share)


def test_only_what_is_measured_and_limited_counts() -> None:
    limits = {"ldi.gap_iou": 0.9, "views.psnr": 40.0, "views.psnr_disoccluded": 30.0}
    scores = {"ldi.gap_iou": 0.95, "views.psnr_disoccluded": None, "depth.mean_abs": 9.0}
    assert all_used(scores, limits) == {"ldi.gap_iou": pytest.approx(0.5)}
    assert most_used(scores, limits) == pytest.approx(0.5)
    assert most_used({}, limits) == 0.0


def test_the_worst_photo_of_each_metric() -> None:
    scores = [{"ldi.gap_iou": 0.9, "views.flip": 0.1}, {"ldi.gap_iou": 0.8, "views.flip": None}]
    assert worst_scores(scores) == {"ldi.gap_iou": 0.8, "views.flip": 0.1}


def test_a_gate_that_cannot_be_judged() -> None:
    with pytest.raises(InputError, match=r"cannot judge ldi\.iou"):
        check_limits({"ldi.iou": 0.9})
