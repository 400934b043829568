"""The LDI type: shapes, and every invariant broken one at a time."""

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI


def planes(layers: int = 3, height: int = 2, width: int = 4) -> dict[str, np.ndarray]:
    """Planes of a valid LDI: layer k at disparity 0.9 − 0.2 k."""
    steps = 0.9 - 0.2 * np.arange(layers, dtype=np.float32)
    shape = (layers, 1, height, width)
    return {
        "color": np.full((layers, 3, height, width), 0.5, np.float32),
        "disparity": np.broadcast_to(steps[:, None, None, None], shape).astype(np.float32),
        "occupancy": np.ones(shape, np.float32),
    }


def test_a_valid_ldi() -> None:
    ldi = LDI(**planes())
    assert ldi.layers == 3 and ldi.size == (2, 4)
    assert ldi.violations() == [] and ldi.order_violations() == 0
    ldi.check(photo=ldi.color[0])


def test_tensors_and_back() -> None:
    ldi = LDI(**planes())
    tensors = ldi.tensors()
    assert {name: array.shape for name, array in tensors.items()} == {
        "color": (1, 3, 3, 2, 4),
        "disparity": (1, 3, 1, 2, 4),
        "occupancy": (1, 3, 1, 2, 4),
    }
    again = LDI.from_tensors({name: array.astype(np.float16) for name, array in tensors.items()})
    assert again.disparity.dtype == np.float32 and again.disparity.flags.c_contiguous
    assert np.abs(again.disparity - ldi.disparity).max() < 1e-3


def test_tensors_that_are_no_ldi() -> None:
    tensors = LDI(**planes()).tensors()
    with pytest.raises(InputError, match=r"no output 'occupancy'; it gave \['color', 'disparity'\]"):
        LDI.from_tensors({name: tensors[name] for name in ("color", "disparity")})
    with pytest.raises(InputError, match="'color' must be"):
        LDI.from_tensors(tensors | {"color": np.concatenate([tensors["color"]] * 2)})
    with pytest.raises(InputError, match="'disparity' must be"):
        LDI.from_tensors(tensors | {"disparity": tensors["disparity"][0]})


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("color", (3, 1, 2, 4)),
        ("color", (3, 2, 4)),
        ("disparity", (2, 1, 2, 4)),
        ("disparity", (3, 2, 4)),
        ("occupancy", (3, 3, 2, 4)),
        ("occupancy", (3, 1, 4, 2)),
    ],
)
def test_shapes_that_do_not_fit(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"must be float32 \(L, . H, W\)|must be float32"):
        LDI(**planes() | {name: np.zeros(shape, np.float32)})


def test_empty_and_other_dtypes() -> None:
    with pytest.raises(InputError, match="float64"):
        LDI(**planes() | {"color": np.zeros((3, 3, 2, 4))})
    for shape in ((0, 2, 4), (3, 0, 4), (3, 2, 0)):
        with pytest.raises(InputError):
            LDI(**planes(*shape))


@pytest.mark.parametrize("name", ["color", "disparity", "occupancy"])
@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "1 values are not finite"), (1.5, "leave"), (-0.5, "leave")]
)
def test_ranges(name: str, value: float, reason: str) -> None:
    parts = planes()
    parts[name][0, 0, 1, 2] = value
    found = LDI(**parts).violations()
    assert any(line.startswith(f"{name}: ") and reason in line for line in found)
    with pytest.raises(InputError, match=f"not a valid LDI: .*{reason}"):
        LDI(**parts).check()


def test_order() -> None:
    parts = planes()
    parts["disparity"][1, 0, 0, 0] = 0.95  # in front of layer 0, which is at 0.9: 1 pixel
    parts["disparity"][2, 0, 1, 1] = 0.7  # level with layer 1 and occupied: 1 pixel
    parts["disparity"][2, 0, 1, 2] = 0.7  # level and empty: none
    parts["occupancy"][2, 0, 1, 2] = 0
    ldi = LDI(**parts)
    assert ldi.order_violations() == 2
    assert ldi.violations() == ["disparity: 2 pixels of a hidden layer are not behind the layer in front"]


def test_layer_0_is_the_photo() -> None:
    ldi = LDI(**planes())
    photo = ldi.color[0].copy()
    photo[2, 1, 3] += np.float32(5e-6)  # a hair of float arithmetic
    assert ldi.violations(photo) == []
    photo[2, 1, 3] += np.float32(1 / 255)
    assert ldi.violations(photo) == ["color: layer 0 is not the photo"]
    photo[2, 1, 3] = np.nan
    assert ldi.violations(photo) == ["color: layer 0 is not the photo"]
    assert ldi.violations(photo[:, :1]) == ["color: layer 0 is (3, 2, 4), the photo (3, 1, 4)"]
