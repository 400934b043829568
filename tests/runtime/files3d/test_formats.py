"""The registry: each format writes its file by name or suffix, whole or not at all, or says what it lacks."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference.errors import InputError, MissingExtraError
from ldikit.reference.ldi import LDI
from ldikit.runtime import files3d
from ldikit.runtime.files3d import FORMATS, Pinhole, choose, format_of, write, write_files
from PIL import Image


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_writes_by_its_suffix_and_replaces_nothing(scene: LDI, tmp_path: Path, name: str) -> None:
    file_format = FORMATS.get(name)
    if file_format.needs is not None:
        pytest.importorskip(file_format.needs[0])
    path = tmp_path / f"photo{file_format.suffix}"
    assert format_of(path) is file_format
    write(path, scene, pinhole=Pinhole(70))
    first = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert path.name in first and all(first.values())
    with pytest.raises(InputError, match="exists already"):
        write(path, scene)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == first
    write(path, scene, overwrite=True)
    assert set(first) == {p.name for p in tmp_path.iterdir()}


@pytest.mark.parametrize("name", FORMATS)
def test_an_ldi_that_is_not_finite_leaves_no_file(scene: LDI, tmp_path: Path, name: str) -> None:
    file_format = FORMATS.get(name)
    if file_format.needs is not None:
        pytest.importorskip(file_format.needs[0])
    bad = LDI(
        scene.color, np.where(scene.disparity > 0.5, np.float32(np.nan), scene.disparity), scene.occupancy
    )
    with pytest.raises(InputError, match="not finite"):
        write(tmp_path / "new" / f"photo{file_format.suffix}", bad, name)
    assert list(tmp_path.iterdir()) == []


def test_formats_are_chosen_by_name() -> None:
    pytest.importorskip("trimesh")
    assert [f.name for f in choose("glb, ora,glb")] == ["glb", "ora"]
    assert [f.name for f in choose(["sbs"])] == ["sbs"]
    with pytest.raises(InputError, match=r"unknown file format 'gif'; known: anaglyph, .*usdz"):
        choose("gif")
    with pytest.raises(InputError, match="at least one"):
        choose(" , ")


def test_all_formats_have_names_of_their_own() -> None:
    suffixes = [FORMATS.get(name).suffix for name in FORMATS]
    assert len(set(suffixes)) == len(suffixes)
    assert format_of(Path("a.VR.JPG")).name == "vr180" and format_of(Path("a_sbs.jpg")).name == "sbs"
    with pytest.raises(InputError, match=r"'a\.gif'.*\.glb \(glb\)"):
        format_of(Path("a.gif"))


@pytest.mark.parametrize(("name", "module"), [("glb", "trimesh"), ("usdz", "pxr"), ("stl", "trimesh")])
def test_a_missing_library_is_named(
    scene: LDI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    for loaded in [m for m in sys.modules if m.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ldikit\[files3d\]'"):
        choose(name)
    with pytest.raises(MissingExtraError, match=name.upper()):
        write(tmp_path / "a", scene, name)
    assert list(tmp_path.iterdir()) == []


def test_several_files_of_one_photo(scene: LDI, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (96, 128, 3), np.uint8)).save(tmp_path / "in.jpg")
    formats = choose("ora,depth-pair,gdepth")
    write_files(tmp_path / "out", "my", scene, formats, photo=tmp_path / "in.jpg")
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == ["my.jpg", "my.ora", "my_depth.jpg", "my_gdepth.jpg"]
    for name in ("my.jpg", "my_depth.jpg", "my_gdepth.jpg"):
        with Image.open(tmp_path / "out" / name) as picture:
            assert picture.size == (128, 96)


def test_naming_the_formats_loads_none_of_their_libraries() -> None:
    code = (
        "import sys, ldikit.runtime.files3d\n"
        "print([m for m in ('trimesh', 'pxr', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert files3d.write is write
