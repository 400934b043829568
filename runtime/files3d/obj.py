"""Wavefront OBJ with its material library and textures, for modelling programs."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from ...reference.config import LayeringConfig
from ...reference.files import atomic_file
from ...reference.ldi import LDI
from .pinhole import Pinhole
from .rims import with_rims
from .surface import MAX_TRIANGLES, Surface, layer_surfaces
from .texture import layer_picture


def write_obj(
    path: Path,
    ldi: LDI,
    *,
    pinhole: Pinhole | None = None,
    parallax: float = LayeringConfig.max_parallax,
    max_triangles: int = MAX_TRIANGLES,
    overwrite: bool = False,
) -> None:
    """Write `NAME.obj`, and beside it `NAME.mtl` and `NAME_layer0.png`, … with the colours.

    Args:
        path: of the .obj.
        ldi: the layers.
        pinhole: where the points lie; None for the defaults.
        parallax: of the layers, see `triangulate`.
        max_triangles: of each layer.
        overwrite: replace what is there, under any of the names.

    Raises:
        InputError: the LDI cannot be meshed, or a file cannot be written.
    """
    path = Path(path)
    # The format parts names at spaces, and some readers do so in file names too.
    stem = "_".join(path.stem.split())
    with ExitStack() as files:
        # The last to be opened appears first: the .obj is there only when what it names is.
        main = files.enter_context(atomic_file(path, overwrite))
        library = files.enter_context(atomic_file(path.with_name(f"{stem}.mtl"), overwrite))
        ldi = with_rims(ldi, parallax)
        made = layer_surfaces(ldi, pinhole or Pinhole(), parallax=parallax, max_triangles=max_triangles)
        materials = []
        with main.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(f"mtllib {stem}.mtl\n")
            first = 1
            for layer, surface in made:
                picture = layer_picture(ldi, layer)
                name = f"{stem}_layer{layer}.png"
                target = files.enter_context(atomic_file(path.with_name(name), overwrite))
                picture.save(target, "PNG")
                materials.append(_material(layer, name, picture.mode == "RGBA"))
                stream.write(f"o layer{layer}\nusemtl layer{layer}\n")
                stream.write(_lines(surface, first))
                first += len(surface.points)
        library.write_text("\n".join(materials), encoding="utf-8")


def _material(layer: int, file: str, transparent: bool) -> str:
    """Describe a material that shows its texture as it is (`illum 0`), cut by the texture's alpha."""
    lines = [f"newmtl layer{layer}", "Ka 0 0 0", "Kd 1 1 1", "Ks 0 0 0", "illum 0", f"map_Kd {file}"]
    if transparent:
        lines.append(f"map_d -imfchan m {file}")
    return "\n".join(lines) + "\n"


def _lines(surface: Surface, first: int) -> str:
    """Write vertices, texture coordinates (v from the lower border) and faces, counted from `first`."""
    points = "".join(f"v {x:.6g} {y:.6g} {z:.6g}\n" for x, y, z in surface.points.tolist())
    uv = "".join(f"vt {u:.7g} {1 - v:.7g}\n" for u, v in surface.uv.tolist())
    corners = (surface.triangles + np.int64(first)).tolist()
    return points + uv + "".join(f"f {a}/{a} {b}/{b} {c}/{c}\n" for a, b, c in corners)
