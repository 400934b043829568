"""manifest.json: what a bundle holds, and how an app has to feed it (DESIGN §4)."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..reference.config import LayeringConfig, PipelineConfig
from ..reference.errors import InputError

SCHEMA_VERSION = 1
FORMATS = ("onnx", "coreml", "tflite")
# "w8": int8 weights, float activations; "p6" and "p4": weights of a palette of 6 or 4 bits.
PRECISIONS = ("fp32", "fp16", "int8", "w8", "p6", "p4")
STAGES = ("program", "depth", "layering", "inpainting")
LARGEST_MANIFEST_BYTES = 16 << 20
# Folder in a bundle for the weights of networks that were given by path; `weights/depth/x.pt`, say.
WEIGHTS = "weights"


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a model file, as an app has to give or read it.

    Attributes:
        name: as in the file.
        shape: fixed.
        dtype: "float32", "uint8", "int8".
        layout: of the axes, e.g. "NCHW", "NHWC", "NLCHW", "NLHWC" (L: layers).
        kind: "tensor", or "image" for Core ML's image input (RGB, 0–255).
        range: of the values, e.g. (0.0, 1.0); (0.0, 255.0) for images.
        scale, zero_point: real = (q − zero_point)·scale; None for float.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    layout: str
    kind: str = "tensor"
    range: tuple[float, float] = (0.0, 1.0)
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True)
class ModelFile:
    """One exported file (for .mlpackage a folder) of the bundle.

    Attributes:
        path: inside the bundle, with forward slashes.
        stage: "program" for the whole, or "depth", "layering", "inpainting".
        size: "HEIGHTxWIDTH".
        format: one of `FORMATS`.
        precision: one of `PRECISIONS`.
        sha256: of the file, or of the folder (see `digest`).
        bytes: size on disk.
        inputs, outputs: in the file's own order.
        operations: how many operations of each kind are computed in which precision: kind, as the format
            calls it, → precision → count. Operations that compute on no floats are left out.
        not_int8: every operation that the quantisation recipe has in int8 and that is computed otherwise, as
            "NETWORK/TENSOR: KIND in PRECISION".
    """

    path: str
    stage: str
    size: str
    format: str
    precision: str
    sha256: str
    bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operations: dict[str, dict[str, int]] = field(default_factory=dict)
    not_int8: tuple[str, ...] = ()


@dataclass(frozen=True)
class Substitution:
    """An operation that an exporter replaced, and what that changed.

    Attributes:
        format, precision, size: of the file it happened in.
        operation: what the program has.
        replacement: what the file has instead.
        reason: why.
        max_abs_error: measured on the golden photo, over all outputs of the file the replacement is in.
    """

    format: str
    precision: str
    size: str
    operation: str
    replacement: str
    reason: str
    max_abs_error: float


@dataclass(frozen=True)
class Kept:
    """Layers that the quantisation recipe leaves float, or int8 in their weight alone, for one reason.

    Attributes:
        reason: in words.
        weight_only: whether their weight is int8.
        layers: "NETWORK/LAYER".
    """

    reason: str
    weight_only: bool
    layers: tuple[str, ...]


@dataclass(frozen=True)
class GoldenFile:
    """One file of golden/, with its checksum."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """The whole of manifest.json.

    Attributes:
        pipeline: name and settings of the reference the files were made from; a network whose weights were
            given by path is named by where they are in the bundle (see `pipeline_at`).
        weights: sha256 of the reference's weights by network ("depth", "inpaint").
        files: every model file.
        golden: every file of golden/.
        sizes: the program's sizes, "HEIGHTxWIDTH".
        preprocessing: in words and numbers, what an app does before the model.
        recipe_hash: of the quantisation recipe (recipe.json), None without int8 and w8.
        kept: which layers of the networks the recipe does not make int8, and why; those of one reason
            together.
        substitutions: see `Substitution`.
        versions: of every tool that made the bundle.
    """

    pipeline: PipelineConfig
    weights: dict[str, str]
    files: tuple[ModelFile, ...]
    golden: tuple[GoldenFile, ...]
    sizes: tuple[str, ...]
    preprocessing: dict[str, Any]
    recipe_hash: str | None = None
    kept: tuple[Kept, ...] = ()
    substitutions: tuple[Substitution, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def pipeline_at(self, folder: Path) -> PipelineConfig:
        """Return the pipeline to build: the weights that the bundle at `folder` holds, by their path there.

        Raises:
            InputError: they leave the folder by a link.
        """
        places = {}
        for stage in ("depth", "inpaint"):
            name = getattr(self.pipeline, stage)
            if not _in_bundle(name):
                continue
            place = folder / name
            if any(
                not p.resolve().is_relative_to(folder.resolve())
                for p in (place, *(place.iterdir() if place.is_dir() else ()))
            ):
                raise InputError(f"{place} is a link that leaves the bundle's folder: not opened")
            places[stage] = str(place)
        return replace(self.pipeline, **places)  # type: ignore[arg-type]

    def to_json(self) -> str:
        """Return the text of manifest.json."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> "Manifest":
        """Parse manifest.json.

        Args:
            text: its content.
            source: its path, for messages.

        Raises:
            InputError: not JSON, of a newer schema, a field missing or of the wrong kind, or a path that
                leaves the bundle's folder.
        """
        try:
            raw = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"{source} is not JSON: {error}") from error
        version = raw.get("schema_version") if isinstance(raw, dict) else None
        if not isinstance(version, int):
            raise InputError(f"{source} is not a bundle manifest: it has no schema_version")
        if version > SCHEMA_VERSION:
            raise InputError(
                f"{source} has schema_version {version}, this ldikit reads up to {SCHEMA_VERSION}: "
                "upgrade ldikit"
            )
        try:
            manifest = cls(
                pipeline=_pipeline(raw["pipeline"]),
                weights={str(k): str(v) for k, v in raw["weights"].items()},
                files=tuple(_model_file(f) for f in raw["files"]),
                golden=tuple(
                    GoldenFile(str(g["path"]), str(g["sha256"]), int(g["bytes"])) for g in raw["golden"]
                ),
                sizes=tuple(str(s) for s in raw["sizes"]),
                preprocessing=dict(raw["preprocessing"]),
                recipe_hash=raw.get("recipe_hash"),
                kept=tuple(
                    Kept(str(k["reason"]), bool(k["weight_only"]), tuple(str(n) for n in k["layers"]))
                    for k in raw.get("kept", ())
                ),
                substitutions=tuple(Substitution(**s) for s in raw.get("substitutions", ())),
                versions={str(k): str(v) for k, v in raw.get("versions", {}).items()},
                schema_version=version,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{source} does not follow schema {version}: {error!r}") from error
        own = [n for n in (manifest.pipeline.depth, manifest.pipeline.inpaint) if _in_bundle(n)]
        for path in (*(f.path for f in manifest.files), *(g.path for g in manifest.golden), *own):
            check_inside(path, source)
        return manifest


def _in_bundle(network: str) -> bool:
    return network.startswith(f"{WEIGHTS}/")


def check_inside(path: str, source: str) -> None:
    """Refuse a path that is absolute or climbs out of the bundle's folder.

    Raises:
        InputError: names the path.
    """
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or "\\" in path or ":" in path:
        raise InputError(f"{source} names the path {path!r}, which leaves the bundle's folder: not opened")


def digest(path: Path) -> tuple[str, int]:
    """Return sha256 and bytes of a file; of a folder, over the sorted relative names and contents."""
    total = hashlib.sha256()
    size = 0
    if path.is_dir():
        for child in sorted(p for p in path.rglob("*") if p.is_file()):
            inner, bytes_ = digest(child)
            total.update(f"{child.relative_to(path).as_posix()}\0{inner}\n".encode())
            size += bytes_
        return total.hexdigest(), size
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
            size += len(block)
    return total.hexdigest(), size


def _pipeline(raw: dict[str, Any]) -> PipelineConfig:
    return PipelineConfig(**{**raw, "layering": LayeringConfig(**raw["layering"])})


def _tensor(raw: dict[str, Any]) -> TensorSpec:
    low, high = raw["range"]
    return TensorSpec(
        **{**raw, "shape": tuple(int(n) for n in raw["shape"]), "range": (float(low), float(high))}
    )


def _model_file(raw: dict[str, Any]) -> ModelFile:
    tensors = {name: tuple(_tensor(t) for t in raw[name]) for name in ("inputs", "outputs")}
    operations = {
        str(kind): {str(precision): int(count) for precision, count in counts.items()}
        for kind, counts in raw.get("operations", {}).items()
    }
    listed = tuple(str(line) for line in raw.get("not_int8", ()))
    file = ModelFile(**{**raw, **tensors, "operations": operations, "not_int8": listed})
    for value, known, what in (
        (file.format, FORMATS, "format"),
        (file.precision, PRECISIONS, "precision"),
        (file.stage, STAGES, "stage"),
    ):
        if value not in known:
            raise ValueError(f"unknown {what} {value!r}")
    return file
