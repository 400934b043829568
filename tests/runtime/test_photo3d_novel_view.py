"""Views from the user's own true depth against real second views (skipped without the evaluation kit)."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference import pipeline
from ldikit.reference.inpaint.pocket import PocketInpaint
from ldikit.runtime.photo3d import photo as photo3d
from ldikit.runtime.photo3d.motion import Motion
from ldikit.runtime.photo3d.outputs import Outputs

KIT = Path(__file__).resolve().parents[2].parent / "shared" / "evalkit"
ITEM = "middlebury2003_cones"


@pytest.mark.skipif(not (KIT / "novel_view.py").is_file(), reason="no ../shared/evalkit here")
def test_true_depth_is_no_worse_than_the_telea_baseline(tmp_path, monkeypatch):
    """One pair, with an inpainting network that has learnt nothing: it is the plain push-pull fill."""
    import json

    def kit(*choices):
        done = subprocess.run(
            [sys.executable, str(KIT / "novel_view.py"), "--item", ITEM, *map(str, choices)],
            capture_output=True,
            text=True,
        )
        if "ModuleNotFoundError" in done.stderr:
            pytest.skip("the evaluation kit lacks a library: " + done.stderr.splitlines()[-1])
        assert done.returncode == 0, done.stderr
        return done.stdout

    kit("--export-gt", tmp_path / "gt")
    monkeypatch.setattr(pipeline, "inpaint_network", lambda name, h, w: PocketInpaint(h, w).eval())
    photo, truth = tmp_path / "gt" / f"{ITEM}_photo.png", tmp_path / "gt" / f"{ITEM}.npy"
    photo3d.make_3d_photo(photo, tmp_path / "out", depth_map=truth, outputs=Outputs(Motion(seconds=2 / 30)))
    ours = json.loads(kit("--ldi", tmp_path / "out" / "ldi", "--gt-depth"))["items"][0]
    telea = json.loads(kit("--baseline", "telea", "--gt-depth"))["items"][0]
    assert not ours["resampled"] and ours["layer0_psnr"] > 60
    assert ours["psnr_dis"] >= telea["psnr_dis"]
    assert ours["psnr_in"] >= telea["psnr_in"]
    assert np.isfinite(ours["hole_dis"]) and ours["hole_dis"] < 0.2
