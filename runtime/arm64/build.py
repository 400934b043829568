"""Making the cache folder, whole or not at all, as the user that one is."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ...reference.errors import BackendUnavailableError, InputError
from ...reference.files import atomic_folder
from . import deb, wheels
from .apt import Apt
from .cache import MANIFEST, Cache, cache_folder, open_cache
from .checksum import sha256_of
from .cpus import CPUS, DEFAULT_CPUS, RUNTIMES, emulating_host
from .guest import Guest
from .pins import COUNTER, EMULATOR, EMULATOR_BINARY, PYTHON, ROOT, Pin
from .sources import debian_source

# QEMU 7 lets the host's /proc/cpuinfo through, by which onnxruntime crashes.
OLDEST_QEMU = (10, 0)
_QEMU_NAMES = ("qemu-aarch64", "qemu-aarch64-static")
# Parts of a root that no inference needs: documentation, character sets, other languages.
_UNUSED = ("usr/share/", "usr/lib/aarch64-linux-gnu/gconv/", "usr/lib/python3/", "var/")

Say = Callable[[str], None]


def setup(folder: Path | None = None, root: Path | None = None, say: Say = lambda line: None) -> Cache:
    """Make the cache folder, or leave a complete one that still fits as it is.

    Args:
        folder: None for `cache_folder()`.
        root: an ARM64 file system with Python of one's own; None makes one of Debian's packages.
        say: is told what is being done.

    Raises:
        BackendUnavailableError: this system cannot emulate, or has not what it takes.
        InputError: something cannot be fetched, has a wrong checksum or cannot be written; or the guest does
            not run. Nothing is left half-built, and an older cache stays.
    """
    if not emulating_host():
        raise BackendUnavailableError("ARM64 programs are emulated on Linux on x86-64 alone")
    folder = cache_folder() if folder is None else folder
    versions = wheels.installed()
    try:
        cache = open_cache(folder)
        if root is None or cache.root == root.resolve():
            say(f"{folder} is complete already")
            return cache
    except BackendUnavailableError:
        pass
    with atomic_folder(folder, overwrite=True) as building, tempfile.TemporaryDirectory() as fetched:
        made = _debian if root is None else _given
        cache = made(building, Path(fetched), root or building / "root", versions, say)
        say("running the guest once")
        _try_out(cache)
        (building / MANIFEST).write_text(cache.manifest(), encoding="utf-8")
    return open_cache(folder)


def _debian(building: Path, fetched: Path, root: Path, versions: Mapping[str, str], say: Say) -> Cache:
    """Make a root of Debian's packages, with both QEMUs."""
    source = debian_source()
    say("reading the index of the archive that this machine's apt uses")
    apt = Apt(fetched / "apt", source)
    say("fetching packages")
    packages = apt.fetch((*ROOT, EMULATOR, *COUNTER))
    say("unpacking them")
    for pin in ROOT:
        deb.unpack(packages[pin][0], root, wanted=lambda name: not f"{name}/".startswith(_UNUSED))
    qemu = building / EMULATOR_BINARY
    deb.unpack(packages[EMULATOR][0], building, only=(EMULATOR_BINARY,))
    for pin in COUNTER:
        deb.unpack(packages[pin][0], building / "counter", wanted=_needed_to_count)
    checksums = {_label(pin, version): sha256_of(path) for pin, (path, version) in packages.items()}
    for pin, (_, version) in packages.items():
        if version != pin.version:
            say(f"{pin.name} {pin.version} was tried, the archive has {version}: signature checked")
    checksums |= _modules(building, fetched, versions, PYTHON, say)
    return Cache(
        building,
        root,
        f"usr/bin/python{PYTHON}",
        qemu,
        qemu_version(qemu),
        dict(versions),
        building / "counter",
        checksums,
    )


def _given(building: Path, fetched: Path, root: Path, versions: Mapping[str, str], say: Say) -> Cache:
    """Use the user's root, and the QEMU on the path."""
    pythons = sorted(root.glob("usr/bin/python3.*[0-9]"), key=lambda path: int(path.name.split(".")[1]))
    if not pythons:
        raise InputError(f"{root} is no ARM64 root with Python: it has no usr/bin/python3.N")
    qemu = next((Path(found) for name in _QEMU_NAMES if (found := shutil.which(name))), None)
    if qemu is None:
        raise BackendUnavailableError(f"neither of {', '.join(_QEMU_NAMES)} is on the path: install QEMU 10")
    version = qemu_version(qemu)
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_QEMU:
        raise BackendUnavailableError(f"{qemu} is QEMU {version}; it takes 10.0 or newer")
    python = pythons[-1].name
    checksums = _modules(building, fetched, versions, python.removeprefix("python"), say)
    return Cache(
        building, root.resolve(), f"usr/bin/{python}", qemu, version, dict(versions), None, checksums
    )


def _modules(
    building: Path, fetched: Path, versions: Mapping[str, str], python: str, say: Say
) -> dict[str, str]:
    """Fetch and unpack the wheels; return their checksums."""
    say(f"fetching {', '.join(f'{name} {version}' for name, version in versions.items())} for ARM64")
    found = wheels.fetch(versions, python, fetched)
    site = building / "site"
    site.mkdir()
    return {f"{name} {versions[name]}": wheels.unpack(path, site) for name, path in found.items()}


def _label(pin: Pin, version: str) -> str:
    return f"{pin.name}:{pin.architecture} {version}"


def _needed_to_count(name: str) -> bool:
    """Of QEMU 7.2 and its libraries: the emulator, and shared libraries that are no plug-ins of glibc."""
    path = Path(name)
    return name == EMULATOR_BINARY or (".so" in path.name and path.parent.name == "x86_64-linux-gnu")


def qemu_version(qemu: Path) -> str:
    """Ask an emulator for its version.

    Raises:
        InputError: it does not run, or is something else.
    """
    try:
        done = subprocess.run(
            [str(qemu), "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{qemu} does not run here: {error}") from error
    found = re.search(r"version (\d+\.\d+(?:\.\d+)?)", done.stdout)
    if found is None:
        raise InputError(f"{qemu} is no QEMU: it says {done.stdout[:80]!r}")
    return found[1]


def _try_out(cache: Cache) -> None:
    """Import every runtime in the guest once: proves that it runs, and keeps Python's compiled modules."""
    for runtime, distribution in RUNTIMES.items():
        if distribution in cache.wheels:
            with Guest(cache, CPUS[DEFAULT_CPUS[0]], runtime, keep_compiled=True) as guest:
                guest.start()
