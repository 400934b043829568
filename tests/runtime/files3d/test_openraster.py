"""Layers for a painting program, and back: exact when nobody painted, clear about what cannot be taken in."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.runtime.files3d.openraster import write_openraster
from ldikit.runtime.files3d.retouched import read_layered
from ldikit.runtime.files3d.texture import alpha8, rgb8
from PIL import Image

Files = dict[str, bytes]


@pytest.fixture
def path(scene: LDI, tmp_path: Path) -> Path:
    write_openraster(tmp_path / "a.ora", scene)
    return tmp_path / "a.ora"


def edit(path: Path, change: Callable[[Files], object]) -> Path:
    """Save the file again, as another program would, after a change of what is in it."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pixels(scene: LDI, layer: int) -> np.ndarray:
    return np.dstack([rgb8(scene, layer), alpha8(scene, layer)])


def replace(old: str, new: str) -> Callable[[Files], object]:
    def change(files: Files) -> None:
        assert old.encode() in files["stack.xml"]
        files["stack.xml"] = files["stack.xml"].replace(old.encode(), new.encode(), 1)

    return change


def test_another_reader_finds_the_layers(scene: LDI, path: Path) -> None:
    pyora = pytest.importorskip("pyora")
    project = pyora.Project.load(str(path))
    assert project.dimensions == (64, 48)
    layers = {layer.name: layer for layer in project.children}
    assert list(layers) == [f"{kind} {k}" for kind in ("layer", "disparity") for k in range(3)]
    for k in range(3):
        np.testing.assert_array_equal(np.asarray(layers[f"layer {k}"].get_image_data()), pixels(scene, k))
        grey = np.asarray(layers[f"disparity {k}"].get_image_data())
        np.testing.assert_array_equal(grey[..., 0], np.rint(scene.disparity[k, 0] * 255))
        assert layers[f"disparity {k}"].hidden and not layers[f"layer {k}"].hidden


def test_the_archive_is_as_the_format_says(scene: LDI, path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type, archive.read(first)) == (
            "mimetype",
            zipfile.ZIP_STORED,
            b"image/openraster",
        )
        assert {"stack.xml", "mergedimage.png", "Thumbnails/thumbnail.png"} < set(archive.namelist())
        image = ElementTree.fromstring(archive.read("stack.xml"))
        assert (image.tag, image.get("w"), image.get("h"), image[0].tag) == ("image", "64", "48", "stack")
        assert image[0][0].get("name") == "layer 0"  # the uppermost comes first
        with Image.open(io.BytesIO(archive.read("mergedimage.png"))) as merged:
            faded = np.asarray(merged)[20, 20].astype(float)
    front, behind = rgb8(scene, 0)[20, 20].astype(float), rgb8(scene, 1)[20, 20]
    np.testing.assert_allclose(faded, [*(front * 64 / 255 + behind * (1 - 64 / 255)), 255], atol=1)


def test_what_nobody_edited_comes_back_exactly(scene: LDI, path: Path) -> None:
    random = np.random.default_rng(2)
    fine = LDI(  # values between the steps of 8 bits
        random.random(scene.color.shape, np.float32),
        scene.disparity,
        scene.occupancy * random.random(scene.occupancy.shape, np.float32),
    )
    write_openraster(path, fine, overwrite=True)
    again = read_layered(path, fine)
    for name in ("color", "disparity", "occupancy"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fine, name))


def test_paint_and_alpha_replace_what_was_there(scene: LDI, path: Path) -> None:
    painted = pixels(scene, 1)
    painted[20, 30] = (10, 20, 30, 128)
    again = read_layered(edit(path, lambda files: files.update({"data/layer1.png": png(painted)})), scene)
    np.testing.assert_array_equal(again.color[1, :, 20, 30], np.float32([10, 20, 30]) / np.float32(255))
    assert again.occupancy[1, 0, 20, 30] == np.float32(128 / 255)
    again.color[1, :, 20, 30] = scene.color[1, :, 20, 30]
    again.occupancy[1, 0, 20, 30] = 1
    for name in ("color", "disparity", "occupancy"):
        np.testing.assert_array_equal(getattr(again, name), getattr(scene, name))


