"""The package as users get it: a complete wheel, rooms that import only what they may, lazy heavy imports."""

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("reference", "calibration", "runtime", "export")
MAY_IMPORT = {
    "reference": set(),
    "calibration": {"reference"},
    "runtime": {"reference"},
    "export": {"reference", "calibration", "runtime"},
}


def modules() -> list[Path]:
    files = [ROOT / "__init__.py"]
    for room in ("cli", *ROOMS):
        files += sorted((ROOT / room).rglob("*.py"))
    return files


def test_wheel_holds_every_module_and_the_weights(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(
        ROOT,
        source,
        ignore=shutil.ignore_patterns(
            ".*", "build", "dist", "*.egg-info", "__pycache__", "out", "docs", "tests"
        ),
    )
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    missing = [f"ldikit/{m.relative_to(ROOT).as_posix()}" for m in modules()]
    assert [name for name in missing if name not in names] == []
    assert {n for n in names if n.endswith(".safetensors")} == {
        "ldikit/reference/weights/pocket_depth.safetensors",
        "ldikit/reference/weights/pocket_inpaint.safetensors",
        "ldikit/reference/weights/pocket_int8.safetensors",
    }
    assert "ldikit/runtime/arm64/kinds.c" in names
    assert sum(n.startswith("ldikit/calibration/photos/") and n.endswith(".jpg") for n in names) >= 5
    assert "ldikit/py.typed" in names


def test_every_package_folder_is_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {"ldikit"} | {
        "ldikit." + path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for path in modules()
        if path.name == "__init__.py" and path.parent != ROOT
    }
    assert listed == found


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_they_may(room: str) -> None:
    wrong = []
    for path in sorted((ROOT / room).rglob("*.py")):
        depth = len(path.relative_to(ROOT).parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == depth:
                target = (node.module or "").split(".")[0]
            elif isinstance(node, ast.ImportFrom) and node.level > depth:
                target = "(above the package)"
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ldikit":
                target = "(absolute import)"
            else:
                continue
            if target not in MAY_IMPORT[room] | {room}:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} imports {target}")
    assert wrong == []


@pytest.mark.parametrize("statement", ["import ldikit", "import ldikit.cli"])
def test_import_loads_no_heavy_library(statement: str) -> None:
    heavy = "torch numpy onnxruntime coremltools ai_edge_litert plotly av skimage"
    code = f"import sys; {statement}; print([m for m in {heavy.split()} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_loads_no_torch() -> None:
    code = (
        "import sys; sys.argv = ['ldikit', '--help']\n"
        "from ldikit.cli import app\n"
        "try: app()\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(verb in done.stdout for verb in ("build", "export", "verify", "profile", "photo", "inspect"))


def test_no_module_is_longer_than_a_screenful_of_concepts() -> None:
    assert [str(m.relative_to(ROOT)) for m in modules() if len(m.read_text().splitlines()) > 400] == []
