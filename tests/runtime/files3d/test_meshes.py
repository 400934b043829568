"""Mesh files, each read back by a library that did not write it: the same points, corners and pictures."""

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.runtime.files3d import Pinhole
from ldikit.runtime.files3d.glb import write_glb
from ldikit.runtime.files3d.obj import write_obj
from ldikit.runtime.files3d.ply import write_ply
from ldikit.runtime.files3d.rims import with_rims
from ldikit.runtime.files3d.stl import relief_solid, write_stl
from ldikit.runtime.files3d.surface import Surface, layer_surfaces
from ldikit.runtime.files3d.texture import layer_picture, rgb8
from ldikit.runtime.files3d.usdz import write_usdz
from PIL import Image

PINHOLE = Pinhole(50, 0.8, 6)


@pytest.fixture
def layers(scene: LDI) -> LDI:
    """What the files hold of the scene."""
    return with_rims(scene, 0.05)


@pytest.fixture
def surfaces(layers: LDI) -> list[Surface]:
    return [surface for _, surface in layer_surfaces(layers, PINHOLE)]


def test_glb_by_another_library(scene: LDI, layers: LDI, surfaces: list[Surface], tmp_path: Path) -> None:
    pygltflib = pytest.importorskip("pygltflib")
    write_glb(tmp_path / "a.glb", scene, pinhole=PINHOLE)
    gltf = pygltflib.GLTF2().load(str(tmp_path / "a.glb"))
    blob = gltf.binary_blob()

    def read(index: int, dtype: str, columns: int) -> np.ndarray:
        accessor = gltf.accessors[index]
        view = gltf.bufferViews[accessor.bufferView]
        start = view.byteOffset + (accessor.byteOffset or 0)
        return np.frombuffer(blob, dtype, accessor.count * columns, start).reshape(-1, columns)

    assert gltf.extensionsUsed == ["KHR_materials_unlit"]
    assert len(gltf.meshes) == len(surfaces) == 2
    for layer, (mesh, surface) in enumerate(zip(gltf.meshes, surfaces, strict=True)):
        (primitive,) = mesh.primitives
        np.testing.assert_array_equal(read(primitive.attributes.POSITION, "<f4", 3), surface.points)
        np.testing.assert_allclose(
            read(primitive.attributes.TEXCOORD_0, "<f4", 2), surface.uv, rtol=0, atol=1e-7
        )
        np.testing.assert_array_equal(read(primitive.indices, "<u4", 1).reshape(-1, 3), surface.triangles)
        material = gltf.materials[primitive.material]
        assert "KHR_materials_unlit" in material.extensions
        assert (material.alphaMode, material.alphaCutoff) == ("MASK", (0.5, 0.1)[layer])
        texture = gltf.textures[material.pbrMetallicRoughness.baseColorTexture.index]
        image = gltf.images[texture.source]
        view = gltf.bufferViews[image.bufferView]
        with Image.open(io.BytesIO(blob[view.byteOffset : view.byteOffset + view.byteLength])) as picture:
            assert image.mimeType == "image/png" and picture.format == "PNG"
            np.testing.assert_array_equal(np.asarray(picture), np.asarray(layer_picture(layers, layer)))
            assert picture.getpixel((3, 5)) == (
                *rgb8(scene, layer)[5, 3],
                round(255 * scene.occupancy[layer, 0, 5, 3]),
            )
    # The camera is the photo's: 48 pixels high at a focal length of 32 px / tan 25°.
    (camera,) = gltf.cameras
    assert camera.perspective.yfov == pytest.approx(2 * np.arctan(24 * np.tan(np.radians(25)) / 32))
    assert camera.perspective.aspectRatio == pytest.approx(64 / 48)
    assert any(gltf.nodes[node].camera == 0 for node in gltf.scenes[gltf.scene].nodes)


def test_glb_by_the_rules_of_the_specification(scene: LDI, tmp_path: Path) -> None:
    """What the Khronos validator checks: lengths, alignment, bounds, targets, indices within range."""
    write_glb(tmp_path / "a.glb", scene)
    data = (tmp_path / "a.glb").read_bytes()
    magic, version, length, json_length, kind = struct.unpack_from("<4sIII4s", data)
    assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
    assert json_length % 4 == 0
    tree = json.loads(data[20 : 20 + json_length])
    binary_length, binary_kind = struct.unpack_from("<I4s", data, 20 + json_length)
    binary = data[28 + json_length :]
    assert binary_kind == b"BIN\0" and binary_length == len(binary) == tree["buffers"][0]["byteLength"]
    for view in tree["bufferViews"]:
        assert view["byteOffset"] % 4 == 0 and view["byteOffset"] + view["byteLength"] <= len(binary)
    for mesh in tree["meshes"]:
        (primitive,) = mesh["primitives"]
        indices = tree["accessors"][primitive["indices"]]
        assert (indices["componentType"], indices["type"]) == (5125, "SCALAR")
        assert tree["bufferViews"][indices["bufferView"]]["target"] == 34963
        for attribute in primitive["attributes"].values():
            assert tree["bufferViews"][tree["accessors"][attribute]["bufferView"]]["target"] == 34962
        position = tree["accessors"][primitive["attributes"]["POSITION"]]
        start = tree["bufferViews"][position["bufferView"]]["byteOffset"]
        points = np.frombuffer(binary, "<f4", 3 * position["count"], start).reshape(-1, 3)
        np.testing.assert_array_equal(np.float32(position["min"]), points.min(axis=0))
        np.testing.assert_array_equal(np.float32(position["max"]), points.max(axis=0))
        start = tree["bufferViews"][indices["bufferView"]]["byteOffset"]
        assert np.frombuffer(binary, "<u4", indices["count"], start).max() == position["count"] - 1