def test_what_is_painted_level_with_the_front_goes_behind_it(scene: LDI, path: Path) -> None:
    """Beside the square the hidden layers lie on the wall; where the wall is at 0, nothing fits behind."""
    scene.disparity[:, 0, 2, 3] = 0
    for layer in (1, 2):
        painted = pixels(scene, layer)
        painted[2, 2:4, 3] = 255
        edit(
            path,
            lambda files, layer=layer, painted=painted: files.update(
                {f"data/layer{layer}.png": png(painted)}
            ),
        )
    again = read_layered(path, scene)
    assert again.order_violations() == 0
    assert again.occupancy[1:, 0, 2, 2].tolist() == [1, 1]
    np.testing.assert_allclose(again.disparity[:, 0, 2, 2], 0.2 - np.arange(3) / 65535, atol=1e-7)
    assert again.occupancy[1:, 0, 2, 3].tolist() == [0, 0]


def test_a_cropped_layer_lies_where_its_offset_says(scene: LDI, path: Path) -> None:
    """Krita and GIMP save what is not transparent only; colour under alpha 0 stays the LDI's."""

    def crop(files: Files) -> None:
        files["data/layer1.png"] = png(pixels(scene, 1)[16:36, 20:50])
        replace('src="data/layer1.png" x="0" y="0"', 'src="data/layer1.png" x="20" y="16"')(files)
        files["stack.xml"] = (
            files["stack.xml"]
            .replace(b"<stack>", b"<stack><stack>")
            .replace(b"</stack>", b"</stack></stack>")
        )

    again = read_layered(edit(path, crop), scene)
    for name in ("color", "disparity", "occupancy"):
        np.testing.assert_array_equal(getattr(again, name), getattr(scene, name))


def bomb(files: Files) -> None:
    files["stack.xml"] = b"<image>" + b" " * (2 << 20)


CHANGES: dict[str, tuple[Callable[[Files], object], str]] = {
    "renamed": (replace('name="layer 1"', 'name="sky"'), "no layer called 'layer 1'.*'sky'"),
    "one too many": (replace('name="disparity 0"', 'name="Paint"'), "'Paint' that is none of the LDI's"),
    "twice": (replace('name="layer 2"', 'name="layer 1"'), "two layers called 'layer 1'"),
    "other size": (replace('w="64"', 'w="65"'), "is 65×48 pixels, the LDI 64×48"),
    "half shown": (replace('opacity="1.0"', 'opacity="0.5"'), "opacity 0.5"),
    "multiplied": (replace("svg:src-over", "svg:multiply"), "blend mode 'svg:multiply'"),
    "outside": (replace("data/layer0.png", "../layer0.png"), "outside of the file"),
    "absolute": (replace("data/layer0.png", "/etc/passwd"), "outside of the file"),
    "not there": (replace("data/layer0.png", "data/nothing.png"), "has no 'data/nothing.png'"),
    "no number": (replace('x="0"', 'x="left"'), "no readable place"),
    "infinite": (replace('x="0"', 'x="inf"'), "no readable place"),
    "entities": (replace("<image", '<!DOCTYPE image [<!ENTITY a "b">]><image'), "document type"),
    "no xml": (lambda files: files.update({"stack.xml": b"<image"}), "stack.xml is damaged"),
    "no stack": (lambda files: files.pop("stack.xml"), "has no 'stack.xml'"),
    "bomb": (bomb, "longer than"),
    "other kind": (lambda files: files.update({"mimetype": b"application/zip"}), "mimetype is another"),
    "many files": (lambda files: files.update({f"x{k}": b"" for k in range(300)}), "holds 310 files"),
    "no picture": (lambda files: files.update({"data/layer0.png": b"GIF89a"}), "layer 0' is damaged"),
    "large": (
        lambda files: files.update({"data/layer0.png": png(np.zeros((480, 640), np.uint8))}),
        "640×480 pixels, too large",
    ),
}


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES)
def test_what_cannot_be_taken_in_is_said(
    scene: LDI, path: Path, change: Callable[[Files], object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        read_layered(edit(path, change), scene)


def test_files_that_are_no_archive(scene: LDI, path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_layered(tmp_path / "none.ora", scene)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="no OpenRaster file, or it is damaged"):
        read_layered(path, scene)
    with pytest.raises(InputError, match="cannot read"):
        read_layered(tmp_path, scene)
    middle = data.index(b"IDAT") + 40
    path.write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
    with pytest.raises(InputError, match="damaged"):
        read_layered(path, scene)
    end = data.rindex(b"mimetype")  # its name in the directory at the end
    path.write_bytes(data[: end - 38] + b"\x00\x08" + data[end - 36 : end] + b"\xff" + data[end + 1 :])
    with pytest.raises(InputError, match="damaged"):
        read_layered(path, scene)
