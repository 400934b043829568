"""The published networks that ldikit can run, as data: where their files come from and what they must be."""

from dataclasses import dataclass
from pathlib import PurePath

from ..errors import InputError


@dataclass(frozen=True)
class ModelFile:
    """One file of a network.

    Attributes:
        name: in the network's folder; a plain name.
        urls: where it can be had, the publisher's own first; the sha256 decides, whoever serves it.
        sha256: of the published file; None where no published value is known, so that nothing can be checked.
        size: in bytes, where known.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str | None
    size: int | None

    def __post_init__(self) -> None:
        if self.name in ("", ".", "..") or PurePath(self.name).name != self.name or "\\" in self.name:
            raise ValueError(f"{self.name!r} is no plain file name")


@dataclass(frozen=True)
class ModelEntry:
    """One published network.

    Attributes:
        name: for `--depth` or `--inpaint`.
        stage: "depth" or "inpaint".
        licence: of the weights, as their publisher states it.
        source: the publisher's page.
        paper: what to cite.
        files: what to fetch.
        folder: in the cache folder; "" for one of its name. Networks that share files share a folder.
    """

    name: str
    stage: str
    licence: str
    source: str
    paper: str
    files: tuple[ModelFile, ...]
    folder: str = ""


_TIEFENRAUSCH = (
    "https://raw.githubusercontent.com/facebookresearch/one_shot_3d_photography/"
    "75d65ef4020ab51ea7de466ffeae96b140591a8c/model"
)
_DEPTH_ANYTHING = (
    "https://huggingface.co/depth-anything/Depth-Anything-V2-Small-hf/resolve/"
    "5426e4f0f36572d16453bbda7a8389317b1bef99"
)
_SHIH = (
    "https://filebox.ece.vt.edu/~jbhuang/project/3DPhoto/model",
    "https://huggingface.co/camenduru/3d-photo-inpainting/resolve/main",
)
_SHIH_PAGE = "https://github.com/vt-vl-lab/3d-photo-inpainting"
_SHIH_PAPER = "Shih et al., 3D Photography using Context-aware Layered Depth Inpainting, CVPR 2020"


def _shih_file(name: str, sha256: str) -> ModelFile:
    """Return a checkpoint of Shih et al."""
    return ModelFile(name, tuple(f"{folder}/{name}" for folder in _SHIH), sha256, None)


_SHIH_FILES = (
    _shih_file("depth-model.pth", "2d0e63e89a22762ddfa8bc8c9f8c992e5532b140123274ffc6e4171baa1b76f8"),
    _shih_file("color-model.pth", "383c9b1db70097907a6f9c8abb0303e7056f50d5456a36f34ab784592b8b2c20"),
)

_ENTRIES = (
    ModelEntry(
        name="tiefenrausch",
        stage="depth",
        licence="MIT",
        source="https://github.com/facebookresearch/one_shot_3d_photography",
        paper="Kopf et al., One Shot 3D Photography, SIGGRAPH 2020",
        files=(
            ModelFile(
                "tiefenrausch.pb",
                (f"{_TIEFENRAUSCH}/tiefenrausch.pb",),
                "7fd8d7eb5948fe8fe9ae0a5c67792a5553f09a26572be5ccc1f0584db15d2034",
                50_464,
            ),
            ModelFile(
                "tiefenrausch_init.pb",
                (f"{_TIEFENRAUSCH}/tiefenrausch_init.pb",),
                "8595624b4ac3d639d5f769fc95d7e0c5f2caa9c9edb356110a533acbb30b50af",
                3_777_421,
            ),
        ),
    ),
    ModelEntry(
        name="midas-small",
        stage="depth",
        licence="MIT",
        source="https://github.com/isl-org/MiDaS",
        paper="Ranftl et al., Towards Robust Monocular Depth Estimation, TPAMI 2022",
        files=(
            ModelFile(
                "midas_v21_small_256.pt",
                ("https://github.com/isl-org/MiDaS/releases/download/v2_1/midas_v21_small_256.pt",),
                "70d6b9c891758c67f974a6097fb0c608c7ee67fb81ac3e5588847d5596d56fca",
                None,
            ),
        ),
    ),
    ModelEntry(
        name="depth-anything-v2-small",
        stage="depth",
        licence="Apache-2.0",
        source="https://huggingface.co/depth-anything/Depth-Anything-V2-Small-hf",
        paper="Yang et al., Depth Anything V2, NeurIPS 2024",
        files=(
            ModelFile(
                "config.json",
                (f"{_DEPTH_ANYTHING}/config.json",),
                "c56698d3643dde1f83ea2212759e6b31a22b8f827246a36dd007ee8a22b3ff75",
                None,
            ),
            ModelFile(
                "preprocessor_config.json",
                (f"{_DEPTH_ANYTHING}/preprocessor_config.json",),
                "d41175c0d889477ca8fc67191e540faef14baf6275157b3fdecf78469e6bbf84",
                None,
            ),
            ModelFile(
                "model.safetensors",
                (f"{_DEPTH_ANYTHING}/model.safetensors",),
                "3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70",
                99_173_660,
            ),
        ),
    ),
    ModelEntry(
        name="shih",
        stage="inpaint",
        licence="MIT",
        source=_SHIH_PAGE,
        paper=_SHIH_PAPER,
        files=_SHIH_FILES,
    ),
    ModelEntry(
        name="shih-edges",
        stage="inpaint",
        licence="MIT; edge network after EdgeConnect: CC BY-NC 4.0",
        source=_SHIH_PAGE,
        paper=_SHIH_PAPER,
        files=(
            *_SHIH_FILES,
            _shih_file("edge-model.pth", "b1d768bd008ad5fe9f540004f870b8c3d355e4939b2009aa4db493fd313217c9"),
        ),
        folder="shih",
    ),
    ModelEntry(
        name="migan",
        stage="inpaint",
        licence="MIT",
        source="https://github.com/Picsart-AI-Research/MI-GAN",
        paper="Sargsyan et al., MI-GAN, ICCV 2023",
        files=(
            ModelFile(
                "migan_512_places2.pt",
                ("https://drive.google.com/uc?export=download&id=1D_YCuCgo20S2256sqpedsmENNm2WMtVY",),
                "1d6087eee0aac8923ad2606be5d8caeb4824d3e4de331995e420c74e124a466a",
                29_553_256,
            ),
        ),
    ),
)

ENTRIES: dict[str, ModelEntry] = {entry.name: entry for entry in _ENTRIES}


def entry_of(name: str) -> ModelEntry:
    """Return the entry called `name`.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    if name not in ENTRIES:
        raise InputError(f"no published network {name!r}; known: {', '.join(sorted(ENTRIES))}")
    return ENTRIES[name]
