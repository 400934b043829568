"""PLY with a colour at each vertex, for point-cloud and scanning programs."""

from pathlib import Path

import numpy as np

from ...reference.config import LayeringConfig
from ...reference.files import atomic_file
from ...reference.ldi import LDI
from .extra import load
from .pinhole import Pinhole
from .rims import with_rims
from .surface import layer_surfaces
from .texture import rgb8

# Colour lies at the vertices, so that fewer triangles are a blurred photo.
MAX_TRIANGLES = 2_000_000


def write_ply(
    path: Path,
    ldi: LDI,
    *,
    pinhole: Pinhole | None = None,
    parallax: float = LayeringConfig.max_parallax,
    max_triangles: int = MAX_TRIANGLES,
    overwrite: bool = False,
) -> None:
    """Write all layers as one mesh, opaque, a vertex (or, at a tear, two) at each corner of a pixel.

    Args:
        path: of the .ply.
        ldi: the layers.
        pinhole: where the points lie; None for the defaults.
        parallax: of the layers, see `triangulate`.
        max_triangles: of each layer.
        overwrite: replace what is there.

    Raises:
        InputError: the LDI cannot be meshed, or the file cannot be written.
        MissingExtraError: trimesh is not installed.
    """
    trimesh = load("trimesh", "trimesh", "writing PLY files")
    with atomic_file(path, overwrite) as temporary:
        ldi = with_rims(ldi, parallax)
        made = layer_surfaces(
            ldi, pinhole or Pinhole(), parallax=parallax, max_triangles=max_triangles, merge=False
        )
        first = np.cumsum([0] + [len(surface.points) for _, surface in made])
        points = np.concatenate([surface.points for _, surface in made])
        triangles = np.concatenate([s.triangles + n for (_, s), n in zip(made, first[:-1], strict=True)])
        colors = np.concatenate([rgb8(ldi, layer).reshape(-1, 3)[s.pixels] for layer, s in made])
        alpha = np.full((len(colors), 1), 255, np.uint8)
        mesh = trimesh.Trimesh(points, triangles, vertex_colors=np.hstack([colors, alpha]), process=False)
        temporary.write_bytes(mesh.export(file_type="ply", vertex_normal=False))
