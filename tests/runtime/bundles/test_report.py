import base64
import errno
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.backends.protocol import backends
from ldikit.runtime.bundle import open_bundle
from ldikit.runtime.manifest import Substitution
from ldikit.runtime.parity.verify import ParityReport, verify
from ldikit.runtime.report.heat import full_scale, inferno
from ldikit.runtime.report.pictures import over_checker, picture
from ldikit.runtime.report.report import number, summary, write_report
from PIL import Image


class Page(HTMLParser):
    """Collects what a page shows and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attributes if name in ("src", "href", "data")]

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., Page]:
    def make(folder: Path, parity: ParityReport, **changes: object) -> Page:
        manifest = replace(open_bundle(folder).manifest, **changes)
        write_report(tmp_path / "report.html", manifest, parity)
        return Page((tmp_path / "report.html").read_text(encoding="utf-8"))

    return make


def test_a_page_shows_the_verdict_and_pictures_and_fetches_nothing(
    plain_bundle: Path, page_of: Callable[..., Page]
) -> None:
    page = page_of(plain_bundle, verify(plain_bundle))
    assert "It passes every gate." in page.words
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    assert "link" not in page.tags
    # A photo; depth, two hidden layers and a view or two, each thrice.
    assert page.tags.count("img") in (13, 16)
    source = next(source for source in page.sources if source.startswith("data:"))
    image = Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1])))
    assert image.size == (96, 64)


def test_a_failing_candidate_is_named_with_its_cause(
    kit: SimpleNamespace,
    exported: dict[str, onnx.ModelProto],
    bundle_of: Callable[..., Path],
    page_of: Callable[..., Page],
) -> None:
    scaled = kit.edit(exported["64x96"], "disparity", "Mul", np.float32(1.05))
    folder = bundle_of({"a.onnx": ("fp32", exported["64x96"]), "b.onnx": ("fp16", scaled)})
    page = page_of(folder, verify(folder))
    text = " ".join(page.words)
    assert "1 of 2 pass, 1 fails." in page.words
    assert re.search(r"\d+% of the view error comes from the depth network", text)
    assert "cause" in page.words


def test_not_verified_never_looks_like_success(
    plain_bundle: Path, page_of: Callable[..., Page], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ldikit.reference.errors import MissingExtraError

    def missing(path: Path, entry: object, threads: int = 1) -> None:
        raise MissingExtraError("onnxruntime", "onnx", "running ONNX files")

    monkeypatch.setitem(backends._entries, "onnxruntime", missing)
    page = page_of(plain_bundle, verify(plain_bundle))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "0 of 1 pass, 1 not verified." in page.words
    assert 'class="banner not_verified"' in text
    assert 'class="chip pass"' not in text


def test_text_from_a_manifest_cannot_become_markup(
    plain_bundle: Path, page_of: Callable[..., Page], tmp_path: Path
) -> None:
    evil = "<script>alert(1)</script>"
    substitution = Substitution("onnx", "fp32", "64x96", evil, evil, evil, 0.5)
    page = page_of(plain_bundle, verify(plain_bundle, pictures=False), substitutions=(substitution,))
    assert "script" not in page.tags
    assert page.words.count(evil) == 3


def test_fragments_of_a_profile_go_in_as_they_are(plain_bundle: Path, tmp_path: Path) -> None:
    from ldikit.runtime.report.report import render_report

    parity = verify(plain_bundle, pictures=False)
    manifest = open_bundle(plain_bundle).manifest
    host = SimpleNamespace(title="a machine")
    profile = SimpleNamespace(host=host, drifted=["onnx fp32: +40%"], notes=[], candidates=())
    text = render_report(manifest, parity, profile, [("Latency", "<svg id='chart'></svg>")])
    assert "<svg id='chart'></svg>" in text
    assert "onnx fp32: +40%" in text


def test_a_full_disk_leaves_the_old_page(
    plain_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    parity = verify(plain_bundle, pictures=False)

    def full(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(InputError, match="No space left"):
            write_report(path, open_bundle(plain_bundle).manifest, parity)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.glob(".*")] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "not finite"),
        (float("inf"), "not finite"),
        (200.0, "equal"),
        (0.0, "0"),
        (3, "3"),
        (0.99987654, "0.99988"),
        (52.34567, "52.35"),
        (0.000123, "1.23e-04"),
        (-12.5, "-12.5"),
    ],
)
def test_numbers_are_written_for_people(value: float | None, text: str) -> None:
    assert number(value) == text


def test_nothing_verified_is_no_success() -> None:
    assert summary([])[0] == "not_verified"


def test_heat_runs_from_dark_to_bright_and_shows_what_is_not_finite() -> None:
    colors = inferno(np.array([[0.0, 0.5, 1.0, np.nan, 2.0]]))
    assert colors[0, 0].tolist() == [0, 0, 4]
    assert colors[0, 1].tolist() == [186, 54, 85]
    assert colors[0, 2].tolist() == colors[0, 4].tolist() == [252, 255, 164]
    assert colors[0, 3].tolist() == [0, 255, 255]


@pytest.mark.parametrize(
    ("largest", "scale"), [(0.0, 1e-6), (0.004, 0.01), (0.01, 0.01), (0.3, 1.0), (7.0, 1.0)]
)
def test_difference_scales_are_powers_of_ten(largest: float, scale: float) -> None:
    assert full_scale(np.array([0.0, largest])) == pytest.approx(scale)


def test_an_empty_layer_is_a_checkerboard_and_a_full_one_its_colour() -> None:
    color = np.full((3, 16, 16), 0.25)
    assert np.allclose(over_checker(color, np.ones((16, 16))), 0.25)
    board = over_checker(color, np.zeros((16, 16)))
    assert np.allclose([board[0, 0, 0], board[0, 8, 0], board[8, 8, 0]], [0.8, 0.92, 0.8])


def test_a_picture_with_values_that_are_not_finite_is_still_a_picture() -> None:
    pixels = np.full((8, 8, 3), np.nan)
    shown = picture(pixels, "broken")
    assert Image.open(io.BytesIO(shown.data)).getpixel((4, 4)) == (0, 0, 0)
