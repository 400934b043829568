"""Depth networks in the layout of the library transformers: `hf:NAME`, or a folder of config and weights."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..errors import InputError, MissingExtraError
from ..models.locate import locate
from ..weights.checkpoint import LARGEST_BYTES
from .pixels import MEAN, STD, ImageNetNormalisation, resized
from .protocol import depth_networks

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "depth-anything-v2-small"
HUB_PREFIX = "hf:"
CONFIG, WEIGHTS, PREPROCESSING = "config.json", "model.safetensors", "preprocessor_config.json"

# Far above any network of this kind, and quick to build without weights.
MOST_LAYERS = 64
_LARGEST_JSON = 1 << 20

# What the masked training of the backbone needed; no part of its map.
_UNUSED = ("mask_token",)


class FixedEmbeddings(nn.Module):
    """The embeddings of a DINOv2 backbone for one size.

    The position encoding is resized once, when it is made: its input never changes, and bicubic resizing has
    no counterpart in the export formats.

    Args:
        embeddings: transformers' own.
        height, width: of the pixels, multiples of the patch.
    """

    def __init__(self, embeddings: Any, height: int, width: int) -> None:
        super().__init__()
        self.projection = embeddings.patch_embeddings.projection
        step_y, step_x = self.projection.stride
        patches = (height // step_y) * (width // step_x)
        token = embeddings.cls_token
        with torch.no_grad():
            like = torch.empty(1, patches + 1, token.shape[-1])
            positions = embeddings.interpolate_pos_encoding(like, height, width)
        self.first = nn.Parameter(token.detach() + positions[:, :1])
        self.positions = nn.Parameter(positions[:, 1:].clone())

    def forward(self, pixel_values: torch.Tensor, bool_masked_pos: None = None) -> torch.Tensor:
        """(N, 3, H, W) → (N, 1 + patches, C); nothing is masked."""
        patches = self.projection(pixel_values).flatten(2).transpose(1, 2) + self.positions
        return torch.cat([self.first.expand(patches.shape[0], -1, -1), patches], dim=1)


class TransformersDepth(nn.Module):
    """A depth network of transformers on photos of one size: resizing and normalisation are inside.

    Args:
        model: gives `predicted_depth`; a relative one is disparity, a metric one metres.
        height, width: the program's size.
        normalisation: of its pixels.
    """

    normalised = False

    def __init__(
        self, model: "PreTrainedModel", height: int, width: int, normalisation: ImageNetNormalisation
    ) -> None:
        super().__init__()
        self.size = (height, width)
        self.working_size = working_size(height, width, model.config.patch_size)
        self.metric = model.config.depth_estimation_type == "metric"
        self.normalisation = normalisation
        backbone: Any = model.backbone
        backbone.embeddings = FixedEmbeddings(backbone.embeddings, *self.working_size)
        self.model = model

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """Map photos (N, 3, H, W) RGB in [0, 1] to disparity (N, 1, H, W) ≥ 0, larger is nearer."""
        pixels = resized(self.normalisation(photo), self.working_size)
        depth = self.model(pixels, return_dict=True).predicted_depth.unsqueeze(1)
        if self.metric:
            # Nothing in a photo is nearer than 10 cm.
            depth = 1.0 / depth.clamp(min=0.1)
        return resized(depth, self.size)


def working_size(height: int, width: int, patch: int) -> tuple[int, int]:
    """Return the multiples of the patch that are nearest to a program's size, at least one patch each."""
    return max(1, round(height / patch)) * patch, max(1, round(width / patch)) * patch


def transformers_source(name: str) -> str | None:
    """Return a name that `load_transformers` takes, `hf:NAME` or a folder with a config; None for others."""
    if name.startswith(HUB_PREFIX):
        return name
    return name if (Path(name) / CONFIG).is_file() else None


def load_transformers(source: str, height: int, width: int) -> nn.Module:
    """Return a depth network of transformers for one program size, in evaluation mode.

    Only safetensors are read, and no code that comes with a network is run. With `HF_HUB_OFFLINE=1` the hub
    is not asked: the network must be in its cache.

    Args:
        source: `hf:NAME` on the hub, or a folder that holds config.json and model.safetensors.
        height, width: of the program.

    Raises:
        MissingExtraError: transformers is not installed.
        InputError: nothing there, no network of a known kind, too large, or weights that do not fit it.
    """
    place = source.removeprefix(HUB_PREFIX)
    if not source.startswith(HUB_PREFIX):
        _check_folder(Path(source))
    try:
        with _quiet():
            return _load(source, place, height, width)
    except ModuleNotFoundError as error:
        raise MissingExtraError("transformers", "transformers", f"the depth network {source}") from error


