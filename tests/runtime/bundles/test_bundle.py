import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ldikit.reference.errors import InputError
from ldikit.reference.photo.resize import to_program
from ldikit.reference.pipeline import as_ldi, build_program
from ldikit.runtime.bundle import open_bundle
from ldikit.runtime.ldi_runner import pick_size
from ldikit.runtime.manifest import digest


def edit_manifest(folder: Path, change: Callable[[dict], None]) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_runner_gives_the_references_layers_in_both_orientations(
    plain_bundle: Path, kit: SimpleNamespace
) -> None:
    runner = open_bundle(plain_bundle).runner(format="onnx", precision="fp32")
    for shape, size in (((64, 96), (64, 96)), ((96, 64), (96, 64)), ((150, 110), (96, 64))):
        photo = kit.make_photo(*shape)
        ldi = runner(photo)
        assert ldi.size == size
        with torch.inference_mode():
            expected = as_ldi(build_program(kit.config, *size)(torch.from_numpy(to_program(photo, *size))))
        for name in ("color", "disparity", "occupancy"):
            assert np.abs(getattr(ldi, name) - getattr(expected, name)).max() < 1e-5


def test_the_torch_backend_is_the_reference(plain_bundle: Path, kit: SimpleNamespace) -> None:
    photo = kit.make_photo(64, 96)
    ldi = open_bundle(plain_bundle).runner(format="torch")(photo)
    with torch.inference_mode():
        expected = as_ldi(build_program(kit.config, 64, 96)(torch.from_numpy(to_program(photo, 64, 96))))
    assert np.array_equal(ldi.disparity, expected.disparity)
    assert np.array_equal(ldi.color, expected.color)


def test_a_fixed_size_is_used_for_every_photo(plain_bundle: Path, kit: SimpleNamespace) -> None:
    runner = open_bundle(plain_bundle).runner("onnx", size="96x64", threads=2)
    assert runner(kit.make_photo(64, 96)).size == (96, 64)


@given(st.integers(33, 4000), st.integers(33, 4000))
def test_the_phone_sizes_are_picked_by_orientation(height: int, width: int) -> None:
    assert pick_size(["512x384", "384x512"], height, width) == ("512x384" if height > width else "384x512")


