"""`ldikit mil` as a user meets it: exit codes, one-line errors, and no heavy library for its help."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ldikit.cli import main


@dataclass
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """run(verb, ..., cwd=folder): in this process, which has loaded torch already."""

    def call(*arguments: str | Path, cwd: Path) -> Done:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr("sys.argv", ["ldikit", "mil", *map(str, arguments)])
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            signal.signal(signal.SIGTERM, before)
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return call


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two programs, y = 3·x + 1 and y = 3.3·x + 1 of three elements, an input and what Core ML would give."""
    ct = pytest.importorskip("coremltools", reason="the coreml extra is not installed")
    from coremltools.converters.mil import mil

    mb, path = mil.Builder, tmp_path_factory.mktemp("mil")
    for name, weight in (("a", 3), ("b", 3.3)):
        specs = [mb.TensorSpec(shape=(3,))]
        factor = np.float32(weight)
        program = mb.program(input_specs=specs, opset_version=ct.target.iOS17)(
            lambda x: mb.add(x=mb.mul(x=x, y=factor, name="m"), y=1.0, name="y")  # noqa: B023
        )
        ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        ).save(str(path / f"{name}.mlpackage"))
    x = np.array([1, 2, -4], np.float32)
    np.savez(path / "x.npz", x=x)
    np.savez(path / "wrong.npz", q=x)
    made_by = np.frombuffer(b"a hand", np.uint8)
    np.savez(path / "pair.npz", **{"input/x": x, "output/y": x * 3 + 1, "made_by": made_by})
    (path / "text.txt").write_text("no program")
    return path


def test_show(run: Callable[..., Done], folder: Path) -> None:
    done = run("show", "a.mlpackage", "--all", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    for said in ("opset CoreML7", "x: tensor float32 3", "fp32 ×1", "fp32[3]", "every operation can be"):
        assert said in done.stdout


def test_run_writes_values_and_figures(run: Callable[..., Done], folder: Path, tmp_path: Path) -> None:
    out, figures = tmp_path / "out.npz", tmp_path / "out.json"
    arguments = ("run", "a.mlpackage", "--input", "x.npz", "--tap", "m", "--precision", "both")
    done = run(*arguments, "-o", out, "--json", figures, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "peak activation 12 at m" in done.stdout
    with np.load(out) as held:
        assert {name: held[name].tolist() for name in held} == {
            "y": [4, 7, -11],
            "m": [3, 6, -12],
            "y.pessimistic": [4, 7, -11],
            "m.pessimistic": [3, 6, -12],
        }
    data = json.loads(figures.read_text())
    first = {"name": "y", "shape": [3], "low": -11, "high": 7, "mean": 0, "finite": 1}
    assert data["runs"][0]["values"][0] == first
    assert (data["runs"][1]["peak"], data["runs"][1]["overflows"]) == (12, [])
    assert [item["max_abs"] for item in data["roundings"]] == [0, 0]


def test_compare_says_where_programs_part(run: Callable[..., Done], folder: Path) -> None:
    same = run("compare", "a.mlpackage", "a.mlpackage", cwd=folder)
    assert (same.returncode, same.stderr) == (0, "")
    assert "the outputs agree" in same.stdout
    parted = run("compare", "a.mlpackage", "b.mlpackage", "--input", "x.npz", cwd=folder)
    assert (parted.returncode, parted.stderr) == (1, "")
    assert "first parting: mul m (operation 0): max abs 1.2, relative 0.1" in parted.stdout
    assert run("compare", "a.mlpackage", "b.mlpackage", "--tolerance", "0.2", cwd=folder).returncode == 0


def test_compare_replays_what_a_mac_computed(run: Callable[..., Done], folder: Path) -> None:
    right = run("compare", "a.mlpackage", "--replay", "pair.npz", cwd=folder)
    assert (right.returncode, right.stderr) == (0, "")
    assert "the reference is by a hand" in right.stdout
    assert run("compare", "b.mlpackage", "--replay", "pair.npz", cwd=folder).returncode == 1


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself is here")
def test_core_ml_off_the_mac_is_exit_3(run: Callable[..., Done], folder: Path, tmp_path: Path) -> None:
    done = run("compare", "a.mlpackage", "--with", "coreml", "-o", tmp_path / "pair.npz", cwd=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1
    assert "--replay" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("show missing.mlpackage", "missing.mlpackage"),
        ("show text.txt", "text.txt"),
        ("show .", "Manifest.json"),
        ("show a.mlpackage --function nosuch", "nosuch"),
        ("run a.mlpackage", "'x' is missing"),
        ("run a.mlpackage --input missing.npz", "missing.npz"),
        ("run a.mlpackage --input wrong.npz", "no input 'q'"),
        ("run a.mlpackage --input text.txt", "text.txt"),
        ("run a.mlpackage --input x.npz --tap nosuch", "nosuch"),
        ("run a.mlpackage --input x.npz --precision twice", "twice"),
        ("run a.mlpackage --input x.npz -o x.npz", "--overwrite"),
        ("compare a.mlpackage", "wants one of"),
        ("compare a.mlpackage missing.mlpackage", "missing.mlpackage"),
        ("compare a.mlpackage b.mlpackage -o pair2.npz", "--with coreml"),
        ("compare a.mlpackage --with tflite", "tflite"),
        ("compare a.mlpackage --replay x.npz", "no pair"),
        ("compare a.mlpackage --replay pair.npz --input x.npz", "--input"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    arguments: str, said: str, run: Callable[..., Done], folder: Path
) -> None:
    before = sorted(folder.iterdir())
    done = run(*arguments.split(), cwd=folder)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("ldikit: ")
    assert said in done.stderr
    assert sorted(folder.iterdir()) == before


def test_the_command_line_loads_no_heavy_library() -> None:
    code = "import sys, ldikit.cli; print(sorted({'torch', 'numpy', 'coremltools'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
