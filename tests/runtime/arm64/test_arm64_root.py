import errno
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ldikit.reference.errors import BackendUnavailableError, InputError
from ldikit.runtime.arm64 import apt, build, deb, wheels
from ldikit.runtime.arm64.cache import MANIFEST, Cache, cache_folder, open_cache
from ldikit.runtime.arm64.checksum import check_sha256, sha256_of
from ldikit.runtime.arm64.pins import ROOT, Pin
from ldikit.runtime.arm64.sources import Source, debian_source

CacheWith = Callable[[str], Cache]
PIN = Pin("libc6", "arm64", "2.36-9", "0" * 64, "2.36")


def make_package(path: Path, members: dict[str, bytes | str], data: bytes | None = None) -> Path:
    """Write a .deb; a member of text is a symbolic link to it, one of None bytes a file."""
    if data is None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:xz") as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                if isinstance(content, str):
                    info.type, info.linkname = tarfile.SYMTYPE, content
                    archive.addfile(info)
                else:
                    info.size, info.mode = len(content), 0o755
                    archive.addfile(info, io.BytesIO(content))
        data = packed.getvalue()
    parts = [("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar.xz", data)]
    out = b"!<arch>\n"
    for name, content in parts:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        out += content + b"\n" * (len(content) % 2)
    path.write_bytes(out)
    return path


def test_a_package_is_unpacked_with_its_links_inside_the_root(tmp_path: Path) -> None:
    members: dict[str, bytes | str] = {
        "./usr/lib/a.so.1": b"elf",
        "./lib/a.so": "/usr/lib/a.so.1",
        "./doc": b"x",
    }
    package = make_package(tmp_path / "a.deb", members)
    root = tmp_path / "root"
    deb.unpack(package, root, wanted=lambda name: name != "doc")
    assert (root / "lib/a.so").read_bytes() == b"elf"
    assert (root / "usr/lib/a.so.1").stat().st_mode & 0o100
    assert not (root / "doc").exists()


def test_packages_that_lead_out_are_damaged_or_lack_a_file_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    cases = {
        "leads out of its folder": make_package(tmp_path / "up.deb", {"../x": b"x"}),
        "leads out": make_package(tmp_path / "link.deb", {"./d": "../..", "./d/x": b"x"}),
        "is damaged": make_package(tmp_path / "bad.deb", {}, data=b"\xfd7zXZ\x00no xz at all"),
    }
    for said, package in cases.items():
        with pytest.raises(InputError, match=said):
            deb.unpack(package, root)
    whole = make_package(tmp_path / "whole.deb", {"./a": b"a"})
    with pytest.raises(InputError, match="has no b"):
        deb.unpack(whole, root, only=["b"])
    cut = tmp_path / "cut.deb"
    cut.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(InputError, match="is cut short"):
        deb.unpack(cut, root)
    cut.write_bytes(b"PK")
    with pytest.raises(InputError, match="is not a Debian package"):
        deb.unpack(cut, root)
    assert not (tmp_path / "x").exists()


def test_the_archive_is_read_from_the_machines_own_sources(tmp_path: Path) -> None:
    keyring = tmp_path / "keys.gpg"
    keyring.touch()
    folder = tmp_path / "apt"
    (folder / "sources.list.d").mkdir(parents=True)
    none = tmp_path / "none"
    with pytest.raises(BackendUnavailableError, match="--root FOLDER"):
        debian_source(folder, keyring)
    stanza = "Types: deb\nURIs: http://a.invalid/\nSuites: {}\nComponents: main\nEnabled: {}\nSigned-By: {}\n"
    (folder / "sources.list.d/a.sources").write_text(stanza.format("bookworm", "no", keyring))
    (folder / "sources.list").write_text(
        f"# deb http://c.invalid/ sid main\ndeb [signed-by={keyring}] http://b.invalid/debian trixie main\n"
    )
    assert debian_source(folder, none) == Source("http://b.invalid/debian", keyring)
    (folder / "sources.list.d/a.sources").write_text(stanza.format("stable", "yes", none))
    assert debian_source(folder, keyring).uri == "http://a.invalid/"
    assert debian_source(folder, none).uri == "http://b.invalid/debian"


