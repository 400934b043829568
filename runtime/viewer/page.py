"""viewer.html: a 3D photo to look around in, one page that needs no network and no server."""

import base64
import hashlib
import json
import math
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...reference.config import LayeringConfig
from ...reference.errors import InputError
from ...reference.files import atomic_file
from ...reference.ldi import LDI
from ..photo3d.video import REACH, border_zoom
from .shrink import shrink
from .textures import REACHES, TILE, backdrop_texture, bounds_texture, color_texture, geometry_texture

# Long side of the textures: what a phone's screen shows of a photo.
MAX_SIDE = 1600
# The shader reads a layer's disparity from one channel of two pictures of four.
MAX_LAYERS = 8
SCRIPTS = ("renderer.js", "camera.js", "gestures.js", "panel.js", "main.js")
SHADERS = ("quad.vert.glsl", "pack.frag.glsl", "view.frag.glsl", "lens.frag.glsl")


def write_viewer(
    path: Path | str,
    ldi: LDI,
    *,
    other: LDI | None = None,
    names: tuple[str, str] = ("left", "right"),
    parallax: float = LayeringConfig.max_parallax,
    title: str = "3D photo",
    alt: str = "The photo, to look around in",
    max_side: int = MAX_SIDE,
    overwrite: bool = False,
) -> None:
    """Write a page that shows `ldi` from a camera that moves with pointer, touch, keys or the device.

    The camera is that of `reference.render`, and so is the picture but for what the textures' coding loses.
    The page holds everything: opened from a folder it asks no server for anything.

    Args:
        path: of the page.
        ldi: what it shows; larger than `max_side` it is shrunk.
        other: shown under the same camera, right of a line that can be moved; of the size of `ldi`.
        names: what to call `ldi` and `other`.
        parallax: `LayeringConfig.max_parallax` that the layers were made with.
        title: of the page.
        alt: what the photo shows, for those who do not see it.
        max_side: of the textures, in pixels, 16 to 4096.
        overwrite: replace an existing file.

    Raises:
        InputError: the layers are too many, differ in size or hold values outside [0, 1], a number is outside
            its range, or the file cannot be written.
    """
    scenes = [ldi] if other is None else [ldi, other]
    _check(scenes, parallax, max_side)
    with atomic_file(Path(path), overwrite) as temporary:
        small = [shrink(scene, max_side) for scene in scenes]
        text = render_page(small, names, parallax, title, alt)
        temporary.write_text(text, encoding="utf-8", newline="\n")


def render_page(scenes: list[LDI], names: tuple[str, str], parallax: float, title: str, alt: str) -> str:
    """Return the page; see `write_viewer`. Its policy allows this very script and style, and nothing else."""
    folder = Path(__file__).parent
    shaders = {name.split(".")[0]: (folder / name).read_text(encoding="utf-8") for name in SHADERS}
    description, photo = _describe(scenes, names, parallax, title)
    script = "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)
    style = (folder / "viewer.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("viewer.html.jinja").render(
        title=title,
        alt=alt,
        photo=photo,
        names=names,
        layers=max(scene.layers for scene in scenes),
        compare=len(scenes) > 1,
        height=scenes[0].size[0],
        width=scenes[0].size[1],
        data=_json(description | {"shaders": shaders}),
        script=Markup(script),
        script_hash=_hash(script),
        style=Markup(style),
        style_hash=_hash(style),
    )


def _describe(
    scenes: list[LDI], names: tuple[str, str], parallax: float, title: str
) -> tuple[dict[str, Any], str]:
    """Return what the script is told, and the photo, which stands in the page; equal pictures go in once."""
    pictures: dict[str, int] = {}

    def place(uri: str) -> int:
        return pictures.setdefault(uri, len(pictures))

    described = []
    for scene, name in zip(scenes, names, strict=False):
        layers = [
            {"color": place(color_texture(scene, layer)), "geometry": place(geometry_texture(scene, layer))}
            for layer in range(scene.layers)
        ]
        bounds, backdrop = place(bounds_texture(scene, parallax)), place(backdrop_texture(scene))
        described.append({"name": name, "layers": layers, "bounds": bounds, "backdrop": backdrop})
    height, width = scenes[0].size
    uris = list(pictures)
    description = {
        "title": title,
        "width": width,
        "height": height,
        "parallax": parallax,
        "reach": REACH,
        "zoom": max(border_zoom(scene, REACH, parallax) for scene in scenes),
        "tile": TILE,
        "reaches": REACHES,
        "scenes": described,
        "pictures": [None, *uris[1:]],
    }
    return description, uris[0]


def _check(scenes: list[LDI], parallax: float, max_side: int) -> None:
    if not (math.isfinite(parallax) and 0 < parallax <= 0.5):
        raise InputError(f"parallax must be a share of the long side within (0, 0.5], got {parallax}")
    if not 16 <= max_side <= 4096:
        raise InputError(f"the viewer's textures must be 16 to 4096 pixels long, got {max_side}")
    for scene in scenes:
        if scene.layers > MAX_LAYERS:
            raise InputError(f"the viewer shows up to {MAX_LAYERS} layers, got {scene.layers}: make fewer")
        if scene.size != scenes[0].size:
            (h, w), (height, width) = scene.size, scenes[0].size
            raise InputError(f"can compare layers of one size only, got {width}×{height} and {w}×{h}")
        for name in ("color", "disparity", "occupancy"):
            low, high = float(getattr(scene, name).min()), float(getattr(scene, name).max())
            if not (low >= 0 and high <= 1):  # so that NaN is outside too
                raise InputError(
                    f"cannot show the LDI: {name} must be within [0, 1], got [{low:g}, {high:g}]"
                )


def _json(value: dict[str, Any]) -> Markup:
    """Return JSON that cannot end the script element it stands in."""
    return Markup(json.dumps(value).replace("<", "\\u003c"))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
