"""The verbs of the model store as a user meets them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LDIKIT = Path(sys.executable).parent / "ldikit"


@pytest.fixture
def run(tmp_path: Path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LDIKIT_MODELS": str(tmp_path / "cache")}
        command = [str(LDIKIT), "models", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_list_says_what_is_here_and_how_to_get_the_rest(run, tmp_path):
    done = run("list", "--json", "models.json")
    assert done.returncode == 0, done.stderr
    rows = {(row["stage"], row["name"]): row for row in json.loads((tmp_path / "models.json").read_text())}
    assert rows["depth", "pocket"]["here"] and rows["depth", "pocket"]["parameters"] > 100_000
    published = rows["depth", "tiefenrausch"]
    assert not published["here"] and published["weights_bytes"] == 50_464 + 3_777_421
    assert published["weights"] == "not here: ldikit models get tiefenrausch"
    assert published["weights"] in done.stdout
    (tmp_path / "cache" / "tiefenrausch").mkdir(parents=True)
    (tmp_path / "cache" / "tiefenrausch" / "tiefenrausch.pb").write_bytes(b"1234")
    (tmp_path / "cache" / "tiefenrausch" / "tiefenrausch_init.pb").write_bytes(b"12345")
    assert run("list", "--json", "models.json", "--overwrite").returncode == 0
    rows = {(row["stage"], row["name"]): row for row in json.loads((tmp_path / "models.json").read_text())}
    assert rows["depth", "tiefenrausch"]["here"] and rows["depth", "tiefenrausch"]["weights_bytes"] == 9


def test_get_from_a_folder_and_path(run, tmp_path):
    done = run("path", "tiefenrausch")
    assert done.returncode == 2
    assert "ldikit models get tiefenrausch" in done.stderr and len(done.stderr.splitlines()) == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "tiefenrausch.pb").write_bytes(b"no network")
    done = run("get", "tiefenrausch", "--from", "mine")
    assert done.returncode == 2
    assert "another file than the published one" in done.stderr and len(done.stderr.splitlines()) == 1
    assert list((tmp_path / "cache" / "tiefenrausch").iterdir()) == []


def test_get_the_published_files(run, tmp_path):
    published = Path(__file__).resolve().parents[2] / "shared" / "models" / "tiefenrausch"
    if not published.is_dir():
        pytest.skip("no ../shared/models/tiefenrausch here")
    done = run("get", "tiefenrausch", "--from", str(published), "--json", "got.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("fetched, sha256") == done.stdout.count("(checked)") == 2
    assert [row["fetched"] for row in json.loads((tmp_path / "got.json").read_text())] == [True, True]
    assert run("path", "tiefenrausch").stdout.strip() == str(tmp_path / "cache" / "tiefenrausch")


@pytest.mark.parametrize("arguments", [("get", "../x"), ("path", "nosuch"), ("get",), ("fetch", "x")])
def test_bad_input_is_one_line_and_exit_2(run, arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