def test_the_pinned_version_is_taken_or_the_newest_of_its_series() -> None:
    newer, pinned, other = ("2.36-9+deb12u1", "1"), ("2.36-9", "2"), ("2.41-1", "3")
    assert apt.choose(PIN, [other, newer, pinned]) == pinned
    assert apt.choose(PIN, [other, newer]) == newer
    with pytest.raises(InputError, match=r"no libc6 2\.36 for arm64; it has 2\.41-1"):
        apt.choose(PIN, [other])


def test_every_pin_has_a_checksum_and_suits_its_own_series() -> None:
    assert all(len(pin.sha256) == 64 and pin.version.startswith(pin.series) for pin in ROOT)


def test_no_apt_and_no_network_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Callable[[Path, str], Path]
) -> None:
    source = Source("http://a.invalid/debian", tmp_path / "keys")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(BackendUnavailableError, match="apt-get is not here"):
        apt.Apt(tmp_path / "one", source)
    script(tmp_path / "bin/apt-get", "echo 'E: Failed to fetch http://a.invalid' >&2; exit 100")
    with pytest.raises(InputError, match=r"^`apt-get update` failed: E: Failed to fetch http://a.invalid$"):
        apt.Apt(tmp_path / "two", source)


def test_a_package_with_another_checksum_than_the_archives_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Callable[[Path, str], Path]
) -> None:
    shown = "Package: libc6\\nArchitecture: arm64\\nVersion: 2.36-9\\nSHA256: " + "1" * 64
    script(tmp_path / "bin/apt-cache", f"printf '{shown}\\n'")
    script(tmp_path / "bin/apt-get", "case $1 in download) echo other > libc6_2.36-9_arm64.deb;; esac")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    fetching = apt.Apt(tmp_path / "apt", Source("http://a.invalid/debian", tmp_path / "keys"))
    with pytest.raises(InputError, match=r"libc6_2\.36-9_arm64\.deb has a wrong checksum"):
        fetching.fetch([PIN])


def test_a_checksum_is_compared_whole(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    # sha256 of nothing, as FIPS 180 has it.
    assert sha256_of(path).startswith("e3b0c44298fc1c149afbf4c8996fb924")
    check_sha256(path, sha256_of(path))
    with pytest.raises(InputError, match="wrong checksum: sha256 e3b0c44298fc1c14…, expected 0000"):
        check_sha256(path, "0" * 64)


def test_wheels_that_lead_out_or_are_damaged_are_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("a/__init__.py", "")
        archive.writestr("a/tests/test_a.py", "")
    assert len(wheels.unpack(wheel, tmp_path / "site")) == 64
    assert [p.name for p in (tmp_path / "site/a").iterdir()] == ["__init__.py"]
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("../b.py", "")
    with pytest.raises(InputError, match="out of its folder"):
        wheels.unpack(wheel, tmp_path / "site")
    wheel.write_bytes(b"PK no zip")
    with pytest.raises(InputError, match="is damaged"):
        wheels.unpack(wheel, tmp_path / "site")


def test_a_failing_pip_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Callable[[Path, str], Path]
) -> None:
    said = "ERROR: No matching distribution found for numpy==9"
    python = script(tmp_path / "python", f"echo 'WARNING: x' >&2; echo '{said}' >&2; exit 1")
    monkeypatch.setattr(wheels.sys, "executable", str(python))
    with pytest.raises(InputError, match=rf"^`pip download` failed: {said}$"):
        wheels.fetch({"numpy": "9"}, "3.11", tmp_path)
    script(tmp_path / "python", f"echo 'ERROR: none (from versions: none)' >&2; echo '{said}' >&2; exit 1")
    with pytest.raises(InputError, match=rf"{said}; it found no version at all: is the package index within"):
        wheels.fetch({"numpy": "9"}, "3.11", tmp_path)


