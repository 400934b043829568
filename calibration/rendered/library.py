"""What a folder of unpacked packages offers: furniture, tracks, cars, textures, cut-outs, photographs.

The folder is searched for the file layouts of the packages that `docs/rendered-scenes.md` names, wherever
they lie in it; what is missing leaves out the kinds of scene that need it.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
from PIL import Image

from ...reference.errors import InputError
from .ac3d import read_ac3d
from .mesh import Array, Mesh, fitted
from .objfile import read_obj

STUFF = ("ground", "stone", "asphalt", "wood", "fabric", "print")
"""What tileable textures are of; "print" are all others of the furniture."""

MAX_TEXTURE = 256
_MAX_PIXELS = 40_000_000
_PICTURES = (".jpg", ".jpeg", ".png", ".dds", ".rgb", ".rgba", ".bmp", ".webp")
_FABRIC = re.compile(
    r"fabric|cloth|leather|carpet|rug|wool|tela|textil|sofa|cushion|weave|wicker|curtain|jeans|paper|rattan",
    re.I,
)
_NOT_COLOR = re.compile(
    r"norm|spec|gloss|mask|_nm|height|screenshot|lightmap|relief|_ao|alpha|icon|preview", re.I
)
_GROUND = re.compile(r"grass|dirt|sand|soil|mud|gravel|snow|earth|forest|steppe|ground|field", re.I)
_STONE = re.compile(r"rock|stone|cliff|brick|wall|tile|pav|cobble|concrete|plaster|city", re.I)
_ASPHALT = re.compile(r"tr-asphalt_nmm|tr-b-asphalt\.|asphalt|tarmac|road(?!.*(grass|sand|gravel))", re.I)
_WOOD = re.compile(r"wood|plank|parquet|oak|pine|floor|table|bois|madera|laminate", re.I)


@dataclass(frozen=True)
class Furniture:
    """A catalogued model: where it is and how large it is in metres."""

    key: str
    name: str
    category: str
    width: float
    height: float
    depth: float
    surface: float
    """Height at which things stand on it, metres; 0: nothing does."""
    elevation: float


@dataclass
class Library:
    """Assets by what they are for; names are keys of `picture` and `model`."""

    root: Path
    furniture: list[Furniture] = field(default_factory=list)
    textures: dict[str, list[str]] = field(default_factory=dict)
    """Tileable pictures by stuff: "ground", "stone", "wood", "fabric", "asphalt"; "print" the rest."""
    cutouts: list[str] = field(default_factory=list)
    photos: list[str] = field(default_factory=list)
    trees: list[str] = field(default_factory=list)
    tracks: list[str] = field(default_factory=list)
    cars: list[str] = field(default_factory=list)
    buildings: list[str] = field(default_factory=list)
    found: dict[str, list[Furniture]] = field(default_factory=dict)
    """Furniture by the pattern that it was looked for with."""
    _zips: dict[str, ZipFile] = field(default_factory=dict)
    _models: dict[str, Mesh | None] = field(default_factory=dict)

    def read(self, name: str) -> bytes:
        """The bytes of a file; names in an archive are "archive!member".

        Raises:
            KeyError: there is no such file in the folder.
        """
        archive, _, member = name.partition("!")
        if member:
            if archive not in self._zips:
                self._zips[archive] = ZipFile(self.root / archive)
            return self._zips[archive].read(member)
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root.resolve()) or not path.is_file():
            raise KeyError(name)
        return path.read_bytes()

    def picture(self, name: str) -> Array:
        """Pixels H×W×4 uint8 of a texture, first row at the bottom, at most `MAX_TEXTURE` a side.

        Raises:
            KeyError, OSError, ValueError: missing, unreadable or too large.
        """
        from io import BytesIO

        with Image.open(BytesIO(self.read(name))) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                raise ValueError(f"{name}: more than {_MAX_PIXELS} pixels")
            opened.draft("RGB", (MAX_TEXTURE, MAX_TEXTURE))
            image = opened.convert("RGBA")
        scale = MAX_TEXTURE / max(image.size)
        if scale < 1:
            size = (max(int(image.width * scale), 1), max(int(image.height * scale), 1))
            image = image.resize(size, Image.Resampling.BOX)
        return np.asarray(image)[::-1].copy()

    def model(self, name: str) -> Mesh | None:
        """The mesh of a model file, None if it cannot be used; it is remembered."""
        if name not in self._models:
            try:
                text = self.read(name).decode("utf-8", "replace")
                if name.lower().endswith(".obj"):
                    made: Mesh | None = read_obj(
                        text, name, lambda n: self.read(n).decode("utf-8", "replace")
                    )
                else:
                    made = read_ac3d(text, name)
            except (KeyError, ValueError, IndexError, StopIteration):
                made = None
            self._models[name] = made
        return self._models[name]

    def furnished(self, item: Furniture) -> Mesh | None:
        """The mesh of a piece of furniture in its true size, standing on y = 0; None if it cannot be used."""
        key = f"{item.key}#fitted"
        if key not in self._models:
            raw = self.model(item.key)
            # Only the fitted mesh is used again.
            self._models.pop(item.key)
            usable = raw is not None and raw.triangles <= 30_000
            self._models[key] = (
                fitted(raw, item.width, item.height, item.depth) if usable and raw is not None else None
            )
        return self._models[key]


def open_library(root: Path) -> Library:
    """Search a folder for assets.

    Raises:
        InputError: it is no folder, or holds no furniture, textures or photographs at all.
    """
    if not root.is_dir():
        raise InputError(
            f"no folder of assets at {root}: unpack the packages of docs/rendered-scenes.md there"
        )
    library = Library(root, textures={stuff: [] for stuff in STUFF})
    for path in sorted(root.rglob("*.sh3f")):
        _add_furniture(library, path)
    for path in sorted(p for p in root.rglob("*") if p.suffix.lower() in (*_PICTURES, ".acc", ".ac")):
        _add_file(library, path.relative_to(root).as_posix())
    if not (library.furniture or any(library.textures.values()) or library.photos):
        raise InputError(f"{root} holds none of the packages of docs/rendered-scenes.md")
    return library


def _add_file(library: Library, name: str) -> None:
    lower = "/" + name.lower()
    base = lower.rsplit("/", 1)[-1]
    if lower.endswith(".acc"):
        if "/tracks/" in lower and lower.count("-trk") == 0 and base.split(".")[0] in lower.split("/")[-2]:
            library.tracks.append(name)
        elif "/cars/" in lower and re.fullmatch(r"(.+)\.acc", base) and lower.split("/")[-2] == base[:-4]:
            library.cars.append(name)
        return
    if lower.endswith(".ac"):
        if re.search(r"/models/(residential|commercial|buildings|industrial|agriculture)/", lower):
            library.buildings.append(name)
        return
    if _NOT_COLOR.search(lower.replace("normandy", "")):
        return
    if "/stamps/" in lower:
        if not re.search(
            r"cartoon|symbols|flags|roadsigns|/faces|clipart|mirror|flip", lower
        ) and lower.endswith(".png"):
            library.cutouts.append(name)
        return
    if re.search(r"/(wallpapers|backgrounds)/", lower):
        library.photos.append(name)
        return
    if re.search(r"/torcs/data/textures/tree\d|library/.*(tree|birch|pine|palm)", lower):
        library.trees.append(name)
        return
    if re.search(
        r"art/textures/terrain|games/supertuxkart/data/textures|textures/terrain/|/torcs/data/textures", lower
    ):
        for stuff, pattern in (
            ("asphalt", _ASPHALT),
            ("wood", _WOOD),
            ("ground", _GROUND),
            ("stone", _STONE),
        ):
            if pattern.search(base):
                library.textures[stuff].append(name)
                return


def _add_furniture(library: Library, path: Path) -> None:
    archive = path.relative_to(library.root).as_posix()
    try:
        with ZipFile(path) as opened:
            names = set(opened.namelist())
            text = opened.read("PluginFurnitureCatalog.properties").decode("latin-1")
    except (BadZipFile, KeyError, OSError) as error:
        raise InputError(f"{path} is no furniture library of Sweet Home 3D: {error}") from error
    entries: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        found = re.match(r"(\w+)#(\d+)\s*=\s*(.*)", line)
        if found:
            entries.setdefault(found[2], {})[found[1]] = found[3].strip()
    for entry in entries.values():
        model = entry.get("model", "").lstrip("/")
        if model not in names or not model.lower().endswith(".obj"):
            continue
        w, h, d = (float(entry.get(k, "0")) / 100 for k in ("width", "height", "depth"))
        if min(w, h, d) <= 0:
            continue
        library.furniture.append(
            Furniture(
                f"{archive}!{model}",
                entry.get("name", "").lower(),
                entry.get("category", "").lower(),
                w,
                h,
                d,
                float(entry.get("dropOnTopElevation", 0)) / 100,
                float(entry.get("elevation", 0)) / 100,
            )
        )
    for name in sorted(names):
        lower = name.lower()
        if lower.endswith((".jpg", ".jpeg")) or (lower.endswith(".png") and lower.count("/") > 1):
            base = lower.rsplit("/", 1)[-1]
            stuff = "wood" if _WOOD.search(base) else "fabric" if _FABRIC.search(base) else "print"
            if not _NOT_COLOR.search(lower):
                library.textures[stuff].append(f"{archive}!{name}")