def test_a_layer_that_is_full_is_opaque(scene: LDI, tmp_path: Path) -> None:
    pygltflib = pytest.importorskip("pygltflib")
    full = LDI(scene.color[:1], scene.disparity[:1], np.ones_like(scene.occupancy[:1]))
    write_glb(tmp_path / "a.glb", full)
    assert pygltflib.GLTF2().load(str(tmp_path / "a.glb")).materials[0].alphaMode == "OPAQUE"


def test_usdz_by_its_own_library_and_zip(
    scene: LDI, layers: LDI, surfaces: list[Surface], tmp_path: Path
) -> None:
    pytest.importorskip("pxr")
    from pxr import Usd, UsdGeom, UsdShade

    path = tmp_path / "a.usdz"
    write_usdz(path, scene, pinhole=PINHOLE)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["scene.usdc", "layer0.png", "layer1.png"]
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            name, extra = struct.unpack_from("<HH", path.read_bytes(), info.header_offset + 26)
            assert (info.header_offset + 30 + name + extra) % 64 == 0
        with Image.open(io.BytesIO(archive.read("layer1.png"))) as picture:
            np.testing.assert_array_equal(np.asarray(picture), np.asarray(layer_picture(layers, 1)))
    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage) == "Y" and UsdGeom.GetStageMetersPerUnit(stage) == 0.1
    for layer, surface in enumerate(surfaces):
        mesh = UsdGeom.Mesh(stage.GetPrimAtPath(f"/Photo/layer{layer}"))
        np.testing.assert_array_equal(np.array(mesh.GetPointsAttr().Get()), surface.points)
        corners = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)
        np.testing.assert_array_equal(corners, surface.triangles)
        uv = np.array(UsdGeom.PrimvarsAPI(mesh).GetPrimvar("st").Get())
        np.testing.assert_allclose(uv, surface.uv * (1, -1) + (0, 1), atol=1e-7)
        material, _ = UsdShade.MaterialBindingAPI(mesh).ComputeBoundMaterial()
        shader = UsdShade.Shader(stage.GetPrimAtPath(f"{material.GetPath()}/surface"))
        assert shader.GetInput("opacityThreshold").Get() == np.float32((0.5, 0.1)[layer])
        source, output, _ = shader.GetInput("emissiveColor").GetConnectedSource()
        assert output == "rgb"
        file = UsdShade.Shader(source.GetPrim()).GetInput("file").Get()
        assert file.path == f"layer{layer}.png" and file.resolvedPath.endswith(f"[layer{layer}.png]")


def test_usdz_passes_the_validators_of_usd(scene: LDI, tmp_path: Path) -> None:
    pytest.importorskip("pxr")
    validation = pytest.importorskip("pxr.UsdValidation")
    from pxr import Usd

    write_usdz(tmp_path / "a.usdz", scene)
    every = validation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(every) > 10
    errors = validation.ValidationContext(every).Validate(Usd.Stage.Open(str(tmp_path / "a.usdz")))
    assert [error.GetErrorAsString() for error in errors] == []


def test_obj_by_another_library(scene: LDI, layers: LDI, surfaces: list[Surface], tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    write_obj(tmp_path / "my photo.obj", scene, pinhole=PINHOLE)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "my photo.obj",
        "my_photo.mtl",
        "my_photo_layer0.png",
        "my_photo_layer1.png",
    ]
    read = trimesh.load(tmp_path / "my photo.obj", process=False)
    assert sorted(read.geometry) == ["layer0", "layer1"]
    for layer, surface in enumerate(surfaces):
        mesh = read.geometry[f"layer{layer}"]
        np.testing.assert_allclose(mesh.vertices[mesh.faces], surface.points[surface.triangles], rtol=1e-5)
        uv = np.asarray(mesh.visual.uv)[mesh.faces]
        np.testing.assert_allclose(uv, surface.uv[surface.triangles] * (1, -1) + (0, 1), atol=1e-6)
        picture = np.asarray(mesh.visual.material.image)
        np.testing.assert_array_equal(picture, np.asarray(layer_picture(layers, layer)))
    assert "map_d -imfchan m my_photo_layer1.png" in (tmp_path / "my_photo.mtl").read_text()


