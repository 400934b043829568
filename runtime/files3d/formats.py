"""The formats by name: which file each makes, what for, and what must be installed.

Naming them imports nothing: a format's module is imported when its first file is written.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from ...reference.config import LayeringConfig
from ...reference.errors import InputError, MissingExtraError
from ...reference.ldi import LDI
from ...reference.registry import Registry
from .extra import EXTRA
from .pinhole import Pinhole


@dataclass(frozen=True)
class FileFormat:
    """A kind of file that other programs open.

    Attributes:
        name: by which it is chosen.
        suffix: that its files end in, which may be more than an extension.
        description: what opens it, for a list of formats.
        writer: `module:function` of this package.
        needs: module and package that it needs of the extra `files3d`, or None.
    """

    name: str
    suffix: str
    description: str
    writer: str
    needs: tuple[str, str] | None = None

    @property
    def extra(self) -> str | None:
        """The extra to install for it, or None."""
        return None if self.needs is None else EXTRA

    def require(self) -> None:
        """Raise if what it needs is not installed, without importing it: for a check before long work.

        Raises:
            MissingExtraError: it is not.
        """
        if self.needs is not None and find_spec(self.needs[0]) is None:
            raise MissingExtraError(self.needs[1], EXTRA, f"writing {self.name} files")

    def function(self) -> Callable[..., None]:
        """Return the function that writes it: path, LDI, and by name what it takes of `write`'s options."""
        module, function = self.writer.split(":")
        writer: Callable[..., None] = getattr(import_module(f".{module}", __package__), function)
        return writer


FORMATS: Registry[FileFormat] = Registry("file format")

_TRIMESH, _USD = ("trimesh", "trimesh"), ("pxr", "usd-core")

for _format in (
    FileFormat("glb", ".glb", "3D scene for the web, Android, Windows, Blender", "glb:write_glb", _TRIMESH),
    FileFormat("usdz", ".usdz", "augmented reality on iPhone and iPad", "usdz:write_usdz", _USD),
    FileFormat("obj", ".obj", "textured mesh with .mtl and .png beside it", "obj:write_obj"),
    FileFormat("ply", ".ply", "mesh with a colour at each vertex", "ply:write_ply", _TRIMESH),
    FileFormat("stl", ".stl", "relief for 3D printing", "stl:write_stl", _TRIMESH),
    FileFormat("ora", ".ora", "layers for Krita or GIMP, to paint on", "openraster:write_openraster"),
    FileFormat(
        "depth-pair", ".jpg", "photo and its depth as a second file (_depth)", "depth_pair:write_depth_pair"
    ),
    FileFormat("gdepth", "_gdepth.jpg", "photo with GDepth in its metadata", "gdepth:write_gdepth"),
    FileFormat(
        "dynamic-depth",
        "_dd.jpg",
        "photo with Dynamic Depth, for Android",
        "dynamic_depth:write_dynamic_depth",
    ),
    FileFormat("sbs", "_sbs.jpg", "stereo pair side by side", "stereo:write_side_by_side"),
    FileFormat("anaglyph", "_anaglyph.jpg", "stereo for red-cyan glasses", "stereo:write_anaglyph"),
    FileFormat("vr180", ".vr.jpg", "VR photo of half a sphere, Google's format", "vr180:write_vr180"),
    FileFormat(
        "vr180-sbs",
        "_180_sbs.jpg",
        "half spheres side by side, for headsets' players",
        "vr180:write_vr180_side_by_side",
    ),
):
    FORMATS.register(_format.name)(_format)


def choose(names: str | Iterable[str]) -> list[FileFormat]:
    """Return formats by their names, each once, and check that what they need is installed.

    Args:
        names: a list, or one text with commas between them; `all` stands for every one.

    Raises:
        InputError: there is no such format, or none is named.
        MissingExtraError: a library is not installed.
    """
    if isinstance(names, str):
        names = [part.strip() for part in names.split(",")]
    wanted = [known for name in names if name for known in (FORMATS if name == "all" else [name])]
    if not wanted:
        raise InputError(f"name at least one file format; known: {', '.join(FORMATS)}")
    formats = [FORMATS.get(name) for name in dict.fromkeys(wanted)]
    for file_format in formats:
        file_format.require()
    return formats


def format_of(path: Path) -> FileFormat:
    """Return the format whose suffix a path ends in, the longest that fits.

    Raises:
        InputError: no format has it.
    """
    fitting = [f for f in map(FORMATS.get, FORMATS) if path.name.lower().endswith(f.suffix)]
    if not fitting:
        known = ", ".join(f"{f.suffix} ({f.name})" for f in map(FORMATS.get, FORMATS))
        raise InputError(f"no file format ends in what {path.name!r} ends in; known: {known}")
    return max(fitting, key=lambda f: len(f.suffix))


def write(
    path: Path | str,
    ldi: LDI,
    format: str | None = None,
    *,
    pinhole: Pinhole | None = None,
    parallax: float = LayeringConfig.max_parallax,
    photo: Path | None = None,
    keep_metadata: bool = False,
    overwrite: bool = False,
) -> None:
    """Write an LDI as a file that other programs open, whole or not at all.

    Args:
        path: of the file.
        ldi: the layers.
        format: its name; None goes by the path's suffix.
        pinhole: field of view and distances, for formats with a geometry; None for the defaults.
        parallax: that the layers were made for.
        photo: the file that the LDI was made from, for formats that hold the photo itself (see
            `photo_jpeg`); the others go without.
        keep_metadata: of that photo: place, time, camera.
        overwrite: replace what is there.

    Raises:
        InputError: no such format, the LDI or photo cannot be used, or the file cannot be written.
        MissingExtraError: the format needs a library that is not installed.
    """
    path = Path(path)
    chosen = format_of(path) if format is None else FORMATS.get(format)
    function = chosen.function()
    options = {"pinhole": pinhole, "parallax": parallax, "photo": photo, "keep_metadata": keep_metadata}
    taken = inspect.signature(function).parameters
    function(path, ldi, overwrite=overwrite, **{k: v for k, v in options.items() if k in taken})


def write_files(
    folder: Path,
    stem: str,
    ldi: LDI,
    formats: Iterable[FileFormat],
    *,
    pinhole: Pinhole | None = None,
    parallax: float = LayeringConfig.max_parallax,
    photo: Path | None = None,
    keep_metadata: bool = False,
    overwrite: bool = False,
) -> None:
    """Write one file of each format, `folder/stem` with the format's suffix; see `write`.

    Raises:
        InputError, MissingExtraError: see `write`; files of formats before stay.
    """
    for file_format in formats:
        write(
            Path(folder) / f"{stem}{file_format.suffix}",
            ldi,
            file_format.name,
            pinhole=pinhole,
            parallax=parallax,
            photo=photo,
            keep_metadata=keep_metadata,
            overwrite=overwrite,
        )
