"""The mask a user paints: white is marked, fitted to the photo, bad masks refused."""

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.photo.mask import fit_mask, read_mask
from PIL import Image


def painted(height=32, width=48, top=8, left=12, bottom=20, right=30):
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize("kind", ["L", "1", "RGB", "P", "I;16", "RGBA", "LA", "jpg"])
def test_white_is_marked_in_any_mode(tmp_path, kind):
    mask = painted()
    grey = mask.astype(np.uint8) * 255
    path = tmp_path / ("m.jpg" if kind == "jpg" else "m.png")
    if kind == "I;16":
        Image.fromarray(grey.astype(np.uint16) * 257).save(path)
    elif kind in ("RGBA", "LA"):  # white paint on a transparent layer
        layer = Image.new(kind, (48, 32), "white")
        layer.putalpha(Image.fromarray(grey))
        layer.save(path)
    else:
        Image.fromarray(grey).convert("L" if kind == "jpg" else kind).save(path, quality=95)
    assert np.array_equal(read_mask(path, 32, 48), mask)


def test_half_grey_and_lighter_is_marked(tmp_path):
    grey = np.full((32, 48), 127, np.uint8)
    grey[:, 24:] = 128
    Image.fromarray(grey).save(tmp_path / "m.png")
    marked = read_mask(tmp_path / "m.png", 32, 48)
    assert marked[:, 24:].all() and not marked[:, :24].any()


def test_thin_lines_stay_when_it_shrinks_and_edges_when_it_grows(tmp_path):
    line = np.zeros((320, 480), np.uint8)
    line[:, 101] = 255
    Image.fromarray(line).save(tmp_path / "m.png")
    small = read_mask(tmp_path / "m.png", 32, 48)
    assert small[:, 10].all() and small.sum() == 32
    assert np.array_equal(fit_mask(painted(), 64, 96), painted().repeat(2, 0).repeat(2, 1))


def test_bad_masks(tmp_path):
    def refused(grey, match):
        Image.fromarray(grey).save(tmp_path / "m.png")
        with pytest.raises(InputError, match=match):
            read_mask(tmp_path / "m.png", 32, 48)

    refused(np.zeros((32, 48), np.uint8), "is empty: paint white")
    refused(np.full((32, 48), 255, np.uint8), "white everywhere")
    refused(np.full((32, 32), 255, np.uint8), "another shape than the photo")
    (tmp_path / "m.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="no mask that can be read"):
        read_mask(tmp_path / "m.png", 32, 48)
    with pytest.raises(InputError, match="no such mask"):
        read_mask(tmp_path / "none.png", 32, 48)
