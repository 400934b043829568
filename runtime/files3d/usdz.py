"""USDZ: what iPhones and iPads show in augmented reality (AR Quick Look)."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.config import LayeringConfig
from ...reference.errors import InputError
from ...reference.files import atomic_file
from ...reference.ldi import LDI
from .extra import load
from .pinhole import Pinhole
from .rims import with_rims
from .surface import MAX_TRIANGLES, Surface, layer_surfaces
from .texture import cutoff, layer_picture

# A scene ten metres deep stands in the room as one metre.
METRES_PER_UNIT = 0.1
# iOS scales larger textures down; all of them must fit into the memory that a web page gets.
MAX_SIDE = 2048


def write_usdz(
    path: Path,
    ldi: LDI,
    *,
    pinhole: Pinhole | None = None,
    parallax: float = LayeringConfig.max_parallax,
    max_triangles: int = MAX_TRIANGLES,
    overwrite: bool = False,
) -> None:
    """Write the layers as meshes that glow with their texture, so that the room's light leaves them alone.

    Args:
        path: of the .usdz.
        ldi: the layers.
        pinhole: where the points lie, at a tenth of their size; None for the defaults.
        parallax: of the layers, see `triangulate`.
        max_triangles: of each layer.
        overwrite: replace what is there.

    Raises:
        InputError: the LDI cannot be meshed, or the file cannot be written.
        MissingExtraError: usd-core is not installed.
    """
    load("pxr.UsdGeom", "usd-core", "writing USDZ files")
    from pxr import Tf

    with atomic_file(path, overwrite) as temporary, tempfile.TemporaryDirectory() as folder:
        ldi = with_rims(ldi, parallax)
        made = layer_surfaces(ldi, pinhole or Pinhole(), parallax=parallax, max_triangles=max_triangles)
        try:
            _pack(temporary, Path(folder), ldi, made)
        except Tf.ErrorException as error:
            reason = " ".join(str(error).split())
            raise InputError(f"cannot write {path}: the USD library says {reason}") from error


def _pack(package: Path, folder: Path, ldi: LDI, made: list[tuple[int, Surface]]) -> None:
    """Write scene and textures into a folder, and all of it into the package."""
    from pxr import Sdf, Usd, UsdGeom

    stage = Usd.Stage.CreateNew(str(folder / "scene.usdc"))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, METRES_PER_UNIT)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Photo").GetPrim())
    files = ["scene.usdc"]
    for layer, surface in made:
        picture = layer_picture(ldi, layer, MAX_SIDE)
        files.append(f"layer{layer}.png")
        picture.save(folder / files[-1])
        mesh = _add_mesh(stage, f"/Photo/layer{layer}", surface)
        _add_material(
            stage, mesh, f"/Photo/material{layer}", files[-1], cutoff(layer), picture.mode == "RGBA"
        )
    stage.GetRootLayer().Save()
    # It stores the files uncompressed and 64-byte aligned; the scene must be the first.
    with Sdf.ZipFileWriter.CreateNew(str(package)) as writer:
        for file in files:
            writer.AddFile(str(folder / file), file)


def _add_mesh(stage: Any, name: str, surface: Surface) -> Any:
    """Define a mesh with its texture coordinates, v counted from the lower border as in USD."""
    from pxr import Sdf, UsdGeom, Vt

    mesh = UsdGeom.Mesh.Define(stage, name)
    triangles = surface.triangles.astype(np.int32)
    points = Vt.Vec3fArray.FromNumpy(surface.points)
    mesh.CreatePointsAttr(points)
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(triangles), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(triangles.ravel()))
    mesh.CreateExtentAttr(UsdGeom.PointBased.ComputeExtent(points))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateDoubleSidedAttr(True)
    uv = np.ascontiguousarray(np.stack([surface.uv[:, 0], 1 - surface.uv[:, 1]], axis=1))
    coordinates = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar(
        "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex
    )
    coordinates.Set(Vt.Vec2fArray.FromNumpy(uv))
    return mesh


def _add_material(stage: Any, mesh: Any, name: str, file: str, threshold: float, cut: bool) -> None:
    """Bind a UsdPreviewSurface that emits the texture and reflects nothing, cut where alpha is low."""
    from pxr import Sdf, UsdShade

    types = Sdf.ValueTypeNames
    material = UsdShade.Material.Define(stage, name)
    reader = UsdShade.Shader.Define(stage, f"{name}/coordinates")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", types.String).Set("st")
    texture = UsdShade.Shader.Define(stage, f"{name}/texture")
    texture.CreateIdAttr("UsdUVTexture")
    texture.CreateInput("file", types.Asset).Set(Sdf.AssetPath(file))
    texture.CreateInput("sourceColorSpace", types.Token).Set("sRGB")
    for side in ("wrapS", "wrapT"):
        texture.CreateInput(side, types.Token).Set("clamp")
    texture.CreateInput("st", types.Float2).ConnectToSource(reader.CreateOutput("result", types.Float2))
    surface = UsdShade.Shader.Define(stage, f"{name}/surface")
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("diffuseColor", types.Color3f).Set((0, 0, 0))
    surface.CreateInput("roughness", types.Float).Set(1)
    surface.CreateInput("metallic", types.Float).Set(0)
    surface.CreateInput("emissiveColor", types.Color3f).ConnectToSource(
        texture.CreateOutput("rgb", types.Float3)
    )
    if cut:
        surface.CreateInput("opacity", types.Float).ConnectToSource(texture.CreateOutput("a", types.Float))
        surface.CreateInput("opacityThreshold", types.Float).Set(threshold)
    material.CreateSurfaceOutput().ConnectToSource(surface.CreateOutput("surface", types.Token))
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)