def test_obj_leaves_nothing_when_one_of_its_files_is_in_the_way(scene: LDI, tmp_path: Path) -> None:
    (tmp_path / "a_layer1.png").write_text("mine")
    with pytest.raises(InputError, match=r"a_layer1\.png exists already"):
        write_obj(tmp_path / "a.obj", scene)
    assert [p.name for p in tmp_path.iterdir()] == ["a_layer1.png"]
    write_obj(tmp_path / "a.obj", scene, overwrite=True)
    assert (tmp_path / "a_layer1.png").read_bytes().startswith(b"\x89PNG")


def test_ply_by_another_library(scene: LDI, layers: LDI, tmp_path: Path) -> None:
    meshio = pytest.importorskip("meshio")
    write_ply(tmp_path / "a.ply", scene, pinhole=PINHOLE)
    read = meshio.read(tmp_path / "a.ply")
    made = layer_surfaces(layers, PINHOLE, merge=False)
    np.testing.assert_array_equal(read.points, np.concatenate([s.points for _, s in made]))
    # One square a pixel: 3072 less the 20 that faded; behind, 22×32 with the rim.
    assert len(read.cells_dict["triangle"]) == 2 * (3072 - 20 + 22 * 32)
    colors = np.stack([read.point_data[name] for name in ("red", "green", "blue")], axis=1)
    colors = colors.astype(np.uint8)  # meshio takes `uchar` for signed
    front = made[0][1]
    np.testing.assert_array_equal(colors[: len(front.points)], rgb8(scene, 0).reshape(-1, 3)[front.pixels])
    behind = made[1][1]
    np.testing.assert_array_equal(colors[len(front.points) :], rgb8(layers, 1).reshape(-1, 3)[behind.pixels])
    first = read.cells_dict["triangle"][: len(front.triangles)]
    np.testing.assert_array_equal(first, front.triangles)


def test_relief_by_another_library_is_closed_and_of_the_right_volume(scene: LDI, tmp_path: Path) -> None:
    trimesh, meshio = pytest.importorskip("trimesh"), pytest.importorskip("meshio")
    write_stl(tmp_path / "a.stl", scene, width=80, relief=5, base=2)
    read = meshio.read(tmp_path / "a.stl")
    np.testing.assert_allclose(read.points.min(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(read.points.max(axis=0), (80, 60, 2 + 5 * 0.8), rtol=1e-6)
    solid = trimesh.Trimesh(read.points, read.cells_dict["triangle"])
    solid.merge_vertices()
    assert solid.is_watertight and solid.is_winding_consistent
    # The field is a sum of hats, one a pixel, each of the volume of a cell of 80/63 by 60/47 mm.
    cell = 80 / 63 * 60 / 47
    assert solid.volume == pytest.approx(80 * 60 * (2 + 5 * 0.2) + 20 * 30 * cell * 5 * 0.6, rel=1e-5)


@pytest.mark.parametrize(("disparity", "mean"), [(0.0, 0.0), (0.4, 0.4)])
def test_volume_of_a_plate(disparity: float, mean: float) -> None:
    trimesh = pytest.importorskip("trimesh")
    plane = np.full((12, 20), disparity, np.float32)
    solid = trimesh.Trimesh(*relief_solid(plane, 100, 10, 2), process=False)
    assert solid.is_watertight
    assert solid.volume == pytest.approx(100 * 60 * (2 + 10 * mean))


def test_volume_of_a_wedge_and_a_bounded_number_of_triangles() -> None:
    trimesh = pytest.importorskip("trimesh")
    wedge = np.tile(np.linspace(0, 1, 201, dtype=np.float32), (101, 1))
    solid = trimesh.Trimesh(*relief_solid(wedge, 100, 10, 2), process=False)
    # The mean height is that of the middle, and the photo's right is the relief's right.
    assert solid.volume == pytest.approx(100 * 100 * 101 / 201 * 7)
    assert solid.vertices[solid.vertices[:, 2].argmax(), 0] == 100
    points, triangles = relief_solid(wedge, 100, 10, 2, max_triangles=1000)
    assert len(triangles) < 1300  # with walls and back
    assert trimesh.Trimesh(points, triangles, process=False).is_watertight


@pytest.mark.parametrize("lengths", [{"width": 0}, {"relief": -1}, {"base": float("nan")}])
def test_a_relief_has_lengths(scene: LDI, tmp_path: Path, lengths: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be above 0 mm"):
        write_stl(tmp_path / "a.stl", scene, **lengths)
    assert list(tmp_path.iterdir()) == []


def test_large_textures_are_scaled_and_keep_colour_under_alpha_0() -> None:
    color = np.full((2, 3, 10, 5000), 0.6, np.float32)
    occupancy = np.ones((2, 1, 10, 5000), np.float32)
    occupancy[:, :, :, 2500:] = 0
    ldi = LDI(color, occupancy / 2, occupancy)
    assert layer_picture(ldi, 0).size == (4096, 8)
    assert layer_picture(ldi, 1).size == (2048, 4)
    small = layer_picture(ldi, 0, 50)
    assert small.size == (50, 1)
    assert small.getpixel((10, 0)) == (153, 153, 153, 255) and small.getpixel((40, 0)) == (153, 153, 153, 0)
