import sys

import pytest
from ldikit.reference import progress


def on_a_terminal(patch: pytest.MonkeyPatch) -> None:
    """Make standard error a terminal; called in the test, for pytest gives each phase another stream."""
    patch.delenv("CI", raising=False)
    patch.setenv("TERM", "xterm")
    patch.setattr(progress, "_quiet", False)
    patch.setattr(sys.stderr, "isatty", lambda: True)


def test_steps_are_counted_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_terminal(monkeypatch)
    with progress.counted("trying") as count:
        for _ in range(3):
            count()
    printed = capsys.readouterr()
    assert "trying: 3" in printed.err and printed.out == ""


@pytest.mark.parametrize("reason", ["CI", "quiet", "no terminal"])
def test_nothing_is_drawn_otherwise(
    reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_terminal(monkeypatch)
    if reason == "CI":
        monkeypatch.setenv("CI", "1")
    elif reason == "quiet":
        progress.set_quiet(True)
    else:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    with progress.counted("trying") as count:
        count()
    assert list(progress.track([1, 2], "going")) == [1, 2]
    assert capsys.readouterr().err == ""
