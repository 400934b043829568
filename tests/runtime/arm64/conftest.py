"""Stand-ins for the emulator and the ARM64 root, which answer, crash or hang as a guest."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ldikit.runtime.arm64 import wheels
from ldikit.runtime.arm64.cache import MANIFEST, Cache

VERSIONS = {"numpy": "2.4.6", "onnxruntime": "1.32.0", "ai-edge-litert": "2.3.0"}
HELLO = """echo '{"version": "1", "features": ["fp", "asimd"], "part": "0xd03"}'"""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The runtimes that pretend to be installed."""
    monkeypatch.setattr(wheels, "installed", lambda: dict(VERSIONS))
    return VERSIONS


def write_script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def script() -> Callable[[Path, str], Path]:
    """Write an executable shell script."""
    return write_script


@pytest.fixture
def cache_with(tmp_path: Path, installed: dict[str, str]) -> Callable[[str], Cache]:
    """Make a cache folder whose emulator is a shell script."""

    def make(emulator: str) -> Cache:
        folder = tmp_path / "cache"
        qemu = write_script(folder / "usr/bin/qemu-aarch64", emulator)
        cache = Cache(folder, folder / "root", "usr/bin/python3.11", qemu, "10.0.8", dict(installed))
        (folder / MANIFEST).write_text(cache.manifest())
        return cache

    return make


@pytest.fixture
def hello() -> str:
    """What a guest says when it has opened its file."""
    return HELLO
