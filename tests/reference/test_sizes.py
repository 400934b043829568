"""Program sizes: the text form, the limits, the choice by a photo's orientation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldikit.reference.errors import InputError
from ldikit.reference.sizes import LANDSCAPE, PORTRAIT, ProgramSize, choose_size, parse_size


def test_text_is_height_by_width() -> None:
    assert parse_size("384x512") == ProgramSize(height=384, width=512) == LANDSCAPE
    assert parse_size(" 512 X 384 ") == parse_size("512×384") == PORTRAIT
    assert str(LANDSCAPE) == "384x512" and str(PORTRAIT) == "512x384"


@given(st.integers(2, 64), st.integers(2, 64))
def test_text_round_trip(rows: int, columns: int) -> None:
    size = ProgramSize(32 * rows, 32 * columns)
    assert parse_size(str(size)) == size


@pytest.mark.parametrize(
    "text", ["", "384", "384x", "x512", "384*512", "384x512x3", "-384x512", "384.0x512", "axb"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="HEIGHTxWIDTH"):
        parse_size(text)


def test_no_multiple_of_32() -> None:
    with pytest.raises(InputError, match=r"height .* multiple of 32, got 385: use 384 or 416"):
        parse_size("385x512")
    with pytest.raises(InputError, match=r"width .* got 500: use 480 or 512"):
        parse_size("384x500")


@pytest.mark.parametrize("size", [(32, 512), (0, 512), (384, 2080), (384, 99_968), (-32, 512)])
def test_out_of_range(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="64 to 2048"):
        ProgramSize(*size)


@pytest.mark.parametrize("side", [384.0, "384", True, None])
def test_no_whole_number(side: object) -> None:
    with pytest.raises(InputError, match="whole number"):
        ProgramSize(side, 512)  # type: ignore[arg-type]


def test_choice_by_orientation() -> None:
    assert choose_size(3024, 4032) == LANDSCAPE
    assert choose_size(4032, 3024) == PORTRAIT
    assert choose_size(1000, 1000) == LANDSCAPE