@pytest.mark.parametrize(
    "photo", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)]
)
def test_what_is_no_photo_is_refused(plain_bundle: Path, photo: np.ndarray) -> None:
    with pytest.raises(InputError, match="a photo must be"):
        open_bundle(plain_bundle).runner("onnx")(photo)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"format": "gguf"}, "unknown format 'gguf'"),
        ({"format": "onnx", "precision": "fp8"}, "unknown precision 'fp8'"),
        ({"format": "onnx", "precision": "int8"}, "no program in onnx int8"),
        ({"format": "onnx", "backend": "tensorrt"}, "unknown backend 'tensorrt'"),
        ({"format": "onnx", "backend": "litert"}, "runs tflite files"),
        ({"format": "onnx", "size": "64x64"}, "no program in onnx fp32 64x64"),
        ({"format": "onnx", "size": "65x64"}, "multiple of 32"),
        ({"format": "torch", "precision": "fp16"}, "runs in fp32"),
    ],
)
def test_unknown_names_are_refused(plain_bundle: Path, choice: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_bundle(plain_bundle).runner(**choice)


def test_threads_below_one_are_refused(plain_bundle: Path, kit: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="at least 1 thread"):
        open_bundle(plain_bundle).runner("onnx", threads=0)(kit.make_photo(64, 96))


def test_a_changed_file_is_refused(plain_bundle: Path) -> None:
    path = plain_bundle / "onnx" / "p-64x96.fp32.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    bundle = open_bundle(plain_bundle)
    with pytest.raises(InputError, match="not the file of its manifest"):
        bundle.path(bundle.manifest.files[0])


def test_a_missing_file_is_refused(plain_bundle: Path, kit: SimpleNamespace) -> None:
    (plain_bundle / "onnx" / "p-64x96.fp32.onnx").unlink()
    with pytest.raises(InputError, match="lacks the file"):
        open_bundle(plain_bundle).runner("onnx")(kit.make_photo(64, 96))


@pytest.mark.parametrize("path", ["../outside.onnx", "/etc/passwd", "onnx/../../x", "C:\\x", ""])
def test_a_path_that_leaves_the_folder_is_refused(plain_bundle: Path, path: str) -> None:
    edit_manifest(plain_bundle, lambda content: content["files"][0].update(path=path))
    with pytest.raises(InputError, match="leaves the bundle"):
        open_bundle(plain_bundle)


def test_a_link_that_leaves_the_folder_is_refused(plain_bundle: Path, tmp_path: Path) -> None:
    """Even to a file with the declared content."""
    path = plain_bundle / "onnx" / "p-64x96.fp32.onnx"
    shutil.move(path, tmp_path / "outside.onnx")
    path.symlink_to(tmp_path / "outside.onnx")
    bundle = open_bundle(plain_bundle)
    with pytest.raises(InputError, match="link that leaves"):
        bundle.path(bundle.manifest.files[0])


def test_a_link_inside_a_model_folder_is_refused(plain_bundle: Path, tmp_path: Path) -> None:
    package = plain_bundle / "model.mlpackage"
    package.mkdir()
    (tmp_path / "weight.bin").write_bytes(b"weights")
    (package / "weight.bin").symlink_to(tmp_path / "weight.bin")
    sha256, total = digest(package)
    edit_manifest(
        plain_bundle,
        lambda content: content["files"][0].update(path="model.mlpackage", sha256=sha256, bytes=total),
    )
    bundle = open_bundle(plain_bundle)
    with pytest.raises(InputError, match="link that leaves"):
        bundle.path(bundle.manifest.files[0])


def test_a_manifest_that_is_a_link_to_elsewhere_is_refused(plain_bundle: Path, tmp_path: Path) -> None:
    shutil.move(plain_bundle / "manifest.json", tmp_path / "manifest.json")
    (plain_bundle / "manifest.json").symlink_to(tmp_path / "manifest.json")
    with pytest.raises(InputError, match="link that leaves"):
        open_bundle(plain_bundle)


def test_a_newer_schema_is_refused(plain_bundle: Path) -> None:
    edit_manifest(plain_bundle, lambda content: content.update(schema_version=99))
    with pytest.raises(InputError, match="upgrade ldikit"):
        open_bundle(plain_bundle)


def test_a_truncated_manifest_is_refused(plain_bundle: Path) -> None:
    path = plain_bundle / "manifest.json"
    for end in (0, 1, 100, path.stat().st_size // 2):
        path.write_bytes(path.read_bytes()[:end])
        with pytest.raises(InputError, match=r"is not JSON"):
            open_bundle(plain_bundle)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot read"):
        open_bundle(plain_bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["files"][0]["inputs"][0].update(layout="NCHX"), "layout"),
        (lambda c: c["files"][0]["inputs"][0].update(dtype="float31"), "unknown type"),
        (lambda c: c["files"][0]["outputs"][0].update(name="colour"), "declares the outputs"),
        (lambda c: c["files"][0].update(format="gguf"), "gguf"),
        (lambda c: c.update(sizes=["63x64"]), "multiple of 32"),
        (lambda c: c.pop("weights"), "weights"),
        (lambda c: c.update(files={}), "files|schema|no program"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(
    plain_bundle: Path, change: Callable[[dict], None], message: str
) -> None:
    edit_manifest(plain_bundle, change)
    with pytest.raises(InputError, match=message):
        open_bundle(plain_bundle).runner("onnx")


def test_what_is_no_bundle_is_refused(plain_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, message in (
        (tmp_path / "nothing", "does not exist"),
        (plain_bundle / "manifest.json", "is a file"),
        (tmp_path / "empty", "no manifest.json"),
    ):
        with pytest.raises(InputError, match=message):
            open_bundle(path)


def test_opening_a_bundle_loads_no_runtime(plain_bundle: Path) -> None:
    code = (
        "import sys; from ldikit.runtime.bundle import open_bundle; from ldikit.runtime.backends.protocol "
        f"import backends; open_bundle({str(plain_bundle)!r}); "
        "print(sorted(name for name in backends if '@' not in name)); "
        "print([m for m in ('torch', 'onnxruntime', 'coremltools', 'ai_edge_litert') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # Those after an "@" are emulated; which they are is tested with them.
    assert done.stdout.splitlines() == ["['coreml', 'litert', 'onnxruntime', 'torch']", "[]"]
