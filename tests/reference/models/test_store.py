"""The entries, where their files lie, and fetching them from a folder or a server."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.models import entries, locate
from ldikit.reference.models.entries import ENTRIES, ModelEntry, ModelFile
from ldikit.reference.models.fetch import fetch

TIEFENRAUSCH = Path(__file__).resolve().parents[3].parent / "shared" / "models" / "tiefenrausch"
TWO = {"a.pb": b"alpha", "b.pb": b"beta"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LDIKIT_MODELS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def two(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """An entry of two files that lie in a folder, published as file URLs; the second's hash is not known."""
    (tmp_path / "published").mkdir()
    for name, content in TWO.items():
        (tmp_path / "published" / name).write_bytes(content)
    files = tuple(
        ModelFile(name, ((tmp_path / "published" / name).as_uri(),), sha256, len(TWO[name]))
        for name, sha256 in (("a.pb", hashlib.sha256(b"alpha").hexdigest()), ("b.pb", None))
    )
    entry = ModelEntry("two", "depth", "MIT", "https://example.org", "a paper", files)
    monkeypatch.setitem(entries.ENTRIES, "two", entry)
    return entry


def test_every_entry_is_complete():
    for name, entry in ENTRIES.items():
        assert entry.name == name and entry.stage in ("depth", "inpaint")
        assert entry.licence and entry.paper and entry.source.startswith("https://")
        assert entry.files
        for file in entry.files:
            assert file.urls and all(url.startswith("https://") for url in file.urls)
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)


@pytest.mark.skipif(not TIEFENRAUSCH.is_dir(), reason="no ../shared/models/tiefenrausch here")
def test_tiefenrausch_is_what_was_published():
    for file in ENTRIES["tiefenrausch"].files:
        content = (TIEFENRAUSCH / file.name).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size)


def test_shih_needs_no_edge_network(cache):
    (cache / "shih").mkdir(parents=True)
    for name in ("depth-model.pth", "color-model.pth"):
        (cache / "shih" / name).touch()
    assert locate.locate("shih") == cache / "shih"
    with pytest.raises(InputError, match=r"get shih-edges` fetches them, or put edge-model\.pth of .* into"):
        locate.locate("shih-edges")
    (cache / "shih" / "edge-model.pth").touch()
    assert locate.locate("shih-edges") == cache / "shih"
    assert ENTRIES["shih"].licence == "MIT" and "CC BY-NC" in ENTRIES["shih-edges"].licence


@pytest.mark.parametrize("name", ["", "..", "../x.pb", "/etc/x.pb", "a/b.pb", "a\\b.pb"])
def test_a_file_name_leaves_no_folder(name):
    with pytest.raises(ValueError, match="no plain file name"):
        ModelFile(name, (), None, None)


