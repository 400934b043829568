"""The QEMU plug-in that counts (kinds.c): compiled here, and the command of the QEMU that loads it."""

import os
import shutil
import subprocess
from pathlib import Path

from ...reference.errors import BackendUnavailableError, InputError
from ...reference.files import atomic_file
from .cache import Cache
from .checksum import sha256_of
from .cpus import Cpu

SOURCE = Path(__file__).with_name("kinds.c")
COMPILERS = ("cc", "gcc", "clang")
_LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")


def compile_plugin(cache: Cache) -> Path:
    """Return the plug-in, compiled into the cache folder when it is first needed.

    Raises:
        BackendUnavailableError: no C compiler, or the cache has no QEMU that loads plug-ins.
        InputError: it does not compile, or cannot be written.
    """
    if cache.counter is None:
        raise BackendUnavailableError(
            "a root of one's own has no QEMU that loads plug-ins: `ldikit arm64 setup` without --root has"
        )
    target = cache.folder / f"kinds-{sha256_of(SOURCE)[:12]}.so"
    if target.is_file():
        return target
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        raise BackendUnavailableError(
            f"counting instructions takes a C compiler, none of {', '.join(COMPILERS)} is on the path"
        )
    with atomic_file(target, overwrite=True) as temporary:
        command = [compiler, "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-o", str(temporary)]
        done = subprocess.run(
            [*command, str(SOURCE)], capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            lines = done.stderr.splitlines() or [f"status {done.returncode}"]
            raise InputError(f"{compiler} does not compile the plug-in: {lines[0][:300]}")
    return target


def counting_emulator(cache: Cache, cpu: Cpu, plugin: Path, root: Path, counted: Path) -> list[str]:
    """Return the command of the QEMU that counts, after making the root that it sees.

    That QEMU hands the host's /proc/cpuinfo to its guest, and a runtime that believes it takes instructions
    which are not there. So its root has one of its own, as the newer QEMU fakes it for this processor.

    Raises:
        InputError: a path with a comma, which QEMU takes for the end of it.
        BackendUnavailableError: the newer QEMU does not run.
    """
    assert cache.counter is not None
    for path in (plugin, counted):
        if "," in str(path):
            raise InputError(f"QEMU takes no plug-in paths with a comma: {path}")
    (root / "proc").mkdir(parents=True)
    for part in cache.root.iterdir():
        if part.name != "proc":
            (root / part.name).symlink_to(part.resolve())
    program = "import sys; sys.stdout.write(open('/proc/cpuinfo').read())"
    command = [str(cache.qemu), "-L", str(cache.root), "-cpu", cpu.model, str(cache.root / cache.python)]
    try:
        told = subprocess.run(
            [*command, "-S", "-c", program], capture_output=True, text=True, timeout=60, env={}, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BackendUnavailableError(f"the ARM64 guest does not run: {error}") from error
    (root / "proc" / "cpuinfo").write_text(told.stdout)
    libraries = [str(cache.counter / folder) for folder in _LIBRARIES]
    loader = str(cache.counter / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    qemu = str(cache.counter / "usr/bin/qemu-aarch64")
    return [
        *(loader, "--library-path", os.pathsep.join(libraries), qemu),
        *("-L", str(root), "-plugin", f"{plugin},out={counted}"),
    ]
