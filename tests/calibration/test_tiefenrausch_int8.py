"""The published depth network in int8, by our calibration, against its published disparity of one photo."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from ldikit.calibration.calibrate import calibrate
from ldikit.calibration.samples import CalibrationData, Sample
from ldikit.reference.config import PipelineConfig
from ldikit.reference.depth.tiefenrausch.load import load_tiefenrausch
from ldikit.reference.quantized.qdq import quantize_graph
from ldikit.reference.quantized.trace import trace
from PIL import Image

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
MODEL = SHARED / "models" / "tiefenrausch"
PHOTO = SHARED / "data" / "photos" / "pumpkin" / "image.jpg"

pytestmark = pytest.mark.skipif(not (MODEL.is_dir() and PHOTO.is_file()), reason="no ../shared/models here")


class OnePhoto:
    """Noise, small: what it gives must not matter, since the network brings its own ranges."""

    data = CalibrationData("noise", ())

    def __len__(self) -> int:
        return 1

    def __iter__(self):
        yield Sample("noise", "", torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)))


def test_int8_keeps_the_published_disparity():
    recipe = calibrate(PipelineConfig(depth=str(MODEL)), OnePhoto()).networks["depth"]
    assert {scale.observer for scale in recipe.activations.values()} == {"the network"}
    assert list(recipe.float_layers) == ["core.layers.last"]
    with Image.open(PHOTO) as image:
        pixels = cv2.resize(np.asarray(image.convert("RGB")), (288, 384), interpolation=cv2.INTER_AREA)
    photo = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255.0
    network = load_tiefenrausch(MODEL, 384, 288)
    with torch.no_grad():
        disparity = quantize_graph(trace(network, "depth", 384, 288), recipe)(photo).numpy()[0, 0]
        exact = network(photo).numpy()[0, 0]
    expected = np.load(MODEL / "expected_pumpkin.npy")
    assert np.corrcoef(disparity.ravel(), expected.ravel())[0, 1] > 0.9997
    # 0.011 to 0.016, by the processor: a value on a rounding tie may fall either way.
    assert np.abs(np.log(disparity / expected)).mean() < 0.02
    # Rounding to int8 is there, and costs no more than the published network's own: 0.011 to 0.017, as above.
    assert 0.005 < np.abs(np.log(disparity / exact)).mean() < 0.02
