"""LDIs on disk: what is written is read back to half a step and in order; what cannot be trusted is not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.reference.ldi_files import MIN_SPAN, read_ldi, write_ldi
from PIL import Image


def make_ldi(layers: int = 3, height: int = 5, width: int = 7, seed: int = 0) -> LDI:
    """A valid LDI of random planes, each layer behind the one before by a random gap."""
    random = np.random.default_rng(seed)
    gaps = random.random((layers, 1, height, width), np.float32) / layers
    disparity = np.cumsum(gaps[::-1], axis=0, dtype=np.float32)[::-1].clip(0, 1)
    color = random.random((layers, 3, height, width), np.float32)
    return LDI(color, np.ascontiguousarray(disparity), random.random((layers, 1, height, width), np.float32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_ldi(tmp_path / "ldi", make_ldi())
    return tmp_path / "ldi"


def test_files_are_those_of_the_format(folder: Path) -> None:
    ldi = make_ldi()
    description = json.loads((folder / "ldi.json").read_text())
    assert description["version"] == 1
    assert (description["width"], description["height"]) == (7, 5)
    assert [layer["color"] for layer in description["layers"]] == [f"layer{k}_color.png" for k in range(3)]
    assert len(list(folder.iterdir())) == 7
    for k, layer in enumerate(description["layers"]):
        with Image.open(folder / layer["color"]) as image:
            assert (image.mode, image.size) == ("RGBA", (7, 5))
            assert image.getpixel((2, 4))[3] == round(255 * float(ldi.occupancy[k, 0, 4, 2]))
            assert image.getpixel((2, 4))[1] == round(255 * float(ldi.color[k, 1, 4, 2]))
        with Image.open(folder / layer["disparity"]) as image:
            assert image.mode == "I;16"
            span = layer["disparity_max"] - layer["disparity_min"]
            value = layer["disparity_min"] + span * image.getpixel((2, 4)) / 65535
            assert abs(value - ldi.disparity[k, 0, 4, 2]) <= span / 65535


def test_a_hand_made_file_reads_as_its_definition_says(folder: Path) -> None:
    description = json.loads((folder / "ldi.json").read_text())
    description["layers"] = description["layers"][:1]
    description["layers"][0] |= {"disparity_min": 0.25, "disparity_max": 0.75}
    (folder / "ldi.json").write_text(json.dumps(description))
    rgba = np.zeros((5, 7, 4), np.uint8)
    rgba[1, 2] = (255, 51, 0, 102)
    Image.fromarray(rgba).save(folder / "layer0_color.png")
    codes = np.zeros((5, 7), np.uint16)
    codes[1, 2], codes[1, 3] = 65535, 13107
    Image.fromarray(codes).save(folder / "layer0_disparity.png")
    ldi = read_ldi(folder)
    assert ldi.layers == 1 and ldi.size == (5, 7)
    assert np.allclose(ldi.color[0, :, 1, 2], [1, 0.2, 0], atol=1e-7)
    assert np.isclose(ldi.occupancy[0, 0, 1, 2], 0.4)
    assert ldi.disparity[0, 0, 1, 2] == 0.75 and ldi.disparity[0, 0, 0, 0] == 0.25
    assert np.isclose(ldi.disparity[0, 0, 1, 3], 0.35)


unit = st.floats(0, 1, width=32)


@st.composite
def valid_ldis(draw: st.DrawFn) -> LDI:
    """Valid LDIs, gaps of any smallness among them."""
    shape = (draw(st.integers(1, 4)), 1, draw(st.integers(1, 3)), draw(st.integers(1, 4)))
    ceiling = draw(st.sampled_from([1.0, 0.5, 1e-3, 1e-6, 1e-38]))
    elements = unit.map(lambda value: np.float32(value * ceiling))
    disparity = -np.sort(-draw(arrays.arrays(np.float32, shape, elements=elements)), axis=0)
    occupancy = draw(arrays.arrays(np.float32, shape, elements=unit))
    occupancy[1:][disparity[1:] >= disparity[:-1]] = 0
    color = draw(arrays.arrays(np.float32, (shape[0], 3, *shape[2:]), elements=unit))
    ldi = LDI(color, np.abs(disparity), occupancy)
    ldi.check()
    return ldi


@settings(max_examples=60, deadline=None)
@given(valid_ldis())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, ldi: LDI) -> None:
    folder = tmp_path_factory.mktemp("round") / "ldi"
    write_ldi(folder, ldi)
    back = read_ldi(folder)
    assert np.abs(back.color - ldi.color).max() <= 0.5 / 255 + 1e-6
    assert np.abs(back.occupancy - ldi.occupancy).max() <= 0.5 / 255 + 1e-6
    step = max(float(np.ptp(ldi.disparity)), MIN_SPAN) / 65535
    # Where every gap that is seen is at least a step, half a step; a finer one is widened to whole steps.
    gaps = np.where(ldi.occupancy[1:] > 0, ldi.disparity[:-1] - ldi.disparity[1:], 1)
    coarse = (gaps >= 1.01 * step).all(axis=0, keepdims=True)
    limit = np.where(coarse, 0.5, ldi.layers) * step + 1e-7
    assert (np.abs(back.disparity - ldi.disparity) <= limit).all()
    back.check()  # above all: a valid LDI stays one


def test_an_exact_photo_stays_exact(tmp_path: Path) -> None:
    photo = np.arange(256 * 3, dtype=np.uint16).reshape(1, 3, 16, 16) % 256
    color = photo.astype(np.float32) / 255
    ones = np.ones((1, 1, 16, 16), np.float32)
    write_ldi(tmp_path / "ldi", LDI(color, ones * 0.5, ones))
    assert np.array_equal(read_ldi(tmp_path / "ldi").color, color)
    assert abs(read_ldi(tmp_path / "ldi").disparity - 0.5).max() < 1e-6


def test_an_ldi_out_of_order_is_not_mended(tmp_path: Path) -> None:
    planes = np.array([0.2, 0.8, 0.5], np.float32).reshape(3, 1, 1, 1)
    write_ldi(tmp_path / "ldi", LDI(np.zeros((3, 3, 1, 1), np.float32), planes, np.ones_like(planes)))
    back = read_ldi(tmp_path / "ldi")
    assert np.abs(back.disparity - planes).max() < 1e-5
    assert back.order_violations() == 1


@pytest.mark.parametrize("plane", ["color", "disparity", "occupancy"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -0.01, 1.01])
def test_values_that_cannot_be_written(tmp_path: Path, plane: str, value: float) -> None:
    ldi = make_ldi()
    getattr(ldi, plane)[1, 0, 2, 2] = value
    with pytest.raises(InputError, match=rf"{plane} must be within \[0, 1\]"):
        write_ldi(tmp_path / "ldi", ldi)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_kept_or_replaced_whole(folder: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        write_ldi(folder, make_ldi(layers=1))
    assert read_ldi(folder).layers == 3
    write_ldi(folder, make_ldi(layers=1), overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == [
        "layer0_color.png",
        "layer0_disparity.png",
        "ldi.json",
    ]


def test_a_full_disk_half_way_keeps_the_old(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save, calls = Image.Image.save, []

    def full(self: Image.Image, *args: Any, **options: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        save(self, *args, **options)

    before = read_ldi(folder)
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(InputError, match="No space left"):
        write_ldi(folder, make_ldi(seed=1), overwrite=True)
    assert np.array_equal(read_ldi(folder).color, before.color)
    assert [path.name for path in folder.parent.iterdir()] == ["ldi"]


def layer(description: dict[str, Any], **changes: object) -> dict[str, Any]:
    description["layers"][1] |= changes
    return description


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d | {"version": 2}, "has version 2, this ldikit reads up to 1"),
        (lambda d: d | {"version": True}, "no version number"),
        (lambda d: d | {"version": 0}, "no version number"),
        (lambda d: [d], "no version number"),
        (lambda d: d | {"width": 8}, "must be a PNG of mode RGBA and 8×5 pixels, got .* 7×5"),
        (lambda d: d | {"width": 7.0}, "width must be a whole number"),
        (lambda d: d | {"height": -5}, "height must be a whole number"),
        (lambda d: d | {"height": 10**9}, "megapixels accepted"),
        (lambda d: d | {"height": 10**4, "width": 10**4, "layers": d["layers"] * 2}, "megapixels accepted"),
        (lambda d: d | {"layers": []}, "1 to 16 layers"),
        (lambda d: d | {"layers": d["layers"] * 6}, "1 to 16 layers"),
        (lambda d: d | {"layers": {"0": 1}}, "1 to 16 layers"),
        (lambda d: d | {"layers": ["layer0"]}, "layer 0 must be an object"),
        (lambda d: layer(d, color="../ldi/layer1_color.png/../../other.png"), "leaves the folder"),
        (lambda d: layer(d, disparity="/etc/passwd"), "leaves the folder"),
        (lambda d: layer(d, color=""), "must be a file name"),
        (lambda d: layer(d, color=3), "must be a file name"),
        (lambda d: layer(d, color="a\0b"), "must be a file name"),
        (lambda d: layer(d, color="none.png"), "no such layer"),
        (lambda d: layer(d, color="."), "is a folder"),
        (lambda d: layer(d, color="layer1_disparity.png"), "must be a PNG of mode RGBA"),
        (lambda d: layer(d, disparity="layer1_color.png"), "must be a PNG of mode I;16"),
        (lambda d: layer(d, color="ldi.json"), "no layer that can be read"),
        (lambda d: layer(d, disparity_min=float("nan")), "disparity_min must be a number in"),
        (lambda d: layer(d, disparity_max=float("inf")), "disparity_max must be a number in"),
        (lambda d: layer(d, disparity_max=10**400), "disparity_max must be a number in"),
        (lambda d: layer(d, disparity_min="0"), "disparity_min must be a number in"),
        (lambda d: layer(d, disparity_max=None), "disparity_max must be a number in"),
        (lambda d: layer(d, disparity_min=0.5, disparity_max=0.25), "disparity_min is above"),
    ],
)
def test_descriptions_that_are_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    description = json.loads((folder / "ldi.json").read_text())
    (folder / "ldi.json").write_text(json.dumps(change(description)))
    with pytest.raises(InputError, match=reason) as caught:
        read_ldi(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "\ufeff{}", "[" * 100_000, " " * (1 << 20) + "{}"])
def test_no_json(folder: Path, text: str) -> None:
    (folder / "ldi.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"is no JSON|is no description"):
        read_ldi(folder)


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "ldi.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(InputError, match="is no JSON"):
        read_ldi(folder)


def test_missing_folder_and_file(folder: Path) -> None:
    with pytest.raises(InputError, match="no such LDI folder"):
        read_ldi(folder / "none")
    (folder / "ldi.json").unlink()
    with pytest.raises(InputError, match=r"cannot read .*ldi\.json: No such file"):
        read_ldi(folder)


def test_a_link_that_leaves_the_folder(folder: Path) -> None:
    (folder / "layer1_color.png").rename(folder.parent / "outside.png")
    (folder / "layer1_color.png").symlink_to(folder.parent / "outside.png")
    with pytest.raises(InputError, match="leaves the folder"):
        read_ldi(folder)


def test_damaged_layer(folder: Path) -> None:
    data = (folder / "layer2_disparity.png").read_bytes()
    (folder / "layer2_disparity.png").write_bytes(data[:-30])
    with pytest.raises(InputError, match=r"layer2_disparity.* is damaged or truncated"):
        read_ldi(folder)


def test_another_format_under_the_name(folder: Path) -> None:
    Image.new("RGBA", (7, 5)).save(folder / "layer0_color.png", format="TIFF")
    with pytest.raises(InputError, match="must be a PNG of mode RGBA and 7×5 pixels, got a TIFF"):
        read_ldi(folder)


def test_a_layer_that_turns_itself(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    Image.new("RGBA", (7, 5)).save(folder / "layer0_color.png", exif=exif)
    with pytest.raises(InputError, match="orientation"):
        read_ldi(folder)
