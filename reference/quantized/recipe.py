"""recipe.json: every scale and zero point of a quantised pipeline, with what gave them (DESIGN §5)."""

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import atomic_file

SCHEMA_VERSION = 1
STAGES = ("depth", "inpaint")
INT8_MIN, INT8_MAX = -128, 127
LARGEST_RECIPE_BYTES = 16 << 20


@dataclass(frozen=True)
class ActivationScale:
    """How one tensor is rounded to int8: real = (q − zero_point)·scale.

    Attributes:
        scale, zero_point: per tensor, asymmetric; the scale a float32 number, as every format stores it.
        low, high: the range that they came from, rounded to float32 numbers: a recipe is the same, and has
            the same hash, when it is read again.
        observer: what found the range.
    """

    scale: float
    zero_point: int
    low: float
    high: float
    observer: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", _single(self.low))
        object.__setattr__(self, "high", _single(self.high))


@dataclass(frozen=True)
class NetworkRecipe:
    """What of one network is int8, and how.

    Attributes:
        activations: by tensor; empty where activations stay float.
        weights: by layer: one scale per output channel, symmetric (see `lowest_weight`).
        float_layers: layers that stay float, with the reason.
        weight_only_layers: layers of which the weight alone is int8, with the reason.
    """

    activations: dict[str, ActivationScale] = field(default_factory=dict)
    weights: dict[str, tuple[float, ...]] = field(default_factory=dict)
    float_layers: dict[str, str] = field(default_factory=dict)
    weight_only_layers: dict[str, str] = field(default_factory=dict)

    def lowest_weight(self, layer: str) -> int:
        """Return the lowest int8 value that a layer's weight may take.

        −127 where arithmetic is int8: kernels for ARM add two products in 16 bits, which twice −128 · −128
        exceeds (the int8 specification of TFLite asks for it too). A weight that is widened first may have
        −128, as published ones do.
        """
        return INT8_MIN if layer in self.weight_only_layers else -INT8_MAX


@dataclass(frozen=True)
class Recipe:
    """The whole of recipe.json.

    Attributes:
        pipeline: name of the pipeline it is for.
        weights: sha256 of the float networks it was made from, by network ("depth", "inpaint").
        networks: by network.
        data: what calibration ran on (see `calibration`), for people and for keeping apart what verifies.
        repairs: what was done to the weights before they were rounded, in order; where there is any, the
            weights themselves lie beside the recipe (`quantized/weights_file.py`).
    """

    pipeline: str
    weights: dict[str, str]
    networks: dict[str, NetworkRecipe]
    data: dict[str, Any] = field(default_factory=dict)
    repairs: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """Return the text of recipe.json: float32 numbers with the nine digits that tell them apart."""
        return json.dumps(_short(asdict(self)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @property
    def hash(self) -> str:
        """sha256 of the recipe's content, whatever file it was read from."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def network(self, stage: str) -> NetworkRecipe:
        """Return the part of one network.

        Raises:
            InputError: the recipe has none.
        """
        if stage not in self.networks:
            known = ", ".join(self.networks) or "none"
            raise InputError(f"the recipe of {self.pipeline} has no {stage} network (it has: {known})")
        return self.networks[stage]

    def weights_only(self) -> "Recipe":
        """Return the recipe of the same weights whose activations all stay float: `w8`."""
        reason = "w8: activations stay float"
        networks = {
            stage: replace(network, activations={}, weight_only_layers=dict.fromkeys(network.weights, reason))
            for stage, network in self.networks.items()
        }
        return replace(self, networks=networks)

    def write(self, path: Path, overwrite: bool = False) -> None:
        """Write recipe.json, whole or not at all.

        Raises:
            InputError: it exists without `overwrite`, or cannot be written.
        """
        with atomic_file(path, overwrite) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Recipe":
        """Read a recipe.json.

        Raises:
            InputError: it cannot be read, is not a recipe, or holds a scale that cannot be one.
        """
        try:
            if path.stat().st_size > LARGEST_RECIPE_BYTES:
                raise InputError(f"{path} is larger than any recipe ({LARGEST_RECIPE_BYTES >> 20} MiB)")
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot read the recipe {path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not a recipe: it is not text") from error
        return cls.from_json(text, str(path))

    @classmethod
    def from_json(cls, text: str, source: str = "recipe.json") -> "Recipe":
        """Parse recipe.json; see `read`."""
        try:
            raw = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"{source} is not JSON: {error}") from error
        if not isinstance(raw, dict) or "networks" not in raw:
            raise InputError(f"{source} is not a quantisation recipe: it names no networks")
        if raw.get("schema_version") != SCHEMA_VERSION:
            raise InputError(
                f"{source}: schema_version must be {SCHEMA_VERSION}, got {raw.get('schema_version')!r}"
            )
        try:
            return cls(
                pipeline=str(raw["pipeline"]),
                weights={str(k): str(v) for k, v in raw["weights"].items()},
                networks={str(k): _network(v, f"{source}: {k}") for k, v in raw["networks"].items()},
                data=dict(raw.get("data", {})),
                repairs=tuple(str(r) for r in raw.get("repairs", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError(f"{source} does not follow schema {SCHEMA_VERSION}: {error!r}") from error


def _short(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _short(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def _single(value: Any) -> float:
    """Return the float32 number that a text of nine digits stands for."""
    return struct.unpack("f", struct.pack("f", float(value)))[0]  # type: ignore[no-any-return]


def _network(raw: Mapping[str, Any], where: str) -> NetworkRecipe:
    activations = {
        str(name): _activation(entry, f"{where}: tensor {name!r}")
        for name, entry in raw["activations"].items()
    }
    weights = {
        str(layer): tuple(_scale(s, f"{where}: layer {layer!r}") for s in scales)
        for layer, scales in raw["weights"].items()
    }
    kept = (
        {str(layer): str(reason) for layer, reason in raw[name].items()}
        for name in ("float_layers", "weight_only_layers")
    )
    return NetworkRecipe(activations, weights, *kept)


def _activation(raw: Mapping[str, Any], where: str) -> ActivationScale:
    zero_point = raw["zero_point"]
    if not isinstance(zero_point, int) or not INT8_MIN <= zero_point <= INT8_MAX:
        raise InputError(
            f"{where}: zero_point must be a whole number {INT8_MIN} to {INT8_MAX}, got {zero_point!r}"
        )
    return ActivationScale(
        _scale(raw["scale"], where),
        zero_point,
        float(raw["low"]),
        float(raw["high"]),
        str(raw["observer"]),
    )


def _scale(value: Any, where: str) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise InputError(f"{where}: a scale must be a number above 0, got {value!r}")
    return _single(value)
