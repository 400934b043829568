"""Counting instructions: what it takes, and what is said where it is missing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ldikit.reference.errors import BackendUnavailableError, InputError
from ldikit.runtime.arm64 import count as module
from ldikit.runtime.arm64.cache import Cache
from ldikit.runtime.arm64.count import Count, count_bundle
from ldikit.runtime.arm64.plugin import compile_plugin
from ldikit.runtime.arm64.table import print_counts

CacheWith = Callable[[str], Cache]


def test_a_compiler_that_is_missing_or_fails_is_one_line_and_leaves_nothing(
    cache_with: CacheWith,
    script: Callable[[Path, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = cache_with("true")
    with pytest.raises(BackendUnavailableError, match=r"`ldikit arm64 setup` without --root has"):
        compile_plugin(own)
    cache = replace(own, counter=own.folder / "counter")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(BackendUnavailableError, match="takes a C compiler, none of cc, gcc, clang is"):
        compile_plugin(cache)
    script(tmp_path / "bin/cc", "echo 'kinds.c:1: error: no' >&2; exit 1")
    with pytest.raises(InputError, match=r"cc does not compile the plug-in: kinds\.c:1: error: no"):
        compile_plugin(cache)
    assert not list(cache.folder.glob("*.so"))


def test_the_plugin_is_compiled_once(
    cache_with: CacheWith,
    script: Callable[[Path, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache = replace(cache_with("true"), counter=tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    compiler = script(tmp_path / "bin/cc", 'while [ "$1" != -o ]; do shift; done; echo built > "$2"')
    made = compile_plugin(cache)
    assert made.read_text() == "built\n"
    compiler.write_text("#!/bin/sh\nexit 1\n")
    assert compile_plugin(cache) == made


def test_a_processor_that_the_counting_qemu_does_not_know_is_refused() -> None:
    with pytest.raises(InputError, match=r"not counted on cortex-a55: .* knows cortex-a53, cortex-a76"):
        count_bundle(None, ["cortex-a55"])  # type: ignore[arg-type]


def test_counts_are_set_against_fp32_of_the_same_program(capsys: pytest.CaptureFixture[str]) -> None:
    def of(precision: str, **kinds: int) -> Count:
        return Count(f"a.{precision}", "program", "64x96", "onnx", precision, "cortex-a76", kinds)

    whole, quantised = of("fp32", float=3_000_000, memory=1_000_000), of("int8", dot_product=1_500_000, sve=5)
    assert whole.total == 4_000_000
    assert quantised.to_json()["total"] == 1_500_005
    print_counts([whole, quantised])
    shown = capsys.readouterr().out
    row = next(line for line in shown.splitlines() if line.strip().startswith("a.int8")).split()
    assert row == ["a.int8", "cortex-a76", "1.5", "0.0", "0.0", "1.5", "0.0", "0.0", "0.0", "0.0", "0.38"]
    assert "no time" in shown
    assert module.WARM_UP == 2
