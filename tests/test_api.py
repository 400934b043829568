"""The public Python API: the float reference and the files of a bundle are called alike."""

from pathlib import Path

import ldikit
import numpy as np
import pytest
from ldikit.export import bundle as bundle_module
from ldikit.export.worker import convert
from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import BackendUnavailableError, InputError
from ldikit.runtime.parity.gates import DEFAULT_GATES
from PIL import Image

SIZE = "64x96"


def make_photo(height: int = 80, width: int = 120) -> np.ndarray:
    """A bright card before a slope."""
    rows, columns = np.mgrid[0:height, 0:width]
    photo = np.stack([rows * 2, columns, 255 - rows - columns // 2], -1).astype(np.uint8)
    photo[height // 4 : height // 2, width // 4 : width // 2] = (240, 200, 40)
    return photo


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> ldikit.Bundle:
    """The pocket pipeline as ONNX in fp16, and as nothing else."""
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("api") / "phone"
    with pytest.MonkeyPatch.context() as patch:  # converted here, where torch is loaded, not in a new process
        patch.setattr(bundle_module, "convert_all", lambda tasks: map(convert, tasks))
        bundle_module.export_bundle(PipelineConfig(), folder, ("onnx",), ("fp16",), (SIZE,))
    return ldikit.open_bundle(folder)


def test_a_bundles_runner_gives_the_references_ldi(bundle: ldikit.Bundle) -> None:
    photo = make_photo()
    reference = ldikit.reference(size=SIZE)(photo)
    made = bundle.runner(format="onnx", precision="fp16")(photo)
    assert isinstance(made, ldikit.LDI) and isinstance(reference, ldikit.LDI)
    assert made.size == reference.size == (64, 96)
    # fp16 keeps 11 bits of values up to 1; the disparity passes through two dozen roundings.
    assert np.abs(made.disparity - reference.disparity).max() < 0.01
    assert np.abs(made.color[0] - reference.color[0]).max() < 0.001


def test_a_report_is_true_only_when_its_gates_pass(bundle: ldikit.Bundle, tmp_path: Path) -> None:
    Image.fromarray(make_photo()).save(tmp_path / "photo.png")
    photos = [tmp_path / "photo.png"]
    report = ldikit.verify(bundle, photos, pictures=False)
    assert isinstance(report, ldikit.ParityReport)
    assert bool(report) is True and report.exit_code == 0
    impossible = {"fp16": {**DEFAULT_GATES["fp16"], "views.psnr": 1000.0}}
    strict = ldikit.verify(bundle, photos, gates=impossible, pictures=False)
    assert bool(strict) is False and strict.exit_code == 1
    assert [gate.name for gate in strict.candidates[0].gates if not gate.passed] == ["views.psnr"]


GOOD = make_photo(64, 96)


@pytest.mark.parametrize(
    ("photo", "got"),
    [
        (GOOD / np.float32(255), r"float32 \(64, 96, 3\)"),
        (GOOD.astype(np.int64), r"int64"),
        (GOOD[..., 0], r"uint8 \(64, 96\)"),
        (np.dstack([GOOD, GOOD[..., :1]]), r"\(64, 96, 4\)"),
        (GOOD.transpose(2, 0, 1), r"\(3, 64, 96\)"),
        (GOOD[None], r"\(1, 64, 96, 3\)"),
        (GOOD[:0], r"\(0, 96, 3\)"),
        ("photo.jpg", "got str"),
        (GOOD.tolist(), "got list"),
        (None, "got NoneType"),
    ],
    ids=["float", "int64", "grey", "rgba", "planes first", "batch", "empty", "path", "list", "none"],
)
def test_what_is_no_photo_is_refused(bundle: ldikit.Bundle, photo: object, got: str) -> None:
    for pipeline in (ldikit.reference(size=SIZE), bundle.runner("onnx", "fp16")):
        with pytest.raises(
            InputError, match=f"a photo must be .*uint8 RGB, got .*{got.removeprefix('got ')}"
        ):
            pipeline(photo)  # type: ignore[arg-type]


def test_views_of_other_arrays_and_read_only_ones_are_photos() -> None:
    pipeline = ldikit.reference(size=SIZE)
    mirrored = GOOD[:, ::-1]
    frozen = mirrored.copy()
    frozen.setflags(write=False)
    first, second = pipeline(mirrored), pipeline(frozen)
    assert np.array_equal(first.color, second.color)
    assert np.array_equal(first.disparity, second.disparity)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": "100x100"}, "multiple of 32"),
        ({"size": "large"}, "HEIGHTxWIDTH"),
        ({"device": "tricorder"}, "no device 'tricorder'"),
        ({"depth": "nosuch"}, "unknown depth network 'nosuch'"),
        ({"inpaint": "nosuch"}, "unknown inpainting network 'nosuch'"),
        ({"depth": __file__}, r"test_api\.py is not known as weights for depth: give the \."),
        ({"inpaint": __file__}, r"test_api\.py is not known as weights for inpainting: give the \."),
    ],
)
def test_a_reference_that_cannot_be_made(options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ldikit.reference(**options)(GOOD)


def test_a_device_that_is_not_here_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(BackendUnavailableError, match="no CUDA device") as caught:
        ldikit.reference(device="cuda")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"format": "pdf"}, "unknown format 'pdf'"),
        ({"format": "onnx", "precision": "fp13"}, "unknown precision 'fp13'"),
        ({"format": "tflite", "precision": "fp16"}, "has no program in tflite fp16; it has onnx fp16 64x96"),
        ({"format": "onnx", "precision": "fp16", "size": "96x64"}, "has no program in onnx fp16 96x64"),
        ({"format": "onnx", "precision": "fp16", "backend": "litert"}, "runs tflite files"),
    ],
)
def test_a_runner_that_the_bundle_cannot_give(
    bundle: ldikit.Bundle, choice: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        bundle.runner(**choice)


@pytest.mark.parametrize(
    ("photos", "words"),
    [([], "no photos"), (["nowhere.jpg"], "no such photo"), ([GOOD], "paths of files, got ndarray")],
)
def test_photos_to_verify_on_are_files(bundle: ldikit.Bundle, photos: list, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ldikit.verify(bundle, photos)
