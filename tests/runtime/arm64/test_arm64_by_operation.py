"""Which readings of the clock are an operation's; what lies between them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference.errors import BackendUnavailableError, InputError
from ldikit.runtime.arm64 import by_operation
from ldikit.runtime.arm64.by_operation import OperationCount, align, by_type, count_operations
from ldikit.runtime.arm64.cache import Cache
from ldikit.runtime.arm64.count import Count
from ldikit.runtime.arm64.cpus import cpu_named
from ldikit.runtime.arm64.table import print_counts
from ldikit.runtime.manifest import ModelFile


def test_durations_find_their_steps_in_order() -> None:
    steps = np.array([3.0, 700.0, 20.0, 701.0, 9.0, 50.0, 700.0])
    # Both are among them, in this order only.
    assert align(np.array([20.0, 51.0, 702.0]), steps) == [2, 5, 6]
    assert align(np.array([700.0, 20.0, 50.0]), steps) == [1, 2, 5]
    # The machine turned away for 4 ms in the second: its neighbours hold it in its place.
    late = np.array([3.0, 700.0, 4020.0, 701.0])
    assert align(np.array([700.0, 20.0, 701.0]), late) == [1, 2, 3]
    assert align(np.array([1.0, 1.0]), np.array([1.0])) == []
    assert align(np.array([]), steps) == []


READINGS = np.array(
    [
        # microseconds, memory, float
        [1000, 10, 0],
        [1003, 15, 0],
        [1103, 115, 40],
        [1110, 120, 40],
        [1310, 320, 140],
        [1410, 330, 145],
    ]
)
EVENTS = [("Conv", True, 100.0), ("PADV2", False, 200.0), ("Conv", True, 101.0)]


def test_instructions_between_two_readings_are_added_up_by_type() -> None:
    pad, conv = by_type(EVENTS, ["memory", "float"], READINGS)
    # Conv: 115 − 15 and 330 − 320 of memory, 40 − 0 and 145 − 140 of float. PADV2: 320 − 120 and 140 − 40.
    assert pad == OperationCount("PADV2", 1, {"memory": 200, "float": 100})
    assert conv == OperationCount("XNNPACK Conv", 2, {"memory": 110, "float": 45})
    assert pad.to_json() == {"type": "PADV2", "calls": 1, "kinds": pad.kinds, "total": 300}


@pytest.mark.parametrize("readings", [READINGS * [3, 1, 1], READINGS[:1], np.empty((0, 3), np.int64)])
def test_durations_that_are_not_the_readings_are_no_counts(readings: np.ndarray) -> None:
    with pytest.raises(
        BackendUnavailableError, match="of 3 operations lie between two readings of the clock"
    ):
        by_type(EVENTS, ["memory", "float"], readings)


def test_a_guest_that_fails_while_it_is_counted_is_one_line(
    cache_with: Callable[[str], Cache],
    script: Callable[[Path, str], Path],
    tflite_file: tuple[Path, ModelFile],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = cache_with("true")
    cache = replace(own, counter=own.folder)
    emulator = tmp_path / "qemu"
    monkeypatch.setattr(by_operation, "require", lambda _: cache)
    monkeypatch.setattr(by_operation, "compile_plugin", lambda _: tmp_path / "a.so")
    monkeypatch.setattr(by_operation, "counting_emulator", lambda *_: [str(emulator)])
    cpu = cpu_named("cortex-a76")
    crash = r"litert@cortex-a76: the guest crashed \(SIGILL\): the processor"
    for text, error, says in (
        ("kill -ILL $$", BackendUnavailableError, crash),
        ("echo no >&2; exit 3", BackendUnavailableError, "ended with status 3: no"),
        ("""echo '{"error": "bad file"}'""", InputError, "litert@cortex-a76: bad file"),
        ("""echo '{"runs": [{"events": []}]}'""", BackendUnavailableError, "the plug-in counted nothing"),
    ):
        script(emulator, text)
        with pytest.raises(error, match=says):
            count_operations(*tflite_file, "litert", cpu, warm_up=0)
    monkeypatch.setattr(by_operation, "LIMIT_S", 0.2)
    script(emulator, "exec sleep 60")
    with pytest.raises(BackendUnavailableError, match=r"no answer within 0\.2 s and was ended"):
        count_operations(*tflite_file, "litert", cpu, warm_up=0)


def test_operations_are_shown_below_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    zero = dict.fromkeys(("float", "fp16", "dot_product", "matrix", "vector", "memory", "branch"), 0)
    many = [OperationCount(f"Op{i}", 1, {**zero, "branch": 1_000_000}) for i in range(11)]
    top = OperationCount("Conv", 5, {**zero, "float": 6_000_000, "branch": 3_000_000})
    print_counts([Count("a.onnx", "program", "64x96", "onnx", "fp32", "cortex-a76", top.kinds, (top, *many))])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    # 9 of 20 million; ten are shown, two are others.
    assert ["Conv", "5", "9.0", "6.0", "0.0", "0.0", "0.0", "0.0", "0.0", "45%"] in rows
    assert ["2", "other", "types", "2", "2.0", "10%"] in rows
