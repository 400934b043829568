"""The ARM64 wheels of the runtimes, in the versions that are installed here."""

import importlib.metadata
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ...reference.errors import BackendUnavailableError, InputError
from .checksum import check_sha256, sha256_of
from .cpus import RUNTIMES
from .pins import WHEELS

LIMIT_S = 900
# What pip says, beside that there is no such version, where its index gave no answer.
_NOTHING_FOUND = "(from versions: none)"
LARGEST_BYTES = 2 << 30
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
# A runtime infers without them; they are a tenth of the whole.
_LEFT_OUT = ("tests", "transformers", "quantization", "tools", "datasets")


def installed() -> dict[str, str]:
    """Return the versions installed here of NumPy and of every runtime that has an ARM64 build.

    Raises:
        BackendUnavailableError: no such runtime is installed.
    """
    found = {}
    for name in ("numpy", *RUNTIMES.values()):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if not found.keys() & set(RUNTIMES.values()):
        raise BackendUnavailableError(
            "neither onnxruntime nor ai-edge-litert is installed: pip install 'ldikit[onnx,tflite]'"
        )
    return found


def fetch(versions: Mapping[str, str], python: str, folder: Path) -> dict[str, Path]:
    """Fetch wheels by this Python's pip, with its own settings.

    Args:
        versions: by distribution.
        python: the guest's, "3.11".
        folder: to fetch into.

    Raises:
        InputError: pip is missing or fails, or a wheel has another checksum than pinned.
    """
    platforms = [part for name in PLATFORMS for part in ("--platform", f"{name}_aarch64")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", *platforms, "--python-version", python, "--implementation", "cp"]
    command += ["--dest", str(folder), *(f"{name}=={version}" for name, version in versions.items())]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"`pip download` did not end within {LIMIT_S} s") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or done.stderr.splitlines()
        line = lines[-1][:300] if lines else "it says nothing"
        if _NOTHING_FOUND in done.stderr:
            line += "; it found no version at all: is the package index within reach?"
        raise InputError(f"`pip download` failed: {line}")
    found = {}
    for name, version in versions.items():
        (path,) = folder.glob(f"{name.replace('-', '_')}-{version}-*.whl")
        if (name, version) in WHEELS:
            check_sha256(path, WHEELS[name, version])
        found[name] = path
    return found


def unpack(wheel: Path, target: Path) -> str:
    """Unpack a wheel into a folder of modules, without tests and tools; return its sha256.

    Raises:
        InputError: it is damaged, too large, or leads out of the folder.
        OSError: it cannot be written.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if sum(member.file_size for member in members) > LARGEST_BYTES:
                raise InputError(f"{wheel.name} holds more than {LARGEST_BYTES >> 20} MiB")
            for member in members:
                path = PurePosixPath(member.filename)
                if path.is_absolute() or ".." in path.parts:
                    raise InputError(f"{wheel.name} holds the path {member.filename!r}, out of its folder")
                if not set(path.parts) & set(_LEFT_OUT):
                    archive.extract(member, target)
    except zipfile.BadZipFile as error:
        raise InputError(f"{wheel.name} is damaged: {error}") from error
    return sha256_of(wheel)
