"""profile.json, comparing profiles, and their charts."""

import json
from dataclasses import replace

import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.profiling.arena import Arena
from ldikit.runtime.profiling.charts import charts, flame
from ldikit.runtime.profiling.compare import compare
from ldikit.runtime.profiling.host import Host
from ldikit.runtime.profiling.per_operation import Operations, OperationTime
from ldikit.runtime.profiling.report import Candidate, ProfileReport, Run, read_profile
from ldikit.runtime.profiling.sustained import Sustained
from ldikit.runtime.profiling.table import markdown
from ldikit.runtime.profiling.timing import find_drift, summarise

HOST = Host("Some CPU", "x86_64", 4, 8, 8, 15.6, "Linux", "6.1", "3.11.7", {"torch": "2.13.0"})


def run(threads, samples, **more):
    return Run(threads, 30.0, 20.0, summarise(samples), find_drift(samples), **more)


def report(**changes):
    operations = Operations(True, None, 1, 3, (OperationTime("Conv", 40, 9.0, 0.9),), 12.0)
    made = ProfileReport(
        host=HOST,
        pipeline="pocket",
        sizes=("384x512",),
        candidates=(
            Candidate(
                "torch fp32", "torch", "fp32", "torch", "program", "384x512", 1,
                runs=(run(1, [100, 100, 100]), run(2, [60, 60, 90])),
            ),
            Candidate(
                "torch fp32 depth", "torch", "fp32", "torch", "depth", "384x512", 1,
                runs=(run(1, [9, 9]),),
            ),
            Candidate(
                "onnx fp16", "onnx", "fp16", "onnxruntime", "program", "384x512", 1,
                file="onnx/a.onnx", file_bytes=3 << 20,
                runs=(run(1, [50, 50, 50], ratio_to_torch=0.5, peak_memory_bytes=99 << 20,
                          baseline_memory_bytes=50 << 20),),
                operations=operations,
                arena=Arena(64 << 20, 48 << 20, 2 << 20, "told"),
            ),
            Candidate(
                "coreml fp16", "coreml", "fp16", "coreml", "program", "384x512", 1,
                file="coreml/a.mlpackage", file_bytes=1, simulated=True, not_timed="simulated on this host",
            ),
        ),
        macs={"384x512": {"program": 10, "depth": 4, "layering": 0, "inpainting": 6}},
        settings={"rounds": 3},
        notes=("a note",),
    )  # fmt: skip
    return replace(made, **changes)


def test_json_round_trip(tmp_path):
    path = tmp_path / "profile.json"
    path.write_text(report().to_json(), encoding="utf-8")
    assert read_profile(path) == report()
    minute = Sustained("onnx fp16", 1, 60.0, 1200, (50.0, 60.0), 0.2, True)
    path.write_text(report(sustained=(minute,)).to_json(), encoding="utf-8")
    assert read_profile(path).sustained == (minute,)


def test_a_profile_of_before_intervals_and_minutes_is_read(tmp_path):
    old = json.loads(report().to_json())
    old["schema_version"] = 1
    del old["sustained"], old["candidates"][2]["operations"]["whole_ms"]
    for candidate in old["candidates"]:
        del candidate["arena"]
        for run in candidate["runs"]:
            del run["latency"]["p50_low"], run["latency"]["p50_high"]
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(old), encoding="utf-8")
    new = report()
    onnx = new.candidates[2]
    plain = replace(onnx, arena=None, operations=replace(onnx.operations, whole_ms=None))
    expected = report(candidates=(*new.candidates[:2], plain, new.candidates[3]), schema_version=1)
    assert read_profile(path) == expected
    raw = json.loads(path.read_text())
    assert raw["host_id"] == HOST.id
    assert raw["candidates"][2]["runs"][0]["latency"] == {"p50": 50, "p90": 50, "p99": 50, "mean": 50, "n": 3}
    assert raw["candidates"][3]["runs"] == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda raw: raw.update(schema_version=3), "upgrade ldikit"),
        (lambda raw: raw.pop("schema_version"), "not a profile"),
        (lambda raw: raw.pop("macs"), "does not follow"),
        (lambda raw: raw["candidates"][0].pop("runs"), "does not follow"),
        (lambda raw: raw["host"].update(cpu="Faster CPU"), "altered"),
    ],
)
def test_broken_json_is_refused(tmp_path, spoil, says):
    raw = json.loads(report().to_json())
    spoil(raw)
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(raw))
    with pytest.raises(InputError, match=says):
        read_profile(path)


