"""Shards keep what was put in, and a folder of assets is searched and refused in words."""

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from ldikit.calibration.rendered.__main__ import main
from ldikit.calibration.rendered.library import open_library
from ldikit.calibration.rendered.make import Picture
from ldikit.calibration.rendered.shards import read_shard, write_shard
from ldikit.reference.errors import InputError
from PIL import Image


def test_a_shard_gives_back_photo_and_disparity(tmp_path: Path) -> None:
    """Disparity to one step of 16 bits of its own largest, sizes mixed, photo within what JPEG loses."""
    rng = np.random.default_rng(0)
    pictures = []
    for height, width in ((16, 24), (24, 16)):
        ramp = np.linspace(0, 4, height * width, dtype=np.float32).reshape(height, width)
        grey = np.repeat((ramp[..., None] * 50).astype(np.uint8), 3, -1)
        pictures.append(Picture(grey, ramp, "room"))
    write_shard(tmp_path / "a.npz", pictures, rng)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    for (photo, disparity, scale, kind), put in zip(read_shard(tmp_path / "a.npz"), pictures, strict=True):
        assert scale == 4
        assert kind == "room"
        assert disparity.max() == 1
        np.testing.assert_allclose(disparity * scale, put.disparity, atol=4 / 65535)
        assert np.abs(photo.astype(int) - put.photo).mean() < 8


def furniture(path: Path) -> None:
    """A library of one table of 1 m as Sweet Home 3D packs it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as made:
        made.writestr(
            "PluginFurnitureCatalog.properties",
            "name#1=Table\nmodel#1=/a/t.obj\nwidth#1=100\ndepth#1=50\nheight#1=75.5\n"
            "name#2=Gone\nmodel#2=/a/none.obj\nwidth#2=1\ndepth#2=1\nheight#2=1\n",
        )
        made.writestr("a/t.obj", "v 0 0 0\nv 1 0 0\nv 0 1 1\nf 1 2 3\n")


def test_a_folder_is_searched_for_furniture_and_textures(tmp_path: Path) -> None:
    """Sizes are metres, a model that is not in the archive is left out, textures go by their names."""
    furniture(tmp_path / "deep" / "a.sh3f")
    for name in (
        "art/textures/terrain/grass_a.png",
        "art/textures/terrain/grass_norm.png",
        "wallpapers/Sea/sea.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (600, 300), (10, 200, 30)).save(tmp_path / name)
    library = open_library(tmp_path)
    [table] = library.furniture
    assert (table.name, table.width, table.depth, table.height) == ("table", 1.0, 0.5, 0.755)
    made = library.furnished(table)
    assert made is not None
    np.testing.assert_allclose(made.size, [1, 0.755, 0.5], atol=1e-6)
    assert library.textures["ground"] == ["art/textures/terrain/grass_a.png"]
    assert library.photos == ["wallpapers/Sea/sea.png"]
    assert library.picture("wallpapers/Sea/sea.png").shape == (128, 256, 4)


def test_names_that_lead_out_of_the_folder_are_not_read(tmp_path: Path) -> None:
    """A texture path of a model file cannot name a file elsewhere."""
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    furniture(tmp_path / "in" / "a.sh3f")
    with pytest.raises(KeyError):
        open_library(tmp_path / "in").read("../secret.png")


def test_a_folder_without_assets_is_refused(tmp_path: Path) -> None:
    """Both a missing and an empty folder say where the list of packages is."""
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="rendered-scenes"):
            open_library(folder)


def test_the_command_answers_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and no traceback, and no folder is left behind."""
    assert main(["--assets", str(tmp_path / "none"), "--output", str(tmp_path / "out")]) == 2
    assert "no folder of assets" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
