"""A 3D photo through a bundle: the same as through the float reference, refused where it has no such file."""

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi_files import read_ldi
from ldikit.reference.sizes import parse_size
from ldikit.runtime.photo3d import photo
from ldikit.runtime.photo3d.motion import Motion
from ldikit.runtime.photo3d.outputs import Outputs
from PIL import Image


def make_3d_photo(*places, **choices):
    return photo.make_3d_photo(*places, outputs=Outputs(Motion(seconds=2 / 30)), **choices)


@pytest.fixture
def photo_file(tmp_path, kit):
    path = tmp_path / "photo.png"
    Image.fromarray(kit.make_photo(120, 170)).save(path)
    return path


def test_onnxruntime_makes_the_references_photo(tmp_path, photo_file, plain_bundle, kit):
    # The 64x96 file suits the photo's shape; the reference is told to take that size too.
    ours = make_3d_photo(photo_file, tmp_path / "bundled", bundle=plain_bundle)
    make_3d_photo(photo_file, tmp_path / "reference", config=kit.config, size=parse_size(kit.size))
    assert ours.made_by == "the bundle's onnx fp32 file, run by onnxruntime" and not ours.simulated
    one, other = (read_ldi(tmp_path / name / "ldi") for name in ("bundled", "reference"))
    one.check(kit.make_photo(120, 170).transpose(2, 0, 1) / np.float32(255))
    assert np.abs(one.disparity - other.disparity).max() < 1e-3
    assert np.abs(one.occupancy - other.occupancy).max() < 0.02
    assert one.occupancy[1].mean() > 0.01


def test_torch_runs_the_bundles_own_reference(tmp_path, photo_file, plain_bundle):
    made = make_3d_photo(photo_file, tmp_path / "out", bundle=plain_bundle, backend="torch")
    assert "bundle's float reference" in made.made_by and (made.height, made.width) == (120, 170)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"backend": "nnapi"}, "unknown backend 'nnapi'"),
        ({"backend": "litert"}, "no program in tflite"),
        ({"precision": "fp16"}, "no program in onnx fp16"),
        ({"precision": "fp8"}, "unknown precision 'fp8'"),
        ({"size": parse_size("128x128")}, "128x128"),
    ],
)
def test_what_the_bundle_lacks_is_refused(tmp_path, photo_file, plain_bundle, choices, words):
    with pytest.raises(InputError, match=words):
        make_3d_photo(photo_file, tmp_path / "out", bundle=plain_bundle, **choices)
    assert not (tmp_path / "out").exists()
