"""Names of a recipe in the order of a program, and what differs from the recipe."""

import pytest
import torch
from ldikit.reference.config import LayeringConfig
from ldikit.reference.errors import InputError
from ldikit.reference.layering.soft import SoftLayering
from ldikit.reference.program import PhotoToLDI
from ldikit.reference.quantized.recipe import ActivationScale, NetworkRecipe, Recipe
from ldikit.runtime.scales.found import FoundScale, FoundScales, check_scales
from ldikit.runtime.scales.slots import Slot, check_count, expected_slots, network_calls
from torch import nn


class Depth(nn.Module):
    """Two layers of which the second stays float, because its result is the disparity."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 2, 1)
        self.head = nn.Conv2d(2, 1, 1)

    def forward(self, photo):
        return self.head(self.first(photo).relu())


class Inpaint(nn.Module):
    """A layer, a sum of its result with itself doubled, and a float layer."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 2, 1)
        self.two = nn.Conv2d(2, 2, 1)
        self.head = nn.Conv2d(2, 4, 1)

    def forward(self, color, gap):
        one = self.one(color)
        out = self.head(one + self.two(one))
        return out[:, :3], gap.source + out[:, 3:]


ACTIVATION = ActivationScale(0.5, -3, -1.0, 1.0, "minmax")
RECIPE = Recipe(
    "small",
    {},
    {
        "depth": NetworkRecipe({"input/photo": ACTIVATION, "first": ACTIVATION}, {"first": (0.25, 0.5)}),
        "inpaint": NetworkRecipe(
            dict.fromkeys(("input/color", "one", "two", "add"), ACTIVATION),
            {"one": (1.0, 1.0), "two": (1.0, 1.0)},
        ),
    },
)
PHOTO = Slot("depth", 0, "activation", "input/photo")
FIRST = Slot("depth", 0, "weight", "first")


@pytest.fixture(scope="module")
def program() -> PhotoToLDI:
    torch.manual_seed(0)
    layering = SoftLayering(LayeringConfig(), 32)
    return PhotoToLDI(Depth(), layering, Inpaint(), 3).eval().requires_grad_(False)


def test_slots_follow_the_program_once_a_call(program):
    slots = expected_slots(program, RECIPE, "program", 32, 32)
    inpaint = [("input/color", ""), ("one", "conv2d"), ("two", "conv2d"), ("add", "add")]
    assert [(s.network, s.call, s.name, s.operation) for s in slots.activations] == [
        ("depth", 0, "input/photo", ""),
        ("depth", 0, "first", "conv2d"),
        *(("inpaint", call, *entry) for call in (0, 1) for entry in inpaint),
    ]
    assert [str(s) for s in slots.weights] == [
        "depth/first",
        "inpaint/one",
        "inpaint/two",
        "inpaint/one (call 2)",
        "inpaint/two (call 2)",
    ]


def test_slots_of_a_stage_are_those_of_its_network(program):
    assert [str(s) for s in expected_slots(program, RECIPE, "depth", 32, 32).weights] == ["depth/first"]
    alone = expected_slots(program, RECIPE, "inpainting", 32, 32)
    assert len(alone.activations) == 4
    assert network_calls("layering", 3) == ()
    w8 = expected_slots(program, RECIPE.weights_only(), "program", 32, 32)
    assert w8.activations == ()
    assert len(w8.weights) == 5


def test_numbers_of_the_recipe_are_no_difference():
    found = FoundScales((FoundScale(PHOTO, (0.5,), (-3,)),), (FoundScale(FIRST, (0.25, 0.5), (0, 0)),))
    assert check_scales(found, RECIPE) == []


def test_every_other_number_is_named():
    found = FoundScales(
        (FoundScale(PHOTO, (2.0,), (17,)),),
        (FoundScale(FIRST, (0.25, 0.125), (0, 1)), FoundScale(FIRST, (0.25,), (0,))),
    )
    assert [str(d) for d in check_scales(found, RECIPE)] == [
        "tensor depth/input/photo: scale is 2 in the file, 0.5 in the recipe (4×)",
        "tensor depth/input/photo: zero point is 17 in the file, -3 in the recipe",
        "layer depth/first: scale of channel 1 (1 of 2 differ) is 0.125 in the file, 0.5 in the recipe "
        "(0.25×)",
        "layer depth/first: zero point is 1 in the file, 0 in the recipe",
        "layer depth/first: the file has 1 scales, the recipe 2",
    ]


def test_a_scale_that_is_no_number_is_a_difference():
    found = FoundScales((FoundScale(PHOTO, (float("nan"),), (-3,)), FoundScale(PHOTO, (0.0,), (-3,))))
    assert len(check_scales(found, RECIPE)) == 2


def test_a_file_of_another_recipe_is_refused():
    check_count("int8 layers", 1, (FIRST,), "a.onnx")
    with pytest.raises(InputError, match=r"a\.onnx has 2 int8 layers, its recipe asks for 1"):
        check_count("int8 layers", 2, (FIRST,), "a.onnx")
