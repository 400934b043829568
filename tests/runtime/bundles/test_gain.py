"""What int8 gains in time, and the operations that take it."""

from dataclasses import replace

import pytest
from ldikit.reference.config import PipelineConfig
from ldikit.runtime.manifest import Manifest, ModelFile
from ldikit.runtime.parity.report import ParityReport
from ldikit.runtime.profiling.host import Host
from ldikit.runtime.profiling.per_operation import Operations, OperationTime
from ldikit.runtime.profiling.report import Candidate, ProfileReport, Run
from ldikit.runtime.profiling.timing import find_drift, summarise
from ldikit.runtime.report.gain import gains
from ldikit.runtime.report.report import render_report

SIZE = "64x96"


def run(threads: int, ms: float) -> Run:
    return Run(threads, 1.0, 1.0, summarise([ms, ms, ms]), find_drift([ms, ms, ms]))


def candidate(format: str, precision: str, *runs: Run, backend: str = "litert", **more: object) -> Candidate:
    path = f"{format}/p.{precision}.{format}"
    made = Candidate(
        f"{format} {precision}", format, precision, backend, "program", SIZE, 1, file=path, runs=runs
    )
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.fixture
def manifest() -> Manifest:
    kinds = {"CONV_2D": {"int8": 9, "fp32": 4}, "RESIZE_BILINEAR": {"fp32": 7}, "ADD": {"int8": 5}}
    file = ModelFile(
        "tflite/p.int8.tflite", "program", SIZE, "tflite", "int8", "", 0, (), (), operations=kinds
    )
    return Manifest(PipelineConfig(), {}, (file,), (), (SIZE,), {})


@pytest.fixture
def profile() -> ProfileReport:
    told = Operations(
        True, None, 1, 3, (OperationTime("Conv", 4, 9.0, 0.75), OperationTime("Resize", 1, 3.0, 0.25))
    )
    return ProfileReport(
        host=Host("Some CPU", "x86_64", 4, 8, 8, 15.6, "Linux", "6.1", "3.11.7", {}),
        pipeline="pocket",
        sizes=(SIZE,),
        candidates=(
            candidate("tflite", "fp32", run(1, 90.0), run(2, 60.0)),
            candidate("tflite", "int8", run(1, 45.0), run(2, 48.0)),
            candidate("onnx", "int8", run(1, 30.0), backend="onnxruntime", operations=told),
            candidate("onnx", "fp32", run(1, 60.0), backend="onnxruntime"),
            candidate("coreml", "int8", run(1, 30.0)),
        ),
        macs={},
        settings={},
    )


def test_int8_is_set_against_fp32_of_the_same_runtime_and_threads(
    manifest: Manifest, profile: ProfileReport
) -> None:
    one, two, other = gains(manifest, profile)
    assert (one.name, one.threads, one.times, one.worthwhile) == ("tflite 64x96", 1, 2.0, True)
    assert (two.threads, two.times, two.worthwhile) == (2, 1.25, False)
    assert one.floats == (("RESIZE_BILINEAR", 7), ("CONV_2D", 4)) and one.slowest == ()
    assert (other.name, other.times) == ("onnx 64x96", 2.0)
    assert other.slowest == (("Conv", 0.75), ("Resize", 0.25))
    assert gains(manifest, None) == []


def test_the_page_says_what_eats_the_gain(manifest: Manifest, profile: ProfileReport) -> None:
    page = render_report(manifest, ParityReport((), ()), profile, [])
    assert "What int8 gains" in page and page.count("below 1.5") == 1
    assert '7 <span class="code">RESIZE_BILINEAR</span>, 4 <span class="code">CONV_2D</span>' in page
    assert '<span class="code">Conv</span> 75 %' in page
    assert "What int8 gains" not in render_report(manifest, ParityReport((), ()), None, [])
