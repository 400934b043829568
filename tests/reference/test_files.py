"""Outputs appear whole or not at all; nothing old is lost by an error, a full disk or an interrupt."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.files import atomic_file, atomic_folder, check_new

FULL_DISK = Path("/dev/full")


def tree(folder: Path) -> dict[str, str | None]:
    """Every path below `folder`, hidden ones too, with the text of files."""
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An output folder of an earlier run."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("old")
    return tmp_path / "out"


def test_folder_appears_whole(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "x" / "out") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a").write_text("new")
        assert folder.parent == tmp_path / "x" and folder.name != "out"
        assert not (tmp_path / "x" / "out").exists()
    assert tree(tmp_path) == {"x": None, "x/out": None, "x/out/sub": None, "x/out/sub/a": "new"}


def test_folder_is_replaced_only_with_overwrite(old: Path) -> None:
    with pytest.raises(InputError, match=r"exists already.*--overwrite"), atomic_folder(old):
        pytest.fail("the body must not run")
    assert tree(old.parent) == {"out": None, "out/a": "old"}
    with atomic_folder(old, overwrite=True) as folder:
        (folder / "b").write_text("new")
        assert tree(old) == {"a": "old"}
    assert tree(old.parent) == {"out": None, "out/b": "new"}


def test_file_appears_whole(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "x" / "a.json") as file:
        file.write_text("new")
        assert file.suffix == ".json"  # writers choose the format by it
        assert not (tmp_path / "x" / "a.json").exists()
    assert tree(tmp_path) == {"x": None, "x/a.json": "new"}
    with pytest.raises(InputError, match="exists already"), atomic_file(tmp_path / "x" / "a.json"):
        pytest.fail("the body must not run")
    with atomic_file(tmp_path / "x" / "a.json", overwrite=True) as file:
        file.write_text("newer")
    assert tree(tmp_path) == {"x": None, "x/a.json": "newer"}


Atomic = Callable[..., AbstractContextManager[Path]]


@pytest.mark.parametrize(
    "error", [ValueError("bug"), KeyboardInterrupt(), SystemExit(3), InputError("bad photo")]
)
@pytest.mark.parametrize("atomic", [atomic_folder, atomic_file])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_error_half_way_leaves_everything_as_it_was(
    tmp_path: Path, atomic: Atomic, error: BaseException, overwrite: bool
) -> None:
    path = tmp_path / "deep" / "er" / "out"
    if overwrite:
        path.parent.mkdir(parents=True)
        if atomic is atomic_folder:
            path.mkdir()
            (path / "a").write_text("old")
        else:
            path.write_text("old")
    before = tree(tmp_path)
    with pytest.raises(type(error)) as caught, atomic(path, overwrite) as temporary:
        (temporary / "half" if atomic is atomic_folder else temporary).write_text("half")
        raise error
    assert caught.value is error
    assert tree(tmp_path) == before


@pytest.mark.skipif(not FULL_DISK.exists(), reason="no /dev/full here to be a full disk")
def test_full_disk(old: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*out: No space left on device"):  # noqa: SIM117
        with atomic_folder(old, overwrite=True) as folder:
            (folder / "first").write_text("fits")
            (folder / "second").symlink_to(FULL_DISK)
            (folder / "second").write_text("does not fit")
    assert tree(old.parent) == {"out": None, "out/a": "old"}
    with pytest.raises(InputError, match="No space left"), atomic_file(old / "a", overwrite=True) as file:
        file.write_text("half")
        FULL_DISK.write_text("does not fit")
    assert tree(old.parent) == {"out": None, "out/a": "old"}


def test_an_error_about_another_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*out: No such file or directory \(.*missing\)"):  # noqa: SIM117
        with atomic_folder(tmp_path / "out"):
            (tmp_path / "missing").read_text()


@pytest.fixture
def fail_at_rename(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, BaseException, bool], None]]:
    """Let the n-th rename of the code under test raise, before or after it is done."""
    rename = Path.rename

    def arrange(nth: int, error: BaseException, done: bool) -> None:
        calls = 0

        def failing(self: Path, target: Path) -> Path:
            nonlocal calls
            calls += 1
            if calls == nth:
                if done:
                    rename(self, target)
                raise error
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", failing)

    yield arrange


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
def test_no_output_is_lost_while_swapping(
    old: Path,
    fail_at_rename: Callable[[int, BaseException, bool], None],
    nth: int,
    error: BaseException,
    done: bool,
) -> None:
    with pytest.raises((KeyboardInterrupt, InputError)):  # noqa: SIM117
        with atomic_folder(old, overwrite=True) as folder:
            (folder / "a").write_text("new")
            fail_at_rename(nth, error, done)
    # Only an interrupt after the new folder is in place leaves the new one; nothing else is left anywhere.
    assert tree(old.parent) == {"out": None, "out/a": "new" if nth == 2 and done else "old"}


def test_what_appears_meanwhile_is_not_lost(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="meanwhile"), atomic_folder(tmp_path / "out"):
        (tmp_path / "out").write_text("of another program")
    with pytest.raises(InputError, match="meanwhile"), atomic_file(tmp_path / "file"):
        (tmp_path / "file").write_text("of another program")
    assert tree(tmp_path) == {"out": "of another program", "file": "of another program"}


def test_a_real_interrupt(old: Path) -> None:
    program = f"""
        import os, signal
        from pathlib import Path
        from ldikit.reference.files import atomic_folder
        # A parent that runs in the background of a shell hands on that interrupts are ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with atomic_folder(Path({str(old)!r}), overwrite=True) as folder:
            (folder / "a").write_text("half")
            os.kill(os.getpid(), signal.SIGINT)
            while True:
                (folder / "b").write_text("half")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGINT
    assert b"KeyboardInterrupt" in done.stderr
    assert tree(old.parent) == {"out": None, "out/a": "old"}


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(InputError, match="is not a folder"):
        check_new(tmp_path / "file" / "out", overwrite=True)
    with pytest.raises(InputError, match="it is a folder"), atomic_file(tmp_path, overwrite=True):
        pytest.fail("the body must not run")
    with pytest.raises(InputError, match="name too long"):
        check_new(tmp_path / ("x" * 300), overwrite=False)
    monkeypatch.setattr(
        os, "access", lambda *_: False
    )  # root may write everywhere, so the refusal is made here
    with pytest.raises(InputError, match="no permission to write in"), atomic_folder(tmp_path / "out"):
        pytest.fail("the body must not run")
    assert tree(tmp_path) == {"file": "old"}


