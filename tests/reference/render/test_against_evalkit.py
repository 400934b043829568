"""Agreement with the evaluation kit's own splatting renderer on real stereo pairs."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference.ldi import LDI
from ldikit.reference.render import Camera, render

SHARED = Path(__file__).resolve().parents[3].parent / "shared"


@pytest.fixture(scope="module")
def kit():
    if not (SHARED / "evalkit" / "novel_view.py").exists():
        pytest.skip(f"no evaluation kit at {SHARED / 'evalkit'}")
    pytest.importorskip("cv2", reason="the evaluation kit needs opencv")
    sys.path.insert(0, str(SHARED / "evalkit"))
    try:
        yield {name: importlib.import_module(name) for name in ("novel_view", "baselines", "common")}
    finally:
        sys.path.remove(str(SHARED / "evalkit"))


@pytest.mark.parametrize("name", ["middlebury2003_cones", "sceneflow_synthetic"])
@pytest.mark.parametrize("x", [1.0, -0.6])
def test_agrees_with_the_kit(kit, name, x):
    items = kit["common"].items(("dev",), ("stereo",), [name])
    if not items:
        pytest.skip(f"no stereo pair {name} in {SHARED / 'data'}")
    layers = kit["baselines"].ldi_baseline("telea", items[0])
    low = min(d.min() for _, _, d in layers)
    spread = max(d.max() for _, _, d in layers) - low
    color, occupancy, disparity = (np.stack(planes) for planes in zip(*layers, strict=True))
    ldi = LDI(
        np.ascontiguousarray(color.transpose(0, 3, 1, 2), np.float32),
        np.ascontiguousarray((disparity[:, None] - low) / spread, np.float32),
        np.ascontiguousarray(occupancy[:, None], np.float32),
    )
    view = render(ldi, Camera(x=x, focus=-low / spread, parallax=spread / max(ldi.size)))
    expected, coverage = kit["novel_view"].render(layers, k=x)
    seen = (coverage >= 0.5) & ~view.holes
    psnr = -10 * np.log10(np.mean((view.rgb - expected)[seen] ** 2))
    assert psnr > 42  # measured 43.5 to 51.7 dB; boxes of 4 samples against hats
    holes = coverage < 0.5
    assert np.count_nonzero(holes & view.holes) / np.count_nonzero(holes | view.holes) > 0.93