def _load(source: str, place: str, height: int, width: int) -> nn.Module:
    from transformers import AutoConfig, AutoModelForDepthEstimation

    try:
        _check_config(source, place)
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
        # With "eager", transformers makes a mask that hides nothing, of operations that Core ML lacks.
        config.backbone_config._attn_implementation = "sdpa"
        with torch.device("meta"):
            skeleton = AutoModelForDepthEstimation.from_config(config)
        _check_size(source, sum(p.numel() * p.element_size() for p in skeleton.parameters()))
        model, info = AutoModelForDepthEstimation.from_pretrained(
            place,
            config=config,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            # They are refused below, all of them, instead of the first by a table of many lines.
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
        normalisation = _normalisation(place)
    except InputError:
        raise
    except Exception as error:  # Whatever a broken config or an unreachable hub makes transformers raise.
        raise InputError(f"cannot read the depth network {source}: {_one_line(error)}") from error
    _check_keys(source, info)
    return TransformersDepth(model.eval(), height, width, normalisation).eval().requires_grad_(False)


@depth_networks.register(NAME)
def depth_anything_v2_small(height: int, width: int) -> nn.Module:
    """Return Depth Anything V2 small (Yang et al., NeurIPS 2024), from where it is kept on this machine."""
    return load_transformers(str(locate(NAME)), height, width)


def _check_folder(folder: Path) -> None:
    """Refuse a folder without the two files, or with too large ones."""
    for name, most in ((CONFIG, _LARGEST_JSON), (WEIGHTS, LARGEST_BYTES)):
        file = folder / name
        if not file.is_file():
            raise InputError(f"no {name} in {folder}: a transformers folder holds {CONFIG} and {WEIGHTS}")
        if file.stat().st_size > most:
            raise InputError(f"{file} has {file.stat().st_size} bytes; at most {most} are read")


def _check_config(source: str, place: str) -> None:
    """Refuse what is no Depth Anything on DINOv2: for others, what comes out is not known here.

    Read as plain JSON: a config of transformers already makes a list of as many names as it has layers.
    """
    config = _read_json(place, CONFIG, needed=True)
    backbone = config.get("backbone_config")
    kinds = (config.get("model_type"), backbone.get("model_type") if isinstance(backbone, dict) else None)
    if kinds != ("depth_anything", "dinov2"):
        raise InputError(
            f"{source} is of kind {kinds[0]!r} with backbone {kinds[1]!r}: only depth_anything with "
            "a dinov2 backbone (Depth Anything V1 and V2) can be used"
        )
    assert isinstance(backbone, dict)
    layers = backbone.get("num_hidden_layers", 0)
    if not isinstance(layers, int) or layers > MOST_LAYERS:
        raise InputError(f"{source} has {layers!r} layers; at most {MOST_LAYERS} are built")


def _read_json(place: str, name: str, needed: bool) -> dict[str, Any]:
    """Read a small file of a network; nothing where there is none and none is needed."""
    from transformers.utils import cached_file

    found = cached_file(place, name, _raise_exceptions_for_missing_entries=needed)
    if found is None:
        return {}
    if Path(found).stat().st_size > _LARGEST_JSON:
        raise InputError(f"{found} is larger than {_LARGEST_JSON} bytes")
    read = json.loads(Path(found).read_text(encoding="utf-8"))
    if not isinstance(read, dict):
        raise InputError(f"{found} is no JSON object")
    return read


def _check_keys(source: str, info: Mapping[str, Any]) -> None:
    """Refuse weights of another network, by what transformers says of every key that does not fit."""
    shapes = (
        f"{key} is {tuple(given)}, not {tuple(wanted)}"
        for key, given, wanted in sorted(info["mismatched_keys"])
    )
    groups = {
        "missing": sorted(key for key in info["missing_keys"] if not key.endswith(_UNUSED)),
        "unexpected": sorted(info["unexpected_keys"]),
        "of another shape": list(shapes),
    }
    problems = [f"{name}: {', '.join(keys)}" for name, keys in groups.items() if keys]
    if problems:
        raise InputError(f"{source} holds weights of another network; {'; '.join(problems)}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers, and torchao that it imports, from warnings and tables: what is wrong is raised.

    Its progress bars, those of a download among them, stay on a terminal alone.
    """
    disabled = logging.root.manager.disable
    logging.disable(max(disabled, logging.WARNING))
    try:
        from transformers.utils import logging as theirs

        bars = theirs.is_progress_bar_enabled()
        if not sys.stderr.isatty():
            theirs.disable_progress_bar()
        try:
            yield
        finally:
            if bars:
                theirs.enable_progress_bar()
    finally:
        logging.disable(disabled)


def _check_size(source: str, size: int) -> None:
    """Refuse a network that is too large before its weights are made."""
    if size > LARGEST_BYTES:
        raise InputError(f"{source} would have {size} bytes of weights; at most {LARGEST_BYTES} are read")


def _normalisation(place: str) -> ImageNetNormalisation:
    """Return the network's own normalisation of pixels, or ImageNet's where it states none."""
    stated = _read_json(place, PREPROCESSING, needed=False)
    mean = tuple(map(float, stated.get("image_mean", MEAN)))
    std = tuple(map(float, stated.get("image_std", STD)))
    if len(mean) != 3 or len(std) != 3 or not all(0.0 < value < 10.0 for value in std):
        raise InputError(f"{PREPROCESSING} of {place} states no mean and spread of three colours")
    return ImageNetNormalisation(mean, std)  # type: ignore[arg-type]


def _one_line(error: Exception) -> str:
    """Return the first sentence of what transformers says, which goes on over many lines."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