@pytest.mark.parametrize("name", ["", "..", "../two", "/etc", "nosuch", "two/"])
def test_only_known_names_are_looked_for(two, cache, name):
    for look in (locate.locate, fetch):
        with pytest.raises(InputError, match=r"no published network .*known: .*tiefenrausch, two"):
            look(name)
    assert not cache.exists()


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("LDIKIT_MODELS", "~/m")
    assert locate.cache_folder() == Path.home() / "m"
    monkeypatch.delenv("LDIKIT_MODELS")
    for platform, variable, expected in (
        ("linux", "XDG_CACHE_HOME", tmp_path),
        ("win32", "LOCALAPPDATA", tmp_path),
        ("darwin", "UNUSED", Path.home() / "Library" / "Caches"),
    ):
        monkeypatch.setattr(locate.sys, "platform", platform)
        monkeypatch.setenv(variable, str(tmp_path))
        assert locate.cache_folder() == expected / "ldikit" / "models"
    monkeypatch.setattr(locate.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert locate.cache_folder() == Path.home() / ".cache" / "ldikit" / "models"


def test_locate_says_what_is_missing_and_where_to_put_it(two, cache):
    with pytest.raises(InputError) as caught:
        locate.locate("two")
    assert "ldikit models get two" in str(caught.value)
    assert f"put a.pb, b.pb of https://example.org into {cache / 'two'}" in str(caught.value)
    assert caught.value.exit_code == 2
    (cache / "two").mkdir(parents=True)
    (cache / "two" / "a.pb").touch()
    with pytest.raises(InputError, match=r"put b\.pb of"):
        locate.locate("two")
    (cache / "two" / "b.pb").touch()
    assert locate.locate("two") == cache / "two"


def test_fetch_then_locate(two, cache):
    first, second = fetch("two")
    assert (first.checked, first.fetched) == (True, True)
    assert (second.checked, second.fetched) == (False, True)
    assert second.sha256 == hashlib.sha256(b"beta").hexdigest()
    folder = locate.locate("two")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == TWO
    assert [file.fetched for file in fetch("two")] == [False, False]


def test_another_file_of_that_name_is_not_replaced_without_leave(two, cache):
    fetch("two")
    (cache / "two" / "a.pb").write_bytes(b"mine!")
    with pytest.raises(InputError, match=r"a\.pb is not the published file .*--overwrite"):
        fetch("two")
    assert (cache / "two" / "a.pb").read_bytes() == b"mine!"
    assert [file.fetched for file in fetch("two", overwrite=True)] == [True, False]
    assert (cache / "two" / "a.pb").read_bytes() == b"alpha"


def test_from_a_folder_of_ones_own(two, tmp_path, server):
    own = tmp_path / "my folder"
    own.mkdir()
    with pytest.raises(InputError, match=r"no a\.pb in .*my folder"):
        fetch("two", str(own))
    (own / "a.pb").write_bytes(b"alpha")
    (own / "b.pb").write_bytes(b"beta")
    assert all(file.fetched for file in fetch("two", str(own)))


def test_from_a_server_of_ones_own(two, server):
    server.files = {f"/mirror/{name}": content for name, content in TWO.items()}
    assert all(file.fetched for file in fetch("two", f"{server.address}/mirror/"))
    assert [path for path, _ in server.asked] == ["/mirror/a.pb", "/mirror/b.pb"]


def test_a_source_gives_the_published_files_or_none(two, server, cache):
    server.files = {"/a.pb": b"ALPHA"}
    with pytest.raises(InputError, match="another file than the published one"):
        fetch("two", server.address)
    assert list((cache / "two").iterdir()) == []


def test_the_next_place_is_tried(two, cache, tmp_path, monkeypatch):
    gone = (tmp_path / "gone").as_uri()
    file = ModelFile("a.pb", (gone, *two.files[0].urls), two.files[0].sha256, None)
    monkeypatch.setitem(entries.ENTRIES, "two", ModelEntry("two", "depth", "", "", "", (file,)))
    assert fetch("two")[0].fetched
    file = ModelFile("a.pb", (gone, gone + "2"), two.files[0].sha256, None)
    monkeypatch.setitem(entries.ENTRIES, "two", ModelEntry("two", "depth", "", "", "", (file,)))
    (cache / "two" / "a.pb").unlink()
    with pytest.raises(InputError, match=r"cannot reach .*gone: .*cannot reach .*gone2: .*put a\.pb into"):
        fetch("two")


def test_a_cache_that_cannot_be_made(two, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LDIKIT_MODELS", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot write .*Not a directory"):
        fetch("two")


# The tests of other rooms register networks of their own: a fresh interpreter knows the package's alone.
LISTING = """
import json
from ldikit.reference.catalogue import catalogue
from ldikit.reference.depth.protocol import depth_networks
from ldikit.reference.inpaint.protocol import inpaint_networks
rows = [[row.name, row.here] for row in catalogue()]
print(json.dumps({"rows": rows, "registered": [*depth_networks, *inpaint_networks]}))
"""


def test_every_registered_network_is_embedded_or_published(cache):
    done = subprocess.run([sys.executable, "-c", LISTING], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert [name for name, _ in found["rows"]] == found["registered"]
    assert {name for name, here in found["rows"] if here} == {"pocket"}
    assert set(found["registered"]) == {"pocket", *ENTRIES}
