"""A run that is stopped half-way, by Ctrl-C or a polite kill, or by a full disk: nothing is left or lost."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from ldikit import cli
from PIL import Image

LDIKIT = Path(sys.executable).parent / "ldikit"
SIGNALS = (signal.SIGINT, signal.SIGTERM)

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A photo, an earlier output, and a folder for temporary files."""
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "precious.txt").write_text("keep me")
    (tmp_path / "tmp").mkdir()
    return tmp_path


def stop(
    arguments: list[str], begun: Callable[[psutil.Process], bool], number: signal.Signals, folder: Path
) -> tuple[subprocess.CompletedProcess[str], list[psutil.Process]]:
    """Start the command line, and stop it as soon as `begun`; give what it said and what it had started."""
    process = subprocess.Popen(
        [str(LDIKIT), *arguments],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "tmp"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores Ctrl-C, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        watched = psutil.Process(process.pid)
        deadline = time.monotonic() + 60
        while not begun(watched):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "never got so far"
            time.sleep(0.01)
        children = watched.children(recursive=True)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return subprocess.CompletedProcess(arguments, process.returncode, out, err), children


def check_nothing_left(folder: Path, done: subprocess.CompletedProcess[str]) -> None:
    assert done.stderr == "ldikit: interrupted; nothing was left half-written\n"
    assert (done.returncode, done.stdout) == (2, "")
    left = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert left == ["old", "old/precious.txt", "photo.png", "tmp"]
    assert (folder / "old" / "precious.txt").read_text() == "keep me"


@posix
@pytest.mark.parametrize("number", SIGNALS)
def test_a_stopped_photo_leaves_nothing_and_keeps_the_old_one(folder: Path, number: signal.Signals) -> None:
    arguments = ["photo", "photo.png", "-o", "old", "--overwrite"]
    done, _ = stop(arguments, lambda _: bool(list(folder.glob(".old.new-*"))), number, folder)
    check_nothing_left(folder, done)


@posix
@pytest.mark.parametrize("number", SIGNALS)
def test_a_stopped_build_leaves_no_worker_and_keeps_the_old_bundle(
    folder: Path, number: signal.Signals
) -> None:
    pytest.importorskip("onnxscript")

    def converting(process: psutil.Process) -> bool:
        """Whether a converter runs, and has begun to write temporary files or had a second to do so."""
        workers = [child for child in process.children() if "ldikit.export.worker" in child.cmdline()]
        return any(time.time() - worker.create_time() > 1 for worker in workers)

    arguments = ["build", "-o", "old", "--overwrite", "--size", "64x96", "--formats", "onnx"]
    done, children = stop(arguments, converting, number, folder)
    check_nothing_left(folder, done)
    assert children
    assert [child for child in children if child.is_running()] == []


@pytest.mark.parametrize(
    ("module", "function"),
    [("ldikit.runtime.photo3d.outputs", "write_videos"), ("ldikit.runtime.photo3d.photo", "write_depth")],
)
def test_a_full_disk_during_photo_keeps_the_old_one(
    folder: Path,
    module: str,
    function: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def full(path: Path, *_: object, **__: object) -> None:
        path = path / "video.mp4" if path.is_dir() else path
        path.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(f"{module}.{function}", full)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.chdir(folder)
    arguments = ["ldikit", "photo", "photo.png", "-o", "old", "--overwrite", "--size", "64x96"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    said = capfd.readouterr()
    assert (stopped.value.code, said.out) == (2, "")
    assert said.err == "ldikit: cannot write old: No space left on device\n"
    left = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert left == ["old", "old/precious.txt", "photo.png", "tmp"]
