"""What onnxruntime's tracing tells of single operations, in a guest whose instructions are counted.

Settings and answer are those of `profiling/litert_script.py`, with "inputs" as one .npz file's path, and
without "library". Imports NumPy and onnxruntime.
"""

import contextlib
import gc
import json
import os
import sys
import time
from pathlib import Path

# What the counting plug-in takes for the beginning and the end: files that cannot be.
MARK_START, MARK_STOP = -7001, -7002


def mark(number):
    """Close a file that cannot be, for the plug-in to see."""
    with contextlib.suppress(OSError):
        os.close(number)


def traced(settings):
    """Infer as the settings say, and return what the trace tells of the last inference."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(Path(settings["inputs"]).with_name("trace"))
    options.intra_op_num_threads = settings["threads"]
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    session = onnxruntime.InferenceSession(settings["model"], options, providers=["CPUExecutionProvider"])
    with numpy.load(settings["inputs"]) as file:
        inputs = dict(file)
    for _ in range(settings["warm_up"]):
        session.run(None, inputs)
    # A collection within would be counted as the runtime's.
    gc.collect()
    gc.disable()
    start = time.perf_counter_ns()
    mark(MARK_START)
    session.run(None, inputs)
    mark(MARK_STOP)
    wall = (time.perf_counter_ns() - start) / 1000.0
    events = json.loads(Path(session.end_profiling()).read_text())
    whole = max((e["ts"], e["dur"]) for e in events if e["name"] == "model_run")
    nodes = [
        e for e in events if e["cat"] == "Node" and e["name"].endswith("_kernel_time") and e["ts"] >= whole[0]
    ]
    nodes.sort(key=lambda e: e["ts"])
    told = [[e["args"]["op_name"], False, e["dur"]] for e in nodes]
    return {"whole_us": whole[1], "wall_us": wall, "events": told}


def main():
    """Do as told; whatever the runtime prints goes to standard error."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        result: dict = {"runs": [traced(json.loads(sys.argv[1]))]}
    except Exception as error:
        result = {"error": " ".join(str(error).split())[:300] or type(error).__name__}
    answer.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
