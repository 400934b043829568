"""What a bundle holds beside its models that a report tells of: recipe, coverage, search, audit."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...reference.errors import InputError
from ..manifest import Kept, Manifest
from ..recipe import kept_by, read_recipe

COVERAGE = "coverage.json"
SEARCH = "search.json"
AUDIT = "audit.json"
LARGEST_BYTES = 16 << 20
# Photos and tensors that are named; the files hold all.
NAMED = 12
# Tensors of the audit that are named.
AUDITED = 5


@dataclass(frozen=True)
class Calibration:
    """What the recipe came from.

    Attributes:
        source: in words.
        observer: that found the ranges.
        samples: names of the first photos.
        count: of all photos.
        skipped: (name, reason).
        constant: tensors that never changed.
        repairs: what was done to the weights.
        layers: by network: how many layers compute in int8, hold int8 weights alone, stay float.
        kept: which are not int8 and why, those of one reason together.
    """

    source: str
    observer: str
    samples: tuple[str, ...]
    count: int
    skipped: tuple[tuple[str, str], ...]
    constant: tuple[str, ...]
    repairs: tuple[str, ...]
    layers: dict[str, tuple[int, int, int]]
    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True)
class Outside:
    """A tensor of which photos outside calibration have values outside its range (shares 0 to 1)."""

    tensor: str
    low: float
    high: float
    outside: float
    worst_photo: str
    worst: float


@dataclass(frozen=True)
class Point:
    """A mixture of precisions that the search tried; on the front where no other beats it."""

    label: str
    bytes: float
    cost: float
    psnr: float | None
    gap_iou: float | None
    passed: bool
    chosen: bool


@dataclass(frozen=True)
class Audited:
    """A tensor of the fp16 audit: its largest magnitude, None where it is not finite, and on which photo;
    `subnormal` is the share of its values that half precision holds with fewer bits, 0 to 1."""

    name: str
    peak: float | None
    photo: str
    subnormal: float


@dataclass(frozen=True)
class Audit:
    """Of half precision.

    Attributes:
        photos: how many were run.
        tensors: how many were looked at.
        largest_half: that half precision holds.
        headroom: how many times the largest value has to fit.
        single: modules that stay in single precision.
        highest: the tensors with the largest magnitudes.
        faintest: those with most subnormal values; none without any.
    """

    photos: int
    tensors: int
    largest_half: float
    headroom: float
    single: tuple[str, ...]
    highest: tuple[Audited, ...]
    faintest: tuple[Audited, ...]


@dataclass(frozen=True)
class Beside:
    """All that was found; None or empty where the bundle has no such file.

    Attributes:
        calibration: from recipe.json.
        coverage: (photos, tensors, tensors with values outside), and the worst tensors.
        search: every point that was tried.
        audit: of fp16.
    """

    calibration: Calibration | None = None
    coverage: tuple[int, int, int] | None = None
    outside: tuple[Outside, ...] = ()
    search: tuple[Point, ...] = ()
    audit: Audit | None = None


def read_beside(folder: Path, manifest: Manifest) -> Beside:
    """Read what lies in a bundle's folder.

    Raises:
        InputError: a file that is there is damaged, or the recipe is not that of the manifest.
    """
    calibration = None
    if manifest.recipe_hash is not None:
        calibration = _calibration(folder, manifest)
    counts, outside = _read(folder / COVERAGE, _coverage) or (None, ())
    search = _read(folder / SEARCH, _search) or ()
    return Beside(calibration, counts, outside, search, _read(folder / AUDIT, _audit))


def _calibration(folder: Path, manifest: Manifest) -> Calibration:
    recipe = read_recipe(folder, manifest)
    data = recipe.data
    layers = {
        name: (
            len(network.weights) - len(network.weight_only_layers),
            len(network.weight_only_layers),
            len(network.float_layers),
        )
        for name, network in recipe.networks.items()
    }
    samples = [str(s.get("name", "?")) for s in data.get("samples", ()) if isinstance(s, Mapping)]
    skipped = [
        (str(s.get("name", "?")), str(s.get("reason", "")))
        for s in data.get("skipped", ())
        if isinstance(s, Mapping)
    ]
    return Calibration(
        source=str(data.get("source", "not said")),
        observer=str(data.get("observer", "not said")),
        samples=tuple(samples[:NAMED]),
        count=len(samples),
        skipped=tuple(skipped[:NAMED]),
        constant=tuple(str(name) for name in data.get("constant_tensors", ())),
        repairs=recipe.repairs,
        layers=layers,
        kept=kept_by(recipe),
    )


def _read(path: Path, parse: Any) -> Any:
    """Return what `parse` makes of a JSON file; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(f"{path} is larger than {LARGEST_BYTES >> 20} MiB: not read")
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _coverage(raw: Any) -> tuple[tuple[int, int, int], tuple[Outside, ...]]:
    worst = tuple(
        Outside(
            str(entry["tensor"]),
            float(entry["low"]),
            float(entry["high"]),
            float(entry["outside"]),
            str(entry["photos"][0]["photo"]),
            float(entry["photos"][0]["below"]) + float(entry["photos"][0]["above"]),
        )
        for entry in raw["worst"][:NAMED]
        if entry["photos"]
    )
    return (int(raw["photos"]), int(raw["tensors"]), int(raw["tensors_outside"])), worst


def _search(raw: Any) -> tuple[Point, ...]:
    chosen = raw.get("chosen")
    whole = max(int(entry["photos"]) for entry in raw["points"])
    return tuple(
        Point(
            str(entry["label"]),
            float(entry["bytes"]),
            float(entry["cost"]),
            # The worst of some of the photos is not to be set against the worst of all.
            _finite(entry["view_psnr"]) if entry["photos"] == whole else None,
            _finite(entry["gap_iou"]),
            bool(entry["passed"]),
            entry["label"] == chosen,
        )
        for entry in raw["points"]
    )


def _audit(raw: Any) -> Audit:
    tensors = [
        Audited(str(entry["name"]), _finite(entry["peak"]), str(entry["photo"]), float(entry["subnormal"]))
        for entry in raw["tensors"]
    ]
    highest = sorted(tensors, key=lambda t: -math.inf if t.peak is None else -t.peak)
    faintest = sorted((t for t in tensors if t.subnormal > 0), key=lambda t: -t.subnormal)
    return Audit(
        len(raw["photos"]),
        len(tensors),
        float(raw["largest_half"]),
        float(raw["headroom"]),
        tuple(str(name) for name in raw["single"]),
        tuple(highest[:AUDITED]),
        tuple(faintest[:AUDITED]),
    )


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(float(value)) else None
