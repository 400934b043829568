"""GLB: binary glTF 2.0, which web viewers, Android, Windows and game engines open."""

from pathlib import Path
from typing import Any

from ...reference.config import LayeringConfig
from ...reference.files import atomic_file
from ...reference.ldi import LDI
from .extra import load
from .pinhole import Pinhole
from .rims import with_rims
from .surface import MAX_TRIANGLES, layer_surfaces
from .texture import cutoff, layer_picture

# Numbers of the glTF 2.0 specification (Khronos Group).
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_LINEAR, _LINEAR_MIPMAP_LINEAR, _CLAMP_TO_EDGE = 9729, 9987, 33071
_UNLIT = "KHR_materials_unlit"


def write_glb(
    path: Path,
    ldi: LDI,
    *,
    pinhole: Pinhole | None = None,
    parallax: float = LayeringConfig.max_parallax,
    max_triangles: int = MAX_TRIANGLES,
    overwrite: bool = False,
) -> None:
    """Write the layers as meshes with textures, unlit, and the photo's camera.

    Args:
        path: of the .glb.
        ldi: the layers.
        pinhole: where the points lie; None for the defaults.
        parallax: of the layers, see `triangulate`.
        max_triangles: of each layer.
        overwrite: replace what is there.

    Raises:
        InputError: the LDI cannot be meshed, or the file cannot be written.
        MissingExtraError: trimesh is not installed.
    """
    trimesh = load("trimesh", "trimesh", "writing GLB files")
    pinhole = pinhole or Pinhole()
    with atomic_file(path, overwrite) as temporary:
        ldi = with_rims(ldi, parallax)
        scene = trimesh.Scene()
        for layer, surface in layer_surfaces(ldi, pinhole, parallax=parallax, max_triangles=max_triangles):
            picture = layer_picture(ldi, layer)
            material = trimesh.visual.material.PBRMaterial(
                name=f"layer{layer}",
                baseColorTexture=picture,
                metallicFactor=0.0,
                roughnessFactor=1.0,
                alphaMode="MASK" if picture.mode == "RGBA" else "OPAQUE",
                alphaCutoff=cutoff(layer) if picture.mode == "RGBA" else None,
                doubleSided=True,
            )
            uv = surface.uv.astype("float64") * (1, -1) + (0, 1)  # trimesh counts v from the lower border
            mesh = trimesh.Trimesh(
                surface.points,
                surface.triangles,
                visual=trimesh.visual.TextureVisuals(uv=uv, material=material),
                process=False,  # it would merge the two sides of a tear
            )
            scene.add_geometry(mesh, node_name=f"layer{layer}", geom_name=f"layer{layer}")
        data = trimesh.exchange.gltf.export_glb(
            scene, include_normals=False, tree_postprocessor=lambda tree: _complete(tree, pinhole, ldi.size)
        )
        temporary.write_bytes(data)


def _complete(tree: dict[str, Any], pinhole: Pinhole, size: tuple[int, int]) -> None:
    """Add to the glTF tree what trimesh leaves out: unlit materials, the camera, the use of each buffer."""
    for material in tree["materials"]:
        material["extensions"] = {_UNLIT: {}}
    tree["extensionsUsed"] = [_UNLIT]
    # Without it the texture repeats, and its left border shows at the right one.
    tree["samplers"] = [
        {
            "magFilter": _LINEAR,
            "minFilter": _LINEAR_MIPMAP_LINEAR,
            "wrapS": _CLAMP_TO_EDGE,
            "wrapT": _CLAMP_TO_EDGE,
        }
    ]
    for texture in tree["textures"]:
        texture["sampler"] = 0
    for mesh in tree["meshes"]:
        mesh.pop("extras", None)
        for primitive in mesh["primitives"]:
            indices = tree["accessors"][primitive["indices"]]
            tree["bufferViews"][indices["bufferView"]]["target"] = _ELEMENT_ARRAY_BUFFER
            for accessor in primitive["attributes"].values():
                view = tree["bufferViews"][tree["accessors"][accessor]["bufferView"]]
                view["target"] = _ARRAY_BUFFER
    height, width = size
    perspective = {
        "aspectRatio": width / height,
        "yfov": pinhole.vertical_view(height, width),
        "znear": pinhole.near / 100,
        "zfar": pinhole.far * 100,
    }
    tree["cameras"] = [{"name": "photo", "type": "perspective", "perspective": perspective}]
    tree["scenes"][0].setdefault("nodes", []).append(len(tree["nodes"]))
    tree["nodes"].append({"name": "photo", "camera": 0})
    tree["asset"]["generator"] = "ldikit"
