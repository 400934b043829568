import json
import math

import pytest
import torch
from ldikit.calibration.coverage import measure_coverage
from ldikit.reference.errors import InputError


def photo(*values):
    return torch.tensor(values)


def doubled_and_squared(photo):
    yield "double", 2 * photo
    yield "square", photo**2
    yield "unranged", photo * math.inf


RANGES = {"double": (-2.0, 4.0), "square": (0.0, 4.0)}
SAMPLES = [
    ("calm", photo(0.5, 1.0, 2.0, -1.0)),  # double −2…4: the ends are inside
    ("wild", photo(-1.5, 1.0, 3.0, 4.0)),  # double −3 below, 6 and 8 above; square 9 and 16 above
]


def test_shares_by_hand():
    found = measure_coverage(RANGES, SAMPLES, doubled_and_squared)
    assert found.photos == 2
    first, second = found.tensors
    assert (first.tensor, first.low, first.high, first.outside) == ("double", -2.0, 4.0, 3 / 8)
    (wild,) = first.photos
    assert (wild.photo, wild.below, wild.above, wild.outside) == ("wild", 0.25, 0.5, 0.75)
    assert (wild.lowest, wild.highest) == (-3.0, 8.0)
    assert (second.tensor, second.outside, second.photos[0].above) == ("square", 0.25, 0.5)


def test_the_worst_photo_decides_the_order_not_the_mean():
    def run(photo):
        yield "even", torch.tensor([2.0, 0.0, 0.0, 0.0])
        yield "spiky", torch.tensor([2.0, 2.0, 0.0, 0.0]) * (photo[0] > 0)
        yield "whole", torch.zeros(4)

    ranges = dict.fromkeys(("even", "spiky", "whole"), (0.0, 1.0))
    samples = [(str(index), photo(float(index == 2))) for index in range(4)]
    found = measure_coverage(ranges, samples, run)
    assert [tensor.tensor for tensor in found.tensors] == ["spiky", "even", "whole"]
    assert [tensor.outside for tensor in found.tensors] == [1 / 8, 1 / 4, 0.0]
    assert [p.photo for p in found.tensors[0].photos] == ["2"]
    assert [p.photo for p in found.tensors[1].photos] == ["0", "1", "2", "3"]
    written = json.loads(json.dumps(found.to_json()))
    assert (written["photos"], written["tensors"], written["tensors_outside"]) == (4, 3, 2)
    assert written["worst"][0]["photos"][0] == {
        "photo": "2", "below": 0.0, "above": 0.5, "lowest": 0.0, "highest": 2.0
    }  # fmt: skip
    assert len(written["worst"]) == 2


def test_a_tensor_computed_twice_on_a_photo_counts_as_one():
    def run(photo):
        yield "x", photo
        yield "x", photo + 10

    (tensor,) = measure_coverage({"x": (0.0, 5.0)}, [("p", photo(1.0, 2.0))], run).tensors
    assert tensor.outside == 0.5 and len(tensor.photos) == 1
    assert (tensor.photos[0].lowest, tensor.photos[0].highest) == (1.0, 12.0)


def test_photos_of_one_name_stay_apart():
    samples = [("image.jpg", photo(0.0, 0.0)), ("image.jpg", photo(9.0, 9.0))]
    (tensor,) = measure_coverage({"x": (0.0, 5.0)}, samples, lambda photo: [("x", photo)]).tensors
    assert tensor.outside == 0.5 and [p.outside for p in tensor.photos] == [1.0]


def test_what_cannot_be_measured_is_one_clear_line():
    with pytest.raises(InputError, match="no photo"):
        measure_coverage(RANGES, [], doubled_and_squared)
    with pytest.raises(InputError, match="never computed other"):
        measure_coverage({**RANGES, "other": (0, 1)}, SAMPLES, doubled_and_squared)
    for bad in (math.nan, math.inf):
        with pytest.raises(InputError, match="tensor double is not finite on broken"):
            measure_coverage(RANGES, [*SAMPLES, ("broken", photo(0.0, bad))], doubled_and_squared)
