"""Opening a bundle: its manifest is read and checked first, and every file is checked before it is used."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from ..reference.errors import InputError
from ..reference.ldi import OUTPUT_NAMES
from ..reference.sizes import parse_size
from .backends.canonical import CANONICAL
from .backends.loader import backend_for, open_runner
from .backends.protocol import Runner
from .ldi_runner import LdiRunner
from .manifest import (
    FORMATS,
    LARGEST_MANIFEST_BYTES,
    PRECISIONS,
    STAGES,
    GoldenFile,
    Manifest,
    ModelFile,
    TensorSpec,
    digest,
)
from .recipe import RECIPE_PRECISIONS, read_recipe

if TYPE_CHECKING:
    from ..reference.quantized.recipe import Recipe

MANIFEST = "manifest.json"
GOLDEN_PHOTO_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Bundle:
    """A folder of exported files with its manifest (DESIGN §4). Made by `open_bundle`.

    Attributes:
        folder: where it lies.
        manifest: what it declares.
    """

    folder: Path
    manifest: Manifest
    _checked: set[str] = field(default_factory=set, repr=False, compare=False)

    def path(self, entry: ModelFile | GoldenFile) -> Path:
        """Return where a declared file lies, after checking its place and its sha256 (once).

        Raises:
            InputError: it is missing, leaves the bundle's folder (by a link), or has another content.
        """
        path = self.folder / entry.path
        if entry.path in self._checked:
            return path
        if not path.exists():
            raise InputError(f"{self.folder} lacks the file {entry.path!r} of its manifest: build it again")
        root = self.folder.resolve()
        inner = path.rglob("*") if path.is_dir() else ()
        for place in (path, *inner):
            if not place.resolve().is_relative_to(root):
                raise InputError(f"{place} is a link that leaves the bundle's folder: not opened")
        try:
            found, _ = digest(path)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        if found != entry.sha256:
            raise InputError(
                f"{path} is not the file of its manifest: sha256 {found[:12]}…, declared "
                f"{entry.sha256[:12]}…: build the bundle again"
            )
        self._checked.add(entry.path)
        return path

    def recipe(self) -> "Recipe":
        """Return the quantisation recipe, checked against the manifest's hash.

        Raises:
            InputError: see `read_recipe`.
        """
        return read_recipe(self.folder, self.manifest)

    def files(
        self,
        stage: str = "program",
        formats: Iterable[str] | None = None,
        precisions: Iterable[str] | None = None,
        size: str | None = None,
    ) -> tuple[ModelFile, ...]:
        """Return the declared files of a stage, in the manifest's order; None means all.

        Raises:
            InputError: an unknown stage, format or precision.
        """
        formats = tuple(FORMATS if formats is None else formats)
        precisions = tuple(PRECISIONS if precisions is None else precisions)
        for values, known, what in (
            ((stage,), STAGES, "stage"),
            (formats, FORMATS, "format"),
            (precisions, PRECISIONS, "precision"),
        ):
            check_known(values, known, what)
        return tuple(
            f
            for f in self.manifest.files
            if f.stage == stage
            and f.format in formats
            and f.precision in precisions
            and size in (None, f.size)
        )

    def open(self, entry: ModelFile, backend: str | None = None, threads: int = 1) -> Runner:
        """Load one file of the bundle, checked, with a backend (None: the format's own).

        Raises:
            InputError: see `path` and `open_runner`.
            MissingExtraError, BackendUnavailableError: the backend is not here.
        """
        backend = backend_for(entry.format, backend)
        path = self.folder / MANIFEST if entry.format == "torch" else self.path(entry)
        return open_runner(path, entry, backend, threads)

    def runner(
        self,
        format: str,
        precision: str = "fp32",
        size: str | None = None,
        backend: str | None = None,
        threads: int = 1,
    ) -> LdiRunner:
        """Return a callable: photo (H, W, 3) uint8 RGB → LDI at the program's size.

        Args:
            format: "onnx", "coreml", "tflite", or "torch" for the reference of the manifest.
            precision: of a file; with "torch", "fp32" is the float reference, "int8" and "w8" the quantised
                program that every such file has to equal.
            size: "HEIGHTxWIDTH" fixes the program; None takes the one that suits each photo.
            backend: see `backend_for`.
            threads: how many the backend may use.

        Raises:
            InputError: an unknown name, or the bundle has no such file.
        """
        backend = backend_for(format, backend)
        check_known((precision,), PRECISIONS, "precision")
        wanted = None if size is None else str(parse_size(size))
        if format == "torch":
            if precision not in ("fp32", *RECIPE_PRECISIONS):
                raise InputError(f"the torch reference runs in fp32, int8 or w8, not {precision}")
            entries = [self.reference_entry(s, precision) for s in self.manifest.sizes if wanted in (None, s)]
        else:
            entries = list(self.files("program", (format,), (precision,), wanted))
        if not entries:
            held = sorted({f"{f.format} {f.precision} {f.size}" for f in self.files()})
            asked = f"{format} {precision}" + (f" {wanted}" if wanted else "")
            raise InputError(f"{self.folder} has no program in {asked}; it has {', '.join(held) or 'none'}")
        return LdiRunner(self, tuple(entries), backend, threads)

    def reference_entry(self, size: str, precision: str = "fp32") -> ModelFile:
        """Return an entry by which `open` runs the reference itself, in torch, at one size.

        Args:
            size: "HEIGHTxWIDTH".
            precision: "fp32" for the float reference, "int8" or "w8" for the quantised program.
        """
        shape = parse_size(size)
        frame, layers = (shape.height, shape.width), self.manifest.pipeline.layers
        channels = dict(zip(OUTPUT_NAMES, (3, 1, 1), strict=True))
        outputs = tuple(
            TensorSpec(name, (1, layers, depth, *frame), "float32", "NLCHW")
            for name, depth in channels.items()
        )
        photo = TensorSpec("photo", (1, 3, *frame), "float32", "NCHW")
        return ModelFile(MANIFEST, "program", size, "torch", precision, "", 0, (photo,), outputs)

    def golden_photos(self) -> tuple[Path, ...]:
        """Return the bundle's own photos, one a size, checked; empty if it has none."""
        found = (PurePosixPath(entry.path) for entry in self.manifest.golden)
        return tuple(
            self.path(entry)
            for entry, path in zip(self.manifest.golden, found, strict=True)
            if path.stem == "photo" and path.suffix.lower() in GOLDEN_PHOTO_SUFFIXES
        )


def check_known(values: Iterable[str], known: Iterable[str], what: str) -> None:
    """Refuse a name that is not known.

    Raises:
        InputError: names it and those there are.
    """
    for value in values:
        if value not in known:
            raise InputError(f"unknown {what} {value!r}; known: {', '.join(known)}")


def open_bundle(path: Path | str) -> Bundle:
    """Open a bundle's folder and check its manifest; files are checked when they are first used.

    Raises:
        InputError: not a folder, no manifest.json, or one that is truncated, too large, of a newer schema,
            or that declares paths outside of the folder or tensors that no program has.
    """
    folder = Path(path)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {what}: give the folder of a bundle (made by `ldikit build`)")
    file = folder / MANIFEST
    if not file.is_file():
        raise InputError(f"{folder} is no bundle: it has no {MANIFEST}")
    if not file.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{file} is a link that leaves the bundle's folder: not opened")
    try:
        if file.stat().st_size > LARGEST_MANIFEST_BYTES:
            raise InputError(f"{file} is larger than {LARGEST_MANIFEST_BYTES >> 20} MiB: no manifest")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {file}: {error}") from error
    manifest = Manifest.from_json(text, str(file))
    for size in {*manifest.sizes, *(f.size for f in manifest.files)}:
        parse_size(size)
    for entry in manifest.files:
        for spec in (*entry.inputs, *entry.outputs):
            _check_tensor(spec, f"{file}: {entry.path}")
        if entry.stage == "program" and {spec.name for spec in entry.outputs} != set(OUTPUT_NAMES):
            names = [spec.name for spec in entry.outputs]
            raise InputError(f"{file}: {entry.path} declares the outputs {names}, not {list(OUTPUT_NAMES)}")
    return Bundle(folder, manifest)


def _check_tensor(spec: TensorSpec, source: str) -> None:
    """Refuse a layout that is no order of the canonical axes, or an unknown element type."""
    axes = CANONICAL.get(len(spec.shape), "")
    if not axes or sorted(spec.layout) != sorted(axes):
        raise InputError(f"{source}: {spec.name!r} has the layout {spec.layout!r} for shape {spec.shape}")
    try:
        np.dtype(spec.dtype)
    except TypeError as error:
        raise InputError(f"{source}: {spec.name!r} has the unknown type {spec.dtype!r}") from error
