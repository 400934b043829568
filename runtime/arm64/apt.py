"""Fetching Debian's packages of another architecture and release, without root, beside the system's own apt.

apt runs with a configuration, state and cache of its own: nothing is installed, and the system's lists stay
as they are. It checks the archive's signature and every checksum below it.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ...reference.errors import BackendUnavailableError, InputError
from .checksum import check_sha256
from .pins import SUITES, Pin
from .sources import Source

# A slow network takes minutes; one that answers nothing shall not hang for ever.
LIMIT_S = 900


class Apt:
    """apt in a folder of its own.

    Args:
        folder: empty; it is left to the caller to remove it.
        source: the archive.

    Raises:
        BackendUnavailableError: apt is not here.
        InputError: the archive cannot be reached, or its signature is wrong.
    """

    def __init__(self, folder: Path, source: Source) -> None:
        if shutil.which("apt-get") is None:
            raise BackendUnavailableError(
                "apt-get is not here: the ARM64 root is made of Debian's packages; give one of your own with "
                "`ldikit arm64 setup --root FOLDER`"
            )
        self.folder = folder
        for name in ("state/lists/partial", "cache/archives/partial", "none", "packages"):
            (folder / name).mkdir(parents=True)
        (folder / "state/status").touch()
        (folder / "archive.sources").write_text(_sources(source), encoding="utf-8")
        self._run("apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any")

    def fetch(self, pins: Sequence[Pin]) -> dict[Pin, tuple[Path, str]]:
        """Fetch packages.

        Returns:
            the file and the version of each: the pinned one, or else the newest of its series.

        Raises:
            InputError: the archive has neither, or a checksum is wrong, or the network failed.
        """
        names = sorted({f"{pin.name}:{pin.architecture}" for pin in pins})
        held = _held(self._run("apt-cache", "show", *names))
        chosen = {pin: choose(pin, held.get((pin.name, pin.architecture), ())) for pin in pins}
        wanted = [f"{pin.name}:{pin.architecture}={version}" for pin, (version, _) in chosen.items()]
        self._run("apt-get", "download", "-q", *wanted)
        found = {}
        for pin, (version, sha256) in chosen.items():
            name = f"{pin.name}_{version.replace(':', '%3a')}_{pin.architecture}.deb"
            path = self.folder / "packages" / name
            if not path.is_file():
                raise InputError(f"apt-get gave no {name}")
            check_sha256(path, sha256)
            if version == pin.version:
                check_sha256(path, pin.sha256)
            found[pin] = (path, version)
        return found

    def _run(self, *command: str) -> str:
        settings = {
            "Dir::State": self.folder / "state",
            "Dir::State::status": self.folder / "state/status",
            "Dir::Cache": self.folder / "cache",
            "Dir::Etc::sourcelist": self.folder / "archive.sources",
            "Dir::Etc::sourceparts": self.folder / "none",
            "Dir::Etc::preferences": self.folder / "none/preferences",
            "Dir::Etc::preferencesparts": self.folder / "none",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "1",
        }
        options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
        try:
            done = subprocess.run(
                [*command, *options],
                cwd=self.folder / "packages",
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(f"`{' '.join(command[:2])}` did not end within {LIMIT_S} s") from error
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))]
            raise InputError(f"`{' '.join(command[:2])}` failed: {lines[0] if lines else done.stderr[-300:]}")
        return done.stdout


def _held(shown: str) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Return (version, sha256) of every package that `apt-cache show` tells of, by name and architecture."""
    held: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for stanza in shown.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line)
        if {"Package", "Architecture", "Version", "SHA256"} <= fields.keys():
            key = fields["Package"], fields["Architecture"]
            held.setdefault(key, []).append((fields["Version"], fields["SHA256"]))
    return held


def choose(pin: Pin, held: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return version and sha256 of the package to take.

    Args:
        pin: that is wanted.
        held: (version, sha256) of what the archive has, the newest first.

    Raises:
        InputError: neither the pinned version is there nor another of its series.
    """
    suiting = [found for found in held if found[0].startswith(pin.series)]
    for found in (*(found for found in held if found[0] == pin.version), *suiting):
        return found
    raise InputError(
        f"the archive has no {pin.name} {pin.series} for {pin.architecture}; "
        f"it has {', '.join(version for version, _ in held) or 'none'}"
    )


def _sources(source: Source) -> str:
    """Return the sources of all suites; deb822, as the one-line format has no spaces in names."""
    return "\n".join(
        f"Types: deb\nURIs: {source.uri}\nSuites: {suite}\nComponents: main\n"
        f"Architectures: {' '.join(architectures)}\nSigned-By: {source.signed_by}\n"
        for suite, architectures in SUITES.items()
    )
