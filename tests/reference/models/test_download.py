"""One file from a server that behaves, breaks off, lies, or serves something else."""

import hashlib
import urllib.request
from pathlib import Path

import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.models import download as module
from ldikit.reference.models.download import CHUNK, download

CONTENT = bytes(range(256)) * 3000  # 768 000 bytes: three chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HTTP = ("http",)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "weights.pt"


def part_of(target: Path) -> Path:
    return target.with_name("weights.pt.part")


def test_fresh(server, target):
    server.files["/weights.pt"] = CONTENT
    found = download(f"{server.address}/weights.pt", target, SHA256, len(CONTENT), HTTP)
    assert found == SHA256
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["weights.pt"]


def test_without_a_published_hash_the_computed_one_is_returned(server, target):
    server.files["/weights.pt"] = CONTENT
    part_of(target).write_bytes(b"what an earlier try left cannot be trusted")
    assert download(f"{server.address}/weights.pt", target, None, None, HTTP) == SHA256
    assert server.asked == [("/weights.pt", None)]


def test_an_interrupted_download_goes_on_where_it_stopped(server, target):
    server.files["/weights.pt"] = CONTENT
    server.breaks_after = 300_000
    with pytest.raises(InputError, match=r"broke off .*after 300000 of 768000 bytes.*try again"):
        download(f"{server.address}/weights.pt", target, SHA256, None, HTTP)
    assert not target.exists()
    assert part_of(target).read_bytes() == CONTENT[:300_000]
    server.breaks_after = None
    download(f"{server.address}/weights.pt", target, SHA256, None, HTTP)
    assert server.asked[-1] == ("/weights.pt", "bytes=300000-")
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()


def test_a_server_without_ranges_starts_over(server, target):
    server.files["/weights.pt"], server.ranges = CONTENT, False
    part_of(target).write_bytes(CONTENT[:100_000])
    download(f"{server.address}/weights.pt", target, SHA256, None, HTTP)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_part_that_is_whole_already_is_only_checked(server, target, size):
    server.files["/weights.pt"] = CONTENT
    part_of(target).write_bytes(CONTENT)
    download(f"{server.address}/weights.pt", target, SHA256, size, HTTP)
    assert target.read_bytes() == CONTENT
    assert len(server.asked) == (0 if size else 1)


def test_a_part_beyond_the_size_is_thrown_away(server, target):
    server.files["/weights.pt"] = CONTENT
    part_of(target).write_bytes(CONTENT + b"more")
    download(f"{server.address}/weights.pt", target, SHA256, len(CONTENT), HTTP)
    assert target.read_bytes() == CONTENT


def test_a_damaged_file_is_removed_and_the_old_one_stays(server, target):
    server.files["/weights.pt"] = CONTENT[:-1] + b"?"
    target.write_bytes(b"old")
    with pytest.raises(InputError, match=f"another file than the published one .*not {SHA256}.*removed"):
        download(f"{server.address}/weights.pt", target, SHA256, None, HTTP)
    assert target.read_bytes() == b"old"
    assert not part_of(target).exists()


def test_a_wrong_part_spoils_one_try_only(server, target):
    server.files["/weights.pt"] = CONTENT
    part_of(target).write_bytes(b"x" * 1000)
    with pytest.raises(InputError, match="another file"):
        download(f"{server.address}/weights.pt", target, SHA256, None, HTTP)
    download(f"{server.address}/weights.pt", target, SHA256, None, HTTP)
    assert target.read_bytes() == CONTENT


def test_not_found(server, target):
    with pytest.raises(InputError, match=r"/weights\.pt answered 404 Not Found$"):
        download(f"{server.address}/weights.pt", target, SHA256, None, HTTP)
    assert list(target.parent.iterdir()) == []


def test_nobody_answers(server, target):
    port = server.address.rpartition(":")[2]
    url = f"http://127.0.0.1:{port}/weights.pt".replace(port, "1")
    with pytest.raises(InputError, match="cannot reach"):
        download(url, target, SHA256, None, HTTP)


def test_a_silent_server_is_given_up(server, target, monkeypatch):
    server.files["/weights.pt"], server.breaks_after, server.hangs = CONTENT, 300_000, True
    monkeypatch.setattr(module, "TIMEOUT_S", 0.2)
    with pytest.raises(InputError, match=r"broke off \(timed out\)"):
        download(f"{server.address}/weights.pt", target, SHA256, None, HTTP)


def test_larger_than_published_is_refused_before_it_is_read(server, target):
    server.files["/weights.pt"] = CONTENT
    with pytest.raises(InputError, match="would be 768000 bytes, and 1000 are allowed"):
        download(f"{server.address}/weights.pt", target, SHA256, 1000, HTTP)
    assert list(target.parent.iterdir()) == []


def test_larger_than_it_says_is_cut_off(server, target, monkeypatch):
    server.files["/weights.pt"], server.declares = CONTENT, 0
    monkeypatch.setattr(module, "LARGEST_FILE", CHUNK + 10)
    with pytest.raises(InputError, match=f"larger than the {CHUNK + 10} bytes"):
        download(f"{server.address}/weights.pt", target, SHA256, None, HTTP)
    assert list(target.parent.iterdir()) == []


def test_only_the_allowed_schemes(server, target):
    for url in (f"{server.address}/weights.pt", "ftp://example.org/weights.pt", "/etc/hostname"):
        with pytest.raises(InputError, match="only https and file URLs are allowed"):
            download(url, target, SHA256, None, ("https", "file"))
    assert server.asked == []


def test_redirects_stay_as_safe_as_they_were(server, target):
    server.files["/moved"] = CONTENT
    server.redirects["/weights.pt"] = "/moved"
    assert download(f"{server.address}/weights.pt", target, None, None, HTTP) == SHA256
    request, handler = urllib.request.Request("https://example.org/a"), module._SameSecurity()
    with pytest.raises(InputError, match=r"redirects to http://example\.org/a: only https"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://example.org/a")
    followed = handler.redirect_request(request, None, 302, "Found", {}, "https://example.org/b")
    assert followed.full_url == "https://example.org/b"


def test_a_file_url(target, tmp_path):
    (tmp_path / "here.pt").write_bytes(CONTENT)
    download((tmp_path / "here.pt").as_uri(), target, SHA256, None, ("file",))
    assert target.read_bytes() == CONTENT


def test_a_place_that_cannot_be_written(server, tmp_path):
    server.files["/weights.pt"] = CONTENT
    with pytest.raises(InputError, match=r"cannot write .*No such file or directory"):
        download(f"{server.address}/weights.pt", tmp_path / "nowhere" / "x", SHA256, None, HTTP)
