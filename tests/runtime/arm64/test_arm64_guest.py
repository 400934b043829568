import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference.errors import BackendUnavailableError, InputError
from ldikit.runtime.arm64.cache import Cache
from ldikit.runtime.arm64.cpus import CPUS, backend_names, cpu_named, split
from ldikit.runtime.arm64.guest import Guest, how_it_died
from ldikit.runtime.arm64.guest_script import MODELS, serve

CacheWith = Callable[[str], Cache]


def make_guest(cache: Cache, limit_s: float = 20.0) -> Guest:
    return Guest(cache, CPUS["cortex-a53"], "litert", Path("a.tflite"), ["x"], ["y"], limit_s=limit_s)


def test_a_guest_tells_its_processor_and_gives_outputs_by_name(cache_with: CacheWith, hello: str) -> None:
    # The answer to a command is the file that came in, under the name of the file that goes out.
    answering = f"{hello}\nwhile read line; do cp in.npz out.npz; echo '{{}}'; done"
    with make_guest(cache_with(answering)) as guest:
        made = guest.run({"x": np.arange(6, dtype=np.int8).reshape(2, 3)})
        assert guest.processor is not None
        assert guest.processor.features == ("fp", "asimd")
    assert np.array_equal(made["y"], [[0, 1, 2], [3, 4, 5]])
    assert made["y"].dtype == np.int8


@pytest.mark.parametrize(
    ("emulator", "kind", "said"),
    [
        ("kill -ILL $$", BackendUnavailableError, "crashed (SIGILL): the processor lacks an instruction"),
        ("kill -SEGV $$", BackendUnavailableError, "crashed (SIGSEGV)"),
        ("exec sleep 60", BackendUnavailableError, "no answer within 0.5 s and was ended"),
        (
            "echo \"qemu-aarch64: unable to find CPU model 'x1'\" >&2; exit 1",
            BackendUnavailableError,
            "find CPU",
        ),
        ("exit 3", BackendUnavailableError, "status 3: it says nothing"),
        ("""echo '{"error": "not a model"}'""", InputError, "litert@cortex-a53: not a model"),
    ],
)
def test_a_guest_that_fails_gives_one_line(
    cache_with: CacheWith, emulator: str, kind: type[Exception], said: str
) -> None:
    guest = make_guest(cache_with(emulator), limit_s=0.5 if "sleep" in emulator else 20.0)
    with pytest.raises(kind) as caught:
        guest.start()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert guest._process is None


def test_a_guest_that_dies_in_an_inference_gives_one_line(cache_with: CacheWith, hello: str) -> None:
    with make_guest(cache_with(f"{hello}\nread line; kill -SEGV $$")) as guest:
        guest.start()
        with pytest.raises(BackendUnavailableError, match=r"crashed \(SIGSEGV\)$"):
            guest.run({"x": np.zeros(1, np.float32)})


def test_a_guest_that_nobody_holds_is_ended(cache_with: CacheWith, hello: str) -> None:
    guest = make_guest(cache_with(f"{hello}\nexec sleep 60"))
    guest.start()
    process = guest._process
    assert process is not None
    assert process.poll() is None
    del guest
    until = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    assert process.poll() is not None


def test_an_emulator_that_cannot_be_started_is_named(cache_with: CacheWith) -> None:
    cache = cache_with("true")
    cache.qemu.unlink()
    with pytest.raises(BackendUnavailableError, match="the emulator does not run"):
        make_guest(cache).start()


def test_unknown_processors_and_runtimes_are_refused_with_those_known() -> None:
    with pytest.raises(InputError, match=r"'cortex-x1'; known: cortex-a53, cortex-a55, cortex-a76, max"):
        cpu_named("cortex-x1")
    with pytest.raises(InputError, match="unknown ARM64 runtime 'coreml'"):
        split("coreml@cortex-a53")
    assert "onnxruntime@max" in backend_names()
    assert len(backend_names()) == 8


def test_a_death_without_signal_name_or_words_is_told() -> None:
    assert how_it_died(-200, []) == "the guest crashed (signal 200)"
    assert how_it_died(2, ["first", "last"]) == "the guest ended with status 2: last"


def test_the_guest_serves_commands_and_survives_a_bad_one(tmp_path: Path) -> None:
    class Doubling:
        def infer(self, arrays: list) -> list:
            return [2 * array for array in arrays]

    np.savez(tmp_path / "in.npz", **{"0": np.array([1.5, 2.0])})
    answers: list[dict] = []
    good = json.dumps({"in": str(tmp_path / "in.npz"), "out": str(tmp_path / "out.npz")})
    bad = json.dumps({"in": str(tmp_path / "gone.npz"), "out": str(tmp_path / "out2.npz")})
    serve(Doubling(), np, [bad, good], answers.append)
    assert "No such file" in answers[0]["error"]
    assert answers[1] == {}
    with np.load(tmp_path / "out.npz") as file:
        assert np.array_equal(file["0"], [3.0, 4.0])


def test_the_guest_knows_every_runtime_that_has_an_arm64_build() -> None:
    assert set(MODELS) == {name.split("@")[0] for name in backend_names()}
