import json
from pathlib import Path

import pytest
from ldikit.cli import app
from ldikit.reference.errors import MissingExtraError
from ldikit.runtime.lint import lint as module
from typer.testing import CliRunner


def test_lint_judges_every_file_and_writes_them(plain_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "lint.json"
    done = CliRunner().invoke(app, ["lint", str(plain_bundle), "--json", str(path)])
    assert done.exit_code == 0
    assert "NNAPI" in done.output
    written = json.loads(path.read_text())
    targets = {(file["file"].rpartition(".")[2], file["target"]) for file in written["files"]}
    assert {("onnx", "NNAPI"), ("onnx", "Core ML EP")} <= targets
    for file in written["files"]:
        assert 0 < file["taken"] <= file["operations"]
        assert file["taken"] + sum(file["breaking"].values()) >= file["operations"]


def test_a_missing_library_is_exit_3_and_names_the_files(
    plain_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(path: Path, name: str) -> list:
        raise MissingExtraError("onnxruntime", "onnx", "running ONNX files")

    monkeypatch.setitem(module._OF_FORMAT, "onnx", missing)
    done = CliRunner().invoke(app, ["lint", str(plain_bundle)])
    assert done.exit_code == 3
    assert "not judged: running ONNX files needs" in done.output


def test_an_existing_file_is_kept(plain_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "lint.json"
    path.write_text("mine")
    assert CliRunner().invoke(app, ["lint", str(plain_bundle), "--json", str(path)]).exit_code != 0
    assert path.read_text() == "mine"