def test_parent_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match="Read-only file system"), atomic_folder(tmp_path / "x" / "out"):
        pytest.fail("the body must not run")


def test_the_working_folder_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis").write_text("precious")
    monkeypatch.chdir(tmp_path / "work")
    for path in (Path(), Path(".."), tmp_path / "work", tmp_path):
        with pytest.raises(InputError, match="working folder"), atomic_folder(path, overwrite=True):
            pytest.fail("the body must not run")
    assert tree(tmp_path) == {"work": None, "work/thesis": "precious"}


def test_a_link_is_replaced_and_what_it_points_to_kept(old: Path) -> None:
    link = old.parent / "link"
    link.symlink_to(old)
    with atomic_folder(link, overwrite=True) as folder:
        (folder / "b").write_text("new")
    assert tree(old) == {"a": "old"}
    assert not link.is_symlink() and tree(link) == {"b": "new"}
    assert sorted(path.name for path in old.parent.iterdir()) == ["link", "out"]


def test_the_longest_name_that_the_system_takes(tmp_path: Path) -> None:
    name = "x" * 250 + ".json"
    with atomic_file(tmp_path / name) as file:
        file.write_text("new")
    assert tree(tmp_path) == {name: "new"}


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with atomic_folder(tmp_path / "out") as folder:
            (folder / "a").write_text("new")
        with atomic_file(tmp_path / "file") as file:
            file.write_text("new")
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
