"""The command line as a user meets it: exit codes, one-line errors, nothing left behind."""

import logging
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from ldikit.cli import app
from ldikit.reference.errors import LdikitError
from PIL import Image
from typer.testing import CliRunner

LDIKIT = Path(sys.executable).parent / "ldikit"


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LDIKIT), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_help_names_every_verb(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    for verb in ("build", "export", "verify", "profile", "photo", "inspect", "models", "doctor", "train"):
        assert verb in done.stdout


def test_version_is_that_of_the_installed_package(tmp_path: Path) -> None:
    done = run("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"ldikit {version('ldikit')}\n")


@pytest.mark.parametrize(
    ("arguments", "quiet", "level"),
    [
        (["-q", "inspect", "nosuch"], True, "ERROR"),
        (["inspect", "nosuch", "--quiet"], True, "ERROR"),
        (["inspect", "-vv", "nosuch"], False, "DEBUG"),
        (["models", "get", "nosuch", "-v"], False, "INFO"),
    ],
)
def test_shared_options_count_before_and_after_the_verb(
    arguments: list[str], quiet: bool, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to: list[bool] = []
    monkeypatch.setattr("ldikit.reference.progress.set_quiet", set_to.append)
    logger = logging.getLogger("ldikit")
    monkeypatch.setattr(logger, "level", logging.WARNING)
    assert isinstance(CliRunner().invoke(app, arguments).exception, LdikitError)
    assert set_to == [quiet]
    assert logging.getLevelName(logger.level) == level


def test_after_two_dashes_nothing_is_an_option(tmp_path: Path) -> None:
    done = run("inspect", "--", "-q", cwd=tmp_path)
    assert done.returncode == 2
    assert "-q" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["photo", "missing.jpg"], "missing.jpg"),
        (["photo", "taken"], "no photo in"),
        (["photo", "text.jpg"], "text.jpg"),
        (["photo", "empty.jpg"], "empty.jpg"),
        (["photo", "truncated.jpg"], "truncated"),
        (["photo", "dot.png"], "1×1"),
        (["photo", "line.png"], "20000×10"),
        (["photo", "photo.png", "-o", "text.jpg/out"], "text.jpg"),
        (["photo", "photo.png", "--backend", "nosuch"], "nosuch"),
        (["photo", "photo.png", "--precision", "fp16"], "fp16"),
        (["photo", "photo.png", "-o", ".", "--overwrite"], "working folder"),
        (["verify", "taken", "--json", "text.jpg"], "--overwrite"),
        (["photo", "photo.png", "--size", "100x100"], "32"),
        (["photo", "photo.png", "--size", "huge"], "huge"),
        (["photo", "photo.png", "--depth", "nosuch"], "nosuch"),
        (["photo", "photo.png", "--inpaint", "nosuch.safetensors"], "no such weights"),
        (["photo", "photo.png", "--depth-map", "nan.npy"], "nan.npy"),
        (["photo", "photo.png", "--bundle", "nowhere"], "nowhere"),
        (["photo", "photo.png", "-o", "taken"], "--overwrite"),
        (["photo", "photo.png", "--motion", "spiral"], "spiral"),
        (["photo", "photo.png", "--motion", "none.json"], "none.json"),
        (["photo", "photo.png", "--video", "avi"], "avi"),
        (["photo", "photo.png", "--refocus", "2,2"], "shares"),
        (["photo", "photo.png", "--files", "pdf"], "pdf"),
        (["photo", "photo.png", "--compare", "torch:fp32"], "--bundle"),
        (["photo", ".", "--depth-map", "nan.npy"], "one photo"),
        (["retouch", "taken", "text.jpg"], "taken"),
        (["verify", "nowhere"], "nowhere"),
        (["verify", "taken"], "manifest.json"),
        (["inspect", "text.jpg"], "text.jpg"),
        (["profile", "nowhere"], "nowhere"),
        (["build", "--formats", "onnx,pdf"], "pdf"),
        (["build", "--precision", "fp13"], "fp13"),
        (["build", "--photos", "taken"], "taken"),
        (["build", "-o", "taken"], "--overwrite"),
        (["build", "-o", "text.jpg/phone"], "text.jpg"),
        (["export", "--formats", ","], "list"),
        (["train", "sharpness", "-o", "x.safetensors"], "sharpness"),
        (["train", "depth", "--int8-weights", "-o", "x.safetensors"], "--start"),
        (["train", "inpaint", "--int8-weights", "-o", "x.safetensors"], "--int8-weights"),
        (
            ["train", "inpaint", "--photos", "nosuch", "-o", "x.safetensors"],
            "photo folder nosuch does not exist",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    arguments: list[str], said: str, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("this is no picture")
    (tmp_path / "empty.jpg").touch()
    with Image.open(photo) as whole:
        whole.save(tmp_path / "truncated.jpg")
    os.truncate(tmp_path / "truncated.jpg", (tmp_path / "truncated.jpg").stat().st_size // 2)
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    Image.new("RGB", (20000, 10)).save(tmp_path / "line.png")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "precious.txt").write_text("keep me")
    np.save(tmp_path / "nan.npy", np.full((96, 128), np.nan, np.float32))
    before = sorted(p.name for p in tmp_path.rglob("*"))
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert said in done.stderr
    assert sorted(p.name for p in tmp_path.rglob("*")) == before
    assert (tmp_path / "taken" / "precious.txt").read_text() == "keep me"


@pytest.mark.parametrize(
    "arguments", [["photo"], ["nosuchverb"], ["build", "--nosuchoption"], ["train", "depth"]]
)
def test_usage_error_is_one_line_and_exit_2(arguments: list[str], tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_doctor_lists_the_libraries(tmp_path: Path) -> None:
    done = run("doctor", cwd=tmp_path)
    assert done.returncode == 0
    assert "onnxruntime" in done.stdout
    assert "torch" in done.stdout


def test_models_lists_the_embedded_networks(tmp_path: Path) -> None:
    done = run("models", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.count("pocket") >= 2


def test_photo_makes_a_3d_photo(photo: Path, tmp_path: Path) -> None:
    done = run("photo", photo, "-o", tmp_path / "out", "--size", "96x128", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = {
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()
    }
    assert {"ldi/ldi.json", "depth.png", "video.mp4"} <= written
    assert Image.open(tmp_path / "out" / "depth.png").mode.startswith("I")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to")
def test_a_place_that_nobody_can_write_to(photo: Path, tmp_path: Path) -> None:
    done = run("photo", photo, "-o", "/proc/self/out", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "cannot write /proc/self/out" in done.stderr
