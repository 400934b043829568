"""A profile on an attached device, with an adb that runs everything on this machine."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ldikit.reference.errors import BackendUnavailableError, InputError
from ldikit.runtime.arm64 import adb, on_device
from ldikit.runtime.arm64.adb import State, attached, parse_state
from ldikit.runtime.arm64.cache import Cache
from ldikit.runtime.arm64.on_device import profile_device, push_root
from ldikit.runtime.profiling.report import ProfileReport

Script = Callable[[Path, str], Path]

ADB = """
[ "$1" = devices ] && {{ printf 'List of devices attached\\nSERIAL1\\tdevice\\n'; exit; }}
shift 2
echo "$1 $2" >> {log}
case "$1" in
push) cp -r "$2" "$3" ;;
shell) shift 2
  case "$1" in
  getprop) printf '[ro.product.cpu.abi]: [{abi}]\\n[ro.product.model]: [Phone]\\n'
    echo '[ro.build.version.release]: [15]' ;;
  "dumpsys battery") printf '  AC powered: false\\n  USB powered: true\\n'
    printf '  level: 84\\n  temperature: 326\\n' ;;
  dumpsys*) echo 'Thermal Status: 1' ;;
  *) sh -c "$1" ;;
  esac ;;
esac
"""


@pytest.fixture
def device(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: Script,
    cache_with: Callable[[str], Cache],
) -> Callable[[str], Path]:
    """Put an adb on the path whose device is a folder here, and whose loader is this Python's."""
    cache = cache_with("true")
    phone = tmp_path / "phone"
    # The loader is given --library-path PATH PYTHON and the rest; this machine's Python takes the rest.
    packages = os.pathsep.join(p for p in sys.path if p)
    loader = f'shift 3\nunset PYTHONHOME\nPYTHONPATH="{packages}" exec {sys.executable} "$@"'
    script(cache.root / "lib/ld-linux-aarch64.so.1", loader)
    (cache.site / "numpy").mkdir(parents=True)
    monkeypatch.setattr(on_device, "FOLDER", str(phone))
    monkeypatch.setattr(on_device, "open_cache", lambda: cache)

    def make(abi: str = "arm64-v8a") -> Path:
        log = tmp_path / "adb.log"
        script(tmp_path / "bin/adb", ADB.format(log=log, abi=abi))
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        monkeypatch.delenv("ANDROID_SERIAL", raising=False)
        return log

    return make


def test_a_bundle_is_profiled_on_the_device(device: Callable[..., Path], tiny_bundle: Path) -> None:
    from ldikit.runtime.bundle import open_bundle

    log = device()
    report = profile_device(open_bundle(tiny_bundle), budget_s=0.01)
    (candidate,) = report.candidates
    (run,) = candidate.runs
    assert (candidate.name, candidate.backend, run.threads) == ("onnx fp32", "onnxruntime", 1)
    assert run.latency.n == report.settings["rounds"] >= 3
    assert run.latency.p50 > 0
    assert run.peak_memory_bytes is not None and run.baseline_memory_bytes is not None
    assert run.peak_memory_bytes >= run.baseline_memory_bytes > 1 << 20
    assert (report.host.system, report.host.release) == ("Android", "15")
    assert report.host.cpu.startswith("Phone, ")
    assert report.settings["device"]["before"] == State(84, 32.6, True, 1).to_json()
    assert "SERIAL1" not in report.to_json()
    assert ProfileReport.from_json(report.to_json(), "profile.json") == report
    assert sum("push" in line for line in log.read_text().splitlines()) == 3


def test_the_root_is_pushed_once(device: Callable[..., Path]) -> None:
    log = device()
    for _ in range(2):
        push_root(attached(), on_device.open_cache())
    assert sum("push" in line for line in log.read_text().splitlines()) == 1


def test_a_device_of_another_architecture_is_refused(device: Callable[..., Path], tiny_bundle: Path) -> None:
    from ldikit.runtime.bundle import open_bundle

    device("x86_64")
    with pytest.raises(InputError, match="SERIAL1 runs x86_64 programs, the root is for arm64-v8a"):
        profile_device(open_bundle(tiny_bundle))


@pytest.mark.parametrize(
    ("says", "kind", "said"),
    [
        (
            "printf 'List of devices attached\\n\\n'",
            BackendUnavailableError,
            "no Android device is attached$",
        ),
        ("printf 'List\\nA\\tunauthorized\\n'", BackendUnavailableError, "attached: A is unauthorized"),
        ("printf 'List\\nA\\tdevice\\nB\\tdevice\\n'", InputError, "set ANDROID_SERIAL to one of A, B"),
        ("echo 'adb: no devices/emulators found' >&2; exit 1", BackendUnavailableError, "the device is gone"),
        ("echo 'cannot bind' >&2; exit 1", InputError, "the device failed at `devices`: cannot bind"),
    ],
)
def test_without_a_device_one_line_says_so(
    says: str, kind: type, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Script
) -> None:
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendUnavailableError, match="adb is not on the path"):
        attached()
    script(tmp_path / "adb", says)
    with pytest.raises(kind, match=said):
        attached()


def test_the_named_device_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Script) -> None:
    script(tmp_path / "adb", "printf 'List\\nA\\tdevice\\nB\\tdevice\\n'")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ANDROID_SERIAL", "B")
    assert attached().serial == "B"
    monkeypatch.setenv("ANDROID_SERIAL", "C")
    with pytest.raises(BackendUnavailableError):
        attached()


def test_what_a_device_does_not_tell_is_none() -> None:
    assert parse_state("", "Can't find service: thermalservice") == State(None, None, None, None)
    assert parse_state("  AC powered: false\n  temperature: -25\n", "") == State(None, -2.5, False, None)


def test_a_device_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Script
) -> None:
    script(tmp_path / "adb", "exec /bin/sleep 60")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(adb, "LIMIT_S", 0.3)
    with pytest.raises(BackendUnavailableError, match=r"adb gave no answer within 0\.3 s"):
        attached()


def test_without_a_device_the_verb_exits_3(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ldikit.cli import app
    from typer.testing import CliRunner

    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    done = CliRunner().invoke(app, ["profile", str(tiny_bundle), "--adb", "--json", str(tmp_path / "p.json")])
    assert isinstance(done.exception, BackendUnavailableError)
    assert done.exception.exit_code == 3
    assert not (tmp_path / "p.json").exists()


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Path:
    """A manifest with one ONNX program of a single operation."""
    import onnx
    from ldikit.reference.config import PipelineConfig
    from ldikit.reference.ldi import OUTPUT_NAMES
    from ldikit.runtime.manifest import Manifest, ModelFile, TensorSpec, digest
    from onnx import TensorProto, helper

    folder = tmp_path / "bundle"
    folder.mkdir()
    info = helper.make_tensor_value_info
    shape = (1, 3, 64, 64)
    given, *made = (info(name, TensorProto.FLOAT, shape) for name in ("photo", *OUTPUT_NAMES))
    nodes = [helper.make_node("Relu", ["photo"], [name]) for name in OUTPUT_NAMES]
    graph = helper.make_graph(nodes, "g", [given], made)
    path = folder / "a.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    sha256, count = digest(path)
    photo, *layers = (TensorSpec(name, shape, "float32", "NCHW") for name in ("photo", *OUTPUT_NAMES))
    entry = ModelFile("a.onnx", "program", "64x64", "onnx", "fp32", sha256, count, (photo,), tuple(layers))
    manifest = Manifest(PipelineConfig(), {}, (entry,), (), ("64x64",), {})
    (folder / "manifest.json").write_text(manifest.to_json())
    return folder
