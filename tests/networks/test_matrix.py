"""`ldikit build` of every published depth network with every inpainting network: `make networks`.

The weights of `tiefenrausch` are the published ones. Those of the other published networks are **seeded
random stand-ins** in the published layout (`stand_ins.py`), for theirs cannot be had here: what is shown is
that the networks export and how exactly, not how good they are.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import pytest
from ldikit.calibration.sources import bundled_photos
from ldikit.export.protocol import CONVERTERS
from ldikit.reference.depth.tiefenrausch.load import NAME as TIEFENRAUSCH
from ldikit.reference.errors import InputError
from ldikit.reference.models.locate import locate
from stand_ins import STAND_INS

pytestmark = [pytest.mark.slow, pytest.mark.networks]

SIZE = "96x128"
FORMATS, PRECISIONS = ("onnx", "coreml", "tflite"), ("fp32", "fp16", "int8")
DEPTH = (TIEFENRAUSCH, "midas-small", "depth-anything-v2-small")
INPAINT = ("pocket", "shih", "migan")
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "models"
CALIBRATING = ("astronaut_portrait", "china")


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What to give for each network; a stand-in is written once."""
    written = {"pocket": "pocket"}

    class Written(dict):
        def __missing__(self, name: str) -> str:
            if name == TIEFENRAUSCH:
                self[name] = published_tiefenrausch()
            else:
                self[name] = str(STAND_INS[name](tmp_path_factory.mktemp("stand-ins")))
            return self[name]

    return Written(written)


def published_tiefenrausch() -> str:
    if (SHARED / TIEFENRAUSCH).is_dir():
        return str(SHARED / TIEFENRAUSCH)
    try:
        return str(locate(TIEFENRAUSCH))
    except InputError:
        pytest.skip("the weights of tiefenrausch are not here: ldikit models get tiefenrausch")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Bundled photos to calibrate on, and the others, to verify on."""
    calibrate, verify = (tmp_path_factory.mktemp(name) for name in ("calibrate", "verify"))
    for photo in bundled_photos():
        shutil.copy(photo, calibrate if photo.stem in CALIBRATING else verify)
    return calibrate, verify


@pytest.mark.parametrize(("depth", "inpaint"), list(product(DEPTH, INPAINT)))
def test_it_builds_in_every_format_and_precision(depth, inpaint, weights, photos, tmp_path, figures):
    for format in FORMATS:
        missing = [module for module in CONVERTERS[format] if find_spec(module) is None]
        if missing:
            pytest.skip(f"{missing[0]} is not installed")
    if depth == "depth-anything-v2-small":
        pytest.importorskip("transformers")
    calibrate, verify = photos
    arguments = ["build", "-o", "phone", "--size", SIZE, "--precision", ",".join(PRECISIONS)]
    arguments += ["--depth", weights[depth], "--inpaint", weights[inpaint]]
    arguments += ["--calibration", str(calibrate), "--photos", str(verify)]
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", "from ldikit.cli import main; main()", *arguments],
        cwd=tmp_path,
        env={"OMP_NUM_THREADS": "1", **os.environ},
        capture_output=True,
        text=True,
    )
    seconds = time.monotonic() - start
    assert done.returncode in (0, 1), done.stderr[-4000:]
    assert "Traceback" not in done.stderr, done.stderr[-4000:]
    wanted = set(product(FORMATS, PRECISIONS))
    manifest = json.loads((tmp_path / "phone" / "manifest.json").read_text())
    assert {(f["format"], f["precision"]) for f in manifest["files"]} == wanted
    assert all((tmp_path / "phone" / f["path"]).exists() for f in manifest["files"])
    kept = {layer for kept in manifest["kept"] if kept["weight_only"] for layer in kept["layers"]}
    assert kept and all(layer.startswith("depth/") for layer in kept)
    candidates = json.loads((tmp_path / "phone" / "parity.json").read_text())["candidates"]
    assert {(c["format"], c["precision"]) for c in candidates} == wanted
    figures += [f"{depth} × {inpaint}: {seconds:.0f} s", *(f"  {line}" for line in map(figure, candidates))]
    assert {c["verdict"] for c in candidates} <= {"pass", "fail"}
    failed = {
        (c["format"], c["precision"], gate["name"]): gate["value"]
        for c in candidates
        for gate in c["gates"]
        if not gate["passed"]
    }
    known = known_to_fail(depth)
    assert {key: value for key, value in failed.items() if key not in known} == {}
    assert all(low <= value <= high for key, value in failed.items() for low, high in [known[key]])


def known_to_fail(depth: str) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Return what fails though its export is right, and between which values it then lies.

    Depth Anything resizes by uneven factors (98 to 96 rows), where every runtime rounds positions in float32:
    on a plane of noise that spreads by one, 99 % of the pixels of torch's resize are within 1.1e-5 of float64
    and of onnxruntime's within 2.1e-5. Random weights give a plane that rough, photos do not.
    """
    if depth == "depth-anything-v2-small":
        rough = (1e-5, 5e-5)
        return {
            ("onnx", "fp32", "tensors.disparity.p99_abs"): rough,
            ("onnx", "fp32", "tensors.color.p99_abs"): rough,
            ("onnx", "int8", "conversion.p99_abs"): rough,
            ("tflite", "fp32", "tensors.disparity.p99_abs"): rough,
        }
    return {}


def figure(candidate: dict) -> str:
    """Return the gates of a candidate in one line."""
    gates = []
    for gate in candidate["gates"]:
        name = gate["name"].partition(".")[2] or gate["name"]
        value = "unmeasured" if gate["value"] is None else f"{gate['value']:.5g}"
        gates.append(f"{name} {value}{'' if gate['passed'] else ' (!)'}")
    return f"{candidate['format']} {candidate['precision']} {candidate['verdict']}: {', '.join(gates)}"
