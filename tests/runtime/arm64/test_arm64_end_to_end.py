"""Two tiny int8 networks under QEMU. Skipped where `ldikit arm64 setup` was not run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference.errors import BackendUnavailableError, InputError
from ldikit.runtime.arm64.backend import open_file
from ldikit.runtime.arm64.by_operation import count_operations
from ldikit.runtime.arm64.cache import open_cache
from ldikit.runtime.arm64.count import count
from ldikit.runtime.arm64.cpus import cpu_named, emulating_host
from ldikit.runtime.arm64.plugin import COMPILERS
from ldikit.runtime.arm64.steps import differences
from ldikit.runtime.backends.loader import open_runner, unavailable
from ldikit.runtime.manifest import ModelFile

# Of the tiny files.
SIDE, CHANNELS = 16, 8


@pytest.fixture(scope="module", autouse=True)
def root() -> None:
    """The ARM64 root."""
    if not emulating_host():
        pytest.skip("ARM64 is emulated on Linux on x86-64 alone")
    try:
        open_cache()
    except BackendUnavailableError as error:
        pytest.skip(f"NO ARM64 RUN TESTED: {error}")


def test_litert_on_an_old_core_is_the_desks_to_the_bit(
    tflite_file: tuple[Path, ModelFile], photo: np.ndarray
) -> None:
    path, entry = tflite_file
    assert unavailable("litert@cortex-a53") is None
    given = {"photo": np.ascontiguousarray(photo.transpose(0, 2, 3, 1))}
    there = open_file(path, entry, "litert@cortex-a53")
    made = there.infer(given)["y"]
    assert np.array_equal(made, open_runner(path, entry).infer(given)["y"])
    assert made.std() > 0.1
    described = there.described()
    assert "asimd" in described["features"]
    assert "asimddp" not in described["features"]


def test_onnxruntimes_int8_convolution_on_a_new_core_is_within_a_step(
    onnx_file: tuple[Path, ModelFile], photo: np.ndarray
) -> None:
    path, entry = onnx_file
    found, compared = differences(path, entry, "onnxruntime@cortex-a76", photo)
    assert compared == 2
    assert all(difference.steps <= 1 for difference in found)
    runner = open_file(path, entry, "onnxruntime@cortex-a76")
    apart = runner.infer({"photo": photo})["y"] - open_runner(path, entry).infer({"photo": photo})["y"]
    assert np.abs(apart).max() <= 1 / 64 + 1e-6
    assert {"asimddp", "asimdhp"} <= set(runner.described()["features"])


def test_a_file_that_the_runtime_cannot_open_is_one_line(
    tflite_file: tuple[Path, ModelFile], tmp_path: Path
) -> None:
    path = tmp_path / "cut.tflite"
    path.write_bytes(tflite_file[0].read_bytes()[:200])
    with pytest.raises(InputError, match=r"^litert@cortex-a53: "):
        open_file(path, tflite_file[1], "litert@cortex-a53").infer({})


def test_instructions_of_int8_repeat_and_use_dot_products_where_there_are_any(
    tflite_file: tuple[Path, ModelFile],
) -> None:
    if not any(shutil.which(name) for name in COMPILERS):
        pytest.skip("NO INSTRUCTIONS COUNTED: there is no C compiler")
    if open_cache().counter is None:
        pytest.skip("NO INSTRUCTIONS COUNTED: the root is the user's own")
    first, second = (count(*tflite_file, cpu_named("cortex-a76")) for _ in range(2))
    old = count(*tflite_file, cpu_named("cortex-a53"))
    # 16² pixels × 8 channels × 27 products, 16 a dot-product instruction; 28 after padding to fours.
    assert SIDE**2 * CHANNELS * 27 / 16 <= first.kinds["dot_product"] < 4 * SIDE**2 * CHANNELS * 27 / 16
    assert first.total == pytest.approx(second.total, rel=1e-3)
    assert old.kinds["dot_product"] == 0
    assert old.total > first.total


def test_instructions_by_operation_lie_where_the_products_are(
    tflite_file: tuple[Path, ModelFile], onnx_file: tuple[Path, ModelFile]
) -> None:
    if not any(shutil.which(name) for name in COMPILERS) or open_cache().counter is None:
        pytest.skip("NO INSTRUCTIONS COUNTED: no C compiler, or the root is the user's own")
    cpu = cpu_named("cortex-a76")
    for (path, entry), runtime in ((tflite_file, "litert"), (onnx_file, "onnxruntime")):
        found = count_operations(path, entry, runtime, cpu, warm_up=2)
        (conv,) = [o for o in found if "Convolution" in o.type or o.type == "QLinearConv"]
        assert conv.calls == 1
        assert SIDE**2 * CHANNELS * 27 / 16 <= conv.kinds["dot_product"] < 4 * SIDE**2 * CHANNELS * 27 / 16
        assert sum(o.kinds["dot_product"] for o in found) == conv.kinds["dot_product"]
        # onnxruntime's tracing takes some 20 000 of its own at each operation.
        calls = sum(o.calls for o in found)
        assert 3 <= calls <= 5
        assert sum(o.total for o in found) < count(path, entry, cpu).total + 40_000 * calls
