"""`verify --arm64` up to where the guest begins, which the tests of the guest go on from."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from ldikit.reference.errors import BackendUnavailableError, InputError
from ldikit.runtime.arm64 import backend as emulation
from ldikit.runtime.arm64 import plan as module
from ldikit.runtime.arm64.cpus import backend_names
from ldikit.runtime.arm64.plan import plan
from ldikit.runtime.backends.loader import FORMAT_OF_BACKEND
from ldikit.runtime.bundle import open_bundle
from ldikit.runtime.parity.verify import verify


def test_every_processor_is_a_backend_of_its_runtimes_format() -> None:
    assert {FORMAT_OF_BACKEND[name] for name in backend_names() if name.startswith("litert@")} == {"tflite"}
    assert {FORMAT_OF_BACKEND[name] for name in backend_names() if name.startswith("onnx")} == {"onnx"}


def test_the_plan_names_backends_and_says_how_long(
    plain_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = open_bundle(plain_bundle)
    monkeypatch.setattr(module, "require", lambda runtime: None)
    backends, line = plan(bundle, ["default", "cortex-a53"], 2)
    assert backends == ["onnxruntime", "onnxruntime@cortex-a53", "onnxruntime@cortex-a76"]
    # Two starts of six seconds each; the tiny networks cost next to nothing.
    assert line == "2 ARM64 candidates on 2 photos: about 12 s of one core"
    with pytest.raises(InputError, match="unknown ARM64 processor 'cortex-x9'"):
        plan(bundle, ["cortex-x9"], 2)


def test_without_a_root_nothing_is_verified_and_the_line_says_what_to_do(
    plain_bundle: Path, kit: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulation, "native", lambda: False)
    monkeypatch.setenv("LDIKIT_ARM64", str(tmp_path / "none"))
    bundle = open_bundle(plain_bundle)
    with pytest.raises(BackendUnavailableError, match="run `ldikit arm64 setup`"):
        plan(bundle, ["default"], 1)
    report = verify(bundle, backends=["onnxruntime", "onnxruntime@cortex-a53"], pictures=False)
    own, emulated = report.candidates
    assert (own.verdict, emulated.verdict) == ("pass", "not_verified")
    assert emulated.reason is not None and "ldikit arm64 setup" in emulated.reason
    assert report.exit_code == 3
