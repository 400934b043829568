"""Damaged bytes of real packages: an InputError or a result, never a crash, a hang or unbounded memory."""

import shutil

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.mil import evaluator, load

MUTATIONS = 150


@pytest.fixture(scope="module")
def mb():
    pytest.importorskip("coremltools")
    from coremltools.converters.mil.mil import Builder

    return Builder


def network(mb, x):
    weight = np.linspace(-1, 1, 4 * 2 * 3 * 3).reshape(4, 2, 3, 3).astype(np.float32)
    y = mb.gelu(x=mb.conv(x=x, weight=weight, pad_type="same", strides=[2, 2]), mode="EXACT")
    y = mb.layer_norm(x=mb.max_pool(x=y, kernel_sizes=[2, 2], pad_type="same"), axes=[1])
    y = mb.resize_bilinear(x=y, target_size_height=5, target_size_width=3)
    y = mb.softmax(x=mb.transpose(x=mb.pad(x=y, pad=[1, 0, 0, 2]), perm=[0, 2, 3, 1]), axis=-1)
    return {"out": mb.slice_by_index(x=y, begin=[0, 1, 0, 0], end=[1, 4, 3, 2])}


def control(mb, x):
    def body(a, n, items):
        a = mb.cond(
            pred=mb.equal(x=mb.mod(x=n, y=2), y=0),
            _true_fn=lambda: mb.add(x=a, y=np.float32(1)),
            _false_fn=lambda: mb.real_div(x=a, y=np.float32(2)),
        )
        return a, mb.add(x=n, y=1), mb.list_write(ls=items, index=n, value=a)

    items = mb.make_list(init_length=3, elem_shape=(1, 2, 4, 6))
    a, _, items = mb.while_loop(
        _cond=lambda a, n, items: mb.less(x=n, y=5), _body=body, loop_vars=(x, 0, items)
    )
    last = mb.gather(x=mb.list_gather(ls=items, indices=[4, 0]), indices=[1, 0], axis=0)
    order, _ = mb.topk(x=last, k=2, axis=-1)
    return {"out": order, "tiled": mb.tile(x=a, reps=[1, 2, 1, 1])}


def recurrent(mb, x):
    rng = np.random.default_rng(0)
    rows = mb.reshape(x=x, shape=[4, 2, 6])
    w, r = (rng.standard_normal(s).astype(np.float32) for s in ((12, 6), (12, 3)))
    y, h, _ = mb.lstm(
        x=rows, initial_h=np.zeros((2, 3), np.float32), initial_c=np.zeros((2, 3), np.float32),
        weight_ih=w, weight_hh=r, output_sequence=True,
    )  # fmt: skip
    y = mb.scatter_nd(data=y, indices=np.array([[0, 1]], np.int32), updates=np.ones((1, 3), np.float32))
    return {"out": mb.cumsum(x=y, axis=0), "h": mb.exp(x=h)}


@pytest.fixture(scope="module", params=["network", "control", "recurrent", "compressed"])
def package(request, build, mb, ct, save, convert):
    if request.param != "compressed":
        return build(lambda x: globals()[request.param](mb, x), (1, 2, 4, 6)).path
    import torch

    cto = ct.optimize.coreml
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(2, 32, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(256, 8)
    )
    plain = convert(layers, torch.zeros(1, 2, 4, 6), target="iOS18", half=True).path
    config = cto.OpPalettizerConfig(mode="uniform", nbits=3, weight_threshold=0)
    return save(
        cto.palettize_weights(
            ct.models.MLModel(str(plain), skip_model_load=True), cto.OptimizationConfig(config)
        )
    )


def mutate(data, rng):
    """Bytes changed, cut out or repeated at a few places."""
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        place = int(rng.integers(len(data)))
        kind = int(rng.integers(8))
        if kind == 0:
            del data[place : place + int(rng.integers(1, 9))]
        elif kind == 1:
            data[place:place] = data[place : place + int(rng.integers(1, 9))]
        elif kind == 2:
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 3:
            data[place] = (0, 1, 127, 128, 255)[int(rng.integers(5))]
        else:
            data[place] = (data[place] + int(rng.integers(-3, 4))) % 256
        if not data:
            return b""
    return bytes(data)


@pytest.mark.parametrize("name", ["model.mlmodel", "weights/weight.bin"])
def test_damaged_bytes(package, name, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluator, "MAX_ITERATIONS", 50)
    copy = tmp_path / "copy.mlpackage"
    shutil.copytree(package, copy)
    file = copy / "Data/com.apple.CoreML" / name
    if not file.is_file():
        pytest.skip("the program has no weight file")
    whole = file.read_bytes()
    x = np.linspace(-1, 1, 48).reshape(1, 2, 4, 6).astype(np.float32)
    rng = np.random.default_rng(len(whole))
    refused = 0
    for _ in range(MUTATIONS if name == "model.mlmodel" else MUTATIONS // 5):
        file.write_bytes(mutate(whole, rng))
        try:
            model = load(copy)
            model.predict(dict.fromkeys((feature.name for feature in model.inputs), x))
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused or name != "model.mlmodel"
