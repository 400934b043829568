"""Sampling, cropping and suppressing boxes, against torch and by hand; images in and out."""

import numpy as np
import pytest
import torch
from ldikit.reference.errors import InputError

RNG = np.random.default_rng(5)
PICTURE = RNG.standard_normal((2, 3, 5, 7)).astype(np.float32)
POINTS = RNG.uniform(-1.6, 1.6, (2, 4, 6, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def mb():
    pytest.importorskip("coremltools")
    from coremltools.converters.mil.mil import Builder

    return Builder


PADDING = {"constant": "zeros", "border": "border"}


@pytest.mark.parametrize("corners", [True, False])
def test_resample_is_grid_sample(build, mb, corners):
    # torch's reflection is Core ML's "reflection" with aligned corners and "symmetric" without.
    modes = {**PADDING, ("reflection" if corners else "symmetric"): "reflection"}

    def program(x):
        return {
            f"{sampling}_{padding}": mb.resample(
                x=x,
                coordinates=POINTS,
                sampling_mode=sampling,
                padding_mode=padding,
                padding_value=np.float32(0),
                coordinates_mode="normalized_minus_one_to_one",
                align_corners=corners,
            )
            for sampling in ("bilinear", "nearest")
            for padding in modes
        }

    got = build(program, PICTURE.shape).predict({"x": PICTURE})
    for name, values in got.items():
        sampling, padding = name.split("_")
        wanted = torch.nn.functional.grid_sample(
            torch.from_numpy(PICTURE),
            torch.from_numpy(POINTS),
            mode=sampling,
            padding_mode=modes[padding],
            align_corners=corners,
        )
        assert np.allclose(values, wanted, atol=1e-5), name


def test_affine_is_affine_grid_and_grid_sample(build, mb):
    matrix = np.array([[0.8, 0.3, 0.1, -0.2, 1.1, -0.3]], np.float32)

    def program(x):
        return {
            "out": mb.affine(
                x=x,
                transform_matrix=matrix,
                output_height=4,
                output_width=6,
                sampling_mode="bilinear",
                padding_mode="constant",
                padding_value=np.float32(0),
                coordinates_mode="normalized_minus_one_to_one",
                align_corners=True,
            )
        }

    got = build(program, PICTURE.shape).predict({"x": PICTURE})["out"]
    matrices = torch.from_numpy(matrix).reshape(1, 2, 3).expand(2, -1, -1)
    points = torch.nn.functional.affine_grid(matrices, [2, 3, 4, 6], align_corners=True)
    wanted = torch.nn.functional.grid_sample(torch.from_numpy(PICTURE), points, align_corners=True)
    assert np.allclose(got, wanted, atol=1e-5)


def test_crop_resize_pads_whole_points(build, mb):
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)

    def program(x):
        box = {"x": x, "target_height": 2, "target_width": 3, "sampling_mode": "ALIGN_CORNERS"}
        return {
            "inside": mb.crop_resize(boxes=np.array([[1, 0, 2, 3]], np.float32), **box),
            "beyond": mb.crop_resize(
                boxes=np.array([[2, 2, 4, 4]], np.float32), pad_value=np.float32(-1), **box
            ),
            "centre": mb.crop_resize(
                boxes=np.array([[1.5, 1.5, 3, 1]], np.float32),
                box_coordinate_mode="CENTER_SIZE_WIDTH_FIRST",
                **box,
            ),
        }

    got = build(program, x.shape).predict({"x": x})
    assert got["inside"][0, 0].tolist() == [[4, 5.5, 7], [8, 9.5, 11]]
    assert got["beyond"][0, 0].tolist() == [[10, 11, -1], [-1, -1, -1]]
    assert got["centre"][0, 0].tolist() == got["inside"][0, 0].tolist()


def test_suppression_keeps_the_best_of_what_overlaps(build, mb):
    # Two boxes of 2×2 that share 2 of 6, one far away, one too weak.
    boxes = np.array([[[1, 1, 2, 2], [2, 1, 2, 2], [9, 9, 2, 2], [5, 5, 2, 2]]], np.float32)
    scores = np.array([[[0.8, 0.1], [0.2, 0.9], [0.7, 0.1], [0.05, 0.04]]], np.float32)

    def program(x, y):
        result = {}
        for name, iou, per_class in (("all", 0.3, False), ("kinds", 0.3, True), ("loose", 0.4, False)):
            _, _, indices, count = mb.non_maximum_suppression(
                boxes=x,
                scores=y,
                iou_threshold=np.float32(iou),
                score_threshold=np.float32(0.1),
                max_boxes=4,
                per_class_suppression=per_class,
            )
            result[name], result[f"{name}_count"] = indices, count
        return result

    got = build(program, boxes.shape, scores.shape, target="iOS15").predict({"x": boxes, "y": scores})
    assert got["all"].tolist() == [[1, 2, -1, -1]]
    assert got["all_count"].tolist() == [2]
    assert got["kinds"].tolist() == [[1, 0, 2, -1]]
    assert got["loose"].tolist() == [[1, 0, 2, -1]]
    assert got["loose_count"].tolist() == [3]


@pytest.mark.parametrize(("layout", "mode"), [("RGB", "RGB"), ("BGR", "RGB"), ("GRAYSCALE", "L")])
def test_pictures_in_and_out(ct, convert, layout, mode):
    from PIL import Image

    channels = 1 if mode == "L" else 3
    color = getattr(ct.colorlayout, layout)

    class Brighter(torch.nn.Module):
        def forward(self, x):
            return x * 1.5 - 30

    model = convert(
        Brighter(),
        torch.zeros(1, channels, 4, 6),
        inputs=[ct.ImageType(name="photo", shape=(1, channels, 4, 6), color_layout=color)],
        outputs=[ct.ImageType(name="out", color_layout=color)],
    )
    pixels = RNG.integers(0, 256, (4, 6) if mode == "L" else (4, 6, 3), dtype=np.uint8)
    got = model.predict({"photo": Image.fromarray(pixels)})["out"]
    wanted = np.rint(np.clip(pixels * 1.5 - 30, 0, 255)).astype(np.uint8)
    assert np.array_equal(got, wanted)
    picture = model.outputs[0].picture(got)
    assert picture.mode == mode
    assert np.array_equal(np.asarray(picture), wanted)
    with pytest.raises(InputError, match=f"PIL image of mode {mode}, got CMYK"):
        model.predict({"photo": Image.new("CMYK", (6, 4))})


def test_shapes_out_of_range_are_refused_with_what_is_allowed(ct, save):
    from ldikit.runtime.mil import load

    def make(shape):
        traced = torch.jit.trace(torch.nn.ReLU(), torch.zeros(1, 4))
        model = ct.convert(
            traced,
            inputs=[ct.TensorType(name="x", shape=shape)],
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        )
        return load(save(model))

    ranged = make(ct.Shape((1, ct.RangeDim(2, 8, default=4))))
    listed = make(ct.EnumeratedShapes([(1, 4), (1, 6)]))
    for model, good, bad, allowed in (
        (ranged, 8, 9, r"1\.\.1 × 2\.\.8, got \[1, 9\]"),
        (listed, 6, 5, r"\[1, 4\] or \[1, 6\], got \[1, 5\]"),
    ):
        (got,) = model.predict({"x": -np.ones((1, good), np.float32)}).values()
        assert got.tolist() == [[0.0] * good]
        with pytest.raises(InputError, match=allowed):
            model.predict({"x": np.ones((1, bad), np.float32)})


def test_a_classifier_gives_a_label_and_every_probability(ct, save):
    from ldikit.runtime.mil import load

    exported = torch.export.export(torch.nn.Softmax(-1).eval(), (torch.zeros(1, 3),)).run_decompositions({})
    for labels in (["cat", "dog", "bird"], [10, 20, 30]):
        model = ct.convert(
            exported,
            classifier_config=ct.ClassifierConfig(labels),
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        )
        loaded = load(save(model))
        got = loaded.predict({loaded.inputs[0].name: np.log(np.array([[1, 2, 5]], np.float32))})
        assert got["classLabel"] == labels[2]
        assert list(got["classLabel_probs"]) == labels
        assert np.allclose(list(got["classLabel_probs"].values()), [0.125, 0.25, 0.625])


def test_one_of_several_functions(ct, tmp_path, convert):
    from ldikit.runtime.mil import load

    paths = []
    for name, layer in (("plus", torch.nn.ReLU()), ("minus", torch.nn.Sigmoid())):
        model = convert(layer, torch.zeros(1, 3), target="iOS18")
        paths.append((model.path, name))
    described = ct.utils.MultiFunctionDescriptor()
    for path, name in paths:
        described.add_function(str(path), src_function_name="main", target_function_name=name)
    described.default_function_name = "plus"
    both = tmp_path / "both.mlpackage"
    ct.utils.save_multifunction(described, str(both))
    x = np.array([[-1, 0, 2]], np.float32)
    for name, wanted in (("plus", [0, 0, 2]), ("minus", 1 / (1 + np.exp(-x[0]))), (None, [0, 0, 2])):
        model = load(both, function=name)
        (got,) = model.predict({model.inputs[0].name: x}).values()
        assert np.allclose(got[0], wanted, atol=1e-6)
    with pytest.raises(InputError, match="its functions: minus, plus"):
        load(both, function="times")