def test_a_cache_is_read_back_as_it_was_written(cache_with: CacheWith) -> None:
    cache = cache_with("true")
    assert open_cache(cache.folder) == cache


def test_a_cache_that_is_missing_damaged_or_of_other_versions_is_told(
    cache_with: CacheWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BackendUnavailableError, match=r"no ARM64 root in .*: run `ldikit arm64 setup`"):
        open_cache(tmp_path / "none")
    folder = cache_with("true").folder
    monkeypatch.setattr(wheels, "installed", lambda: {"onnxruntime": "9.9"})
    with pytest.raises(BackendUnavailableError, match=r"holds onnxruntime 1\.32\.0, installed is 9\.9"):
        open_cache(folder)
    for content in ("[]", "{", '{"schema_version": 1}', '{"schema_version": 99}'):
        (folder / MANIFEST).write_text(content)
        with pytest.raises(BackendUnavailableError, match="ldikit arm64 setup"):
            open_cache(folder)


def test_the_cache_folder_is_the_users_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LDIKIT_ARM64", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "ldikit/arm64"
    monkeypatch.setenv("LDIKIT_ARM64", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"


@pytest.mark.parametrize(
    "error",
    [InputError("a wrong checksum"), OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()],
)
def test_a_setup_that_fails_half_way_leaves_the_older_cache_and_nothing_else(
    error: BaseException, cache_with: CacheWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = cache_with("true")
    (older.folder / MANIFEST).write_text("{}")  # does not fit any more
    before = sorted(path.name for path in older.folder.parent.iterdir())

    def failing(building: Path, *rest: object) -> Cache:
        (building / "half").write_bytes(b"x" * 1000)
        raise error

    monkeypatch.setattr(build, "emulating_host", lambda: True)
    monkeypatch.setattr(build, "_debian", failing)
    with pytest.raises((InputError, KeyboardInterrupt)) as caught:
        build.setup(older.folder)
    if isinstance(error, OSError):
        assert str(caught.value) == f"cannot write {older.folder}: No space left on device"
    assert sorted(path.name for path in older.folder.parent.iterdir()) == before
    assert older.qemu.is_file()


def test_a_complete_cache_is_left_as_it_is(cache_with: CacheWith, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = cache_with("true")
    monkeypatch.setattr(build, "emulating_host", lambda: True)
    said: list[str] = []
    assert build.setup(cache.folder, say=said.append) == cache
    assert said == [f"{cache.folder} is complete already"]


def test_a_host_that_cannot_emulate_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "emulating_host", lambda: False)
    with pytest.raises(BackendUnavailableError, match="on Linux on x86-64 alone"):
        build.setup(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_root_of_ones_own_needs_python_and_a_new_qemu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Callable[[Path, str], Path], installed: dict
) -> None:
    monkeypatch.setattr(build, "emulating_host", lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    root, target = tmp_path / "root", tmp_path / "cache"
    with pytest.raises(InputError, match=r"it has no usr/bin/python3\.N"):
        build.setup(target, root)
    script(root / "usr/bin/python3.11", "true")
    with pytest.raises(BackendUnavailableError, match="is on the path: install QEMU 10"):
        build.setup(target, root)
    script(tmp_path / "bin/qemu-aarch64", "echo 'qemu-aarch64 version 7.2.22 (Debian 1:7.2)'")
    with pytest.raises(BackendUnavailableError, match=r"is QEMU 7\.2\.22; it takes 10\.0 or newer"):
        build.setup(target, root)
    script(tmp_path / "bin/qemu-aarch64", "echo hello")
    with pytest.raises(InputError, match="is no QEMU: it says 'hello"):
        build.setup(target, root)
    assert not target.exists()
