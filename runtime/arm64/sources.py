"""Where this machine gets Debian's packages, read from its own apt sources."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...reference.errors import BackendUnavailableError

APT = Path("/etc/apt")
KEYRINGS = Path("/usr/share/keyrings")
# The file of the package debian-archive-keyring: the keys of several releases, newer and older ones.
ARCHIVE_KEYRING = KEYRINGS / "debian-archive-keyring.gpg"

# An archive that has one of these has the others beside it.
_SUITES = frozenset(
    ("bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable", "oldoldstable")
)
_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<parts>.+)$")


@dataclass(frozen=True)
class Source:
    """One archive of Debian's packages.

    Attributes:
        uri: as this machine has it.
        signed_by: the keyring that its index must be signed by.
    """

    uri: str
    signed_by: Path


def debian_source(folder: Path = APT, archive_keyring: Path = ARCHIVE_KEYRING) -> Source:
    """Return the first archive in this machine's sources that holds Debian's releases.

    Args:
        folder: apt's, with sources.list and sources.list.d.
        archive_keyring: taken before the source's own, which may hold the key of one release alone.

    Raises:
        BackendUnavailableError: there is none, or none with a keyring; says what to do instead.
    """
    for uri, suites, parts, own in _entries(folder):
        if _SUITES.isdisjoint(suites) or "main" not in parts:
            continue
        for keyring in (archive_keyring, *own):
            if keyring.is_file():
                return Source(uri, keyring)
    raise BackendUnavailableError(
        f"no Debian archive with a keyring in {folder}: the ARM64 root is made of Debian's packages; give "
        "one of your own with `ldikit arm64 setup --root FOLDER`"
    )


def _entries(folder: Path) -> Iterator[tuple[str, set[str], set[str], list[Path]]]:
    """Yield address, suites, components and keyrings of every source."""
    lists = [folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))]
    for text in map(_text, sorted(folder.glob("sources.list.d/*.sources"))):
        yield from _stanzas(text)
    for text in map(_text, lists):
        for line in text.splitlines():
            found = _ONE_LINE.match(line.split("#")[0].strip())
            if found:
                options = dict(o.split("=", 1) for o in (found["options"] or "").split() if "=" in o)
                yield (
                    found["uri"],
                    {found["suite"]},
                    set(found["parts"].split()),
                    _keyrings(options.get("signed-by", "").replace(",", " ")),
                )


def _stanzas(text: str) -> Iterator[tuple[str, set[str], set[str], list[Path]]]:
    """Yield the sources of a file in the format of deb822; disabled ones are left out."""
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        fields = {
            name.strip().lower(): value.strip()
            for name, value in (line.split(":", 1) for line in lines if ":" in line and line[0] != " ")
        }
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        for uri in fields.get("uris", "").split():
            yield (
                uri,
                set(fields.get("suites", "").split()),
                set(fields.get("components", "").split()),
                _keyrings(fields.get("signed-by", "")),
            )


def _keyrings(text: str) -> list[Path]:
    """Return the files among keys, which may also be fingerprints or be written out."""
    return [Path(part) for part in text.split() if part.startswith("/")]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