def test_unreadable_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("{")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "text"):
        with pytest.raises(InputError):
            read_profile(path)


def test_drifting_runs_are_named():
    assert report().drifted == ["torch fp32, 2 threads: +50% in the second half"]


def test_compare_gives_ratios_and_what_differs():
    before = report()
    faster = replace(before.candidates[2], runs=(run(1, [25, 25, 25]),))
    after = report(
        host=replace(HOST, versions={"torch": "2.14.0"}), candidates=(*before.candidates[:1], faster)
    )
    found = compare(before, after)
    onnx = next(change for change in found.changes if change.name == "onnx fp16")
    assert (onnx.before_ms, onnx.after_ms, onnx.ratio, onnx.drifted) == (50, 25, 0.5, False)
    assert [change.drifted for change in found.changes if change.threads == 2] == [True]
    assert found.missing == ("torch fp32 depth, 1 thread",)
    assert found.added == ()
    assert found.versions == {"torch": ("2.13.0", "2.14.0")}


def test_compare_refuses_other_hosts_and_pipelines():
    with pytest.raises(InputError, match="different hosts"):
        compare(report(), report(host=replace(HOST, cpu="Other CPU")))
    with pytest.raises(InputError, match="different pipelines"):
        compare(report(), report(pipeline="other"))


def test_charts_show_what_was_timed_and_fetch_nothing():
    fragments = charts(report())
    titles = [title for title, _ in fragments]
    assert titles[0].startswith("Warm latency")
    assert "Slowest operations: onnx fp16" in titles
    assert "Operations within an inference: onnx fp16" in titles
    latency = fragments[0][1]
    assert "onnx fp16" in latency
    # 9 of 12 ms lie in operations.
    assert "together 75% of the inference" in fragments[titles.index("Slowest operations: onnx fp16")][1]
    assert "arena for tensors" in fragments[titles.index("Peak memory and file size")][1]
    # A simulated backend has no place among times.
    assert not any("coreml" in html for _, html in charts(report(), include_plotlyjs=False))
    scripts = [len(html) > 1_000_000 for _, html in fragments]
    assert scripts == [True] + [False] * (len(fragments) - 1)
    for _, html in charts(report(), include_plotlyjs=False):
        assert "src=" not in html
        assert "cdn" not in html


def test_a_flame_chart_holds_every_millisecond_once():
    told = (
        OperationTime("XNNPACK Conv", 2, 5.0, 0.5),
        OperationTime("PADV2", 1, 3.0, 0.3),
        OperationTime("XNNPACK Add", 1, 2.0, 0.2),
    )
    candidate = replace(report().candidates[2], operations=Operations(True, None, 1, 3, told, 11.0))
    assert flame(candidate) == [
        ("all", "onnx fp16", "", 0.0),
        ("delegate", "XNNPACK", "all", 0.0),
        ("XNNPACK Conv", "Conv", "delegate", 5.0),
        ("PADV2", "PADV2", "all", 3.0),
        ("XNNPACK Add", "Add", "delegate", 2.0),
        ("between", "between operations", "all", 1.0),
    ]
    unknown = replace(candidate, operations=Operations(True, None, 1, 3, told[1:2]))
    assert flame(unknown) == [("all", "onnx fp16", "", 0.0), ("PADV2", "PADV2", "all", 3.0)]


def test_a_profile_without_times_has_no_charts():
    assert charts(report(candidates=report().candidates[3:])) == []


def test_markdown_gives_ratios_drift_and_reasons():
    text = markdown(report())
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert rows[2] == ("| torch fp32 | 1 | 50 ms | 100.0 ms | 100.0 ms | 100.0 ms | 3 |  |  |  |")
    # [60, 60, 90]: the median of the second half is 50 % above the first.
    assert "| ~60.0 ms | 84.0 ms |" in rows[3]
    assert rows[5].endswith("| 0.50 | 99.0 MiB | 3.0 MiB |")
    assert "- coreml fp16: no time, simulated on this host." in text
    assert "- a note" in text
    assert (
        "- onnx fp16: the arena for tensors holds 64.0 MiB, 48.0 MiB of it in use at most; its delegate "
        "2.0 MiB beside it, weights included (told)."
    ) in text
    assert "depth" not in markdown(report(), stages=False).split("\n\n")[1]
