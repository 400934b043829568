"""What runs in the ARM64 guest: opens one model file and infers, on command. Imports NumPy and one runtime.

Started by `guest.Guest` with the runtime's name and, but for a mere trial, the model's path. Commands are
JSON lines on standard input, answers JSON lines on standard output; tensors go through .npz files whose
arrays are numbered in the order of the declared names.
"""

import contextlib
import gc
import json
import os
import sys
import time

# What the counting plug-in takes for the beginning and the end: files that cannot be.
MARK_START, MARK_STOP = -7001, -7002


def processor():
    """Return the features and the part number that the kernel tells of the processor."""
    fields: dict[str, str] = {}
    with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
        for line in file:
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
    return {"features": fields.get("Features", "").split(), "part": fields.get("CPU part", "")}


def peak_memory_bytes():
    """Return the largest resident set of this process so far."""
    with open("/proc/self/status", encoding="utf-8") as file:  # noqa: PTH123
        found = [line.split()[1] for line in file if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 if found else 0


class OnnxModel:
    """A file in onnxruntime, as `backends.onnxruntime_backend` opens it."""

    def __init__(self, path, inputs, outputs, threads=1):
        import onnxruntime

        self.version = onnxruntime.__version__
        self.inputs, self.outputs = inputs, outputs
        if path is None:
            return
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.qdqisint8allowed", "1")
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def infer(self, arrays):
        """Run once on arrays in the order of the inputs; return the outputs in theirs."""
        return self.session.run(self.outputs, dict(zip(self.inputs, arrays, strict=True)))


class LitertModel:
    """A file in LiteRT, as `backends.litert_backend` opens it."""

    def __init__(self, path, inputs, outputs, threads=1):
        import ai_edge_litert.interpreter as litert

        self.version = getattr(litert, "__version__", "")
        if path is None:
            return
        self.interpreter = litert.Interpreter(model_path=path, num_threads=threads)
        self.interpreter.allocate_tensors()
        found = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        signatures = self.interpreter.get_signature_list()
        if signatures:
            first = signatures[min(signatures)]
            if set(first["inputs"]) == set(inputs) and set(first["outputs"]) == set(outputs):
                runner = self.interpreter.get_signature_runner(min(signatures))
                by_name = runner.get_input_details(), runner.get_output_details()
                found = [by_name[0][n] for n in inputs], [by_name[1][n] for n in outputs]
        if (len(found[0]), len(found[1])) != (len(inputs), len(outputs)):
            raise ValueError("the file has another number of inputs or outputs than its manifest declares")
        self.places = [[detail["index"] for detail in side] for side in found]

    def infer(self, arrays):
        """Run once on arrays in the order of the inputs; return the outputs in theirs."""
        for place, array in zip(self.places[0], arrays, strict=True):
            self.interpreter.set_tensor(place, array)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(place) for place in self.places[1]]


MODELS: dict = {"onnxruntime": OnnxModel, "litert": LitertModel}


def mark(number):
    """Close a file that cannot be, for the plug-in to see."""
    with contextlib.suppress(OSError):
        os.close(number)


def serve(model, numpy, commands, answer):
    """Infer for every command {"in", "out"}; "marks" says when the plug-in counts.

    A command without "out" is timed, on the "in" of it or of the last that had one.
    """
    held = []
    for line in commands:
        command = json.loads(line)
        try:
            if "out" not in command:
                if "in" in command:
                    with numpy.load(command["in"]) as file:
                        held = [file[str(index)] for index in range(len(file.files))]
                start = time.perf_counter_ns()
                model.infer(held)
                ms = (time.perf_counter_ns() - start) / 1e6
                answer({"ms": ms, "peak_memory_bytes": peak_memory_bytes()})
                continue
            with numpy.load(command["in"]) as file:
                arrays = [file[str(index)] for index in range(len(file.files))]
            if command.get("marks"):
                # A collection within would be counted as the runtime's.
                gc.collect()
                gc.disable()
                mark(MARK_START)
                results = model.infer(arrays)
                mark(MARK_STOP)
                gc.enable()
            else:
                results = model.infer(arrays)
            numpy.savez(command["out"], **{str(i): result for i, result in enumerate(results)})
            answer({})
        except Exception as error:
            answer({"error": " ".join(str(error).split())[:300] or type(error).__name__})


def main():
    """Open the file, say what is here, and serve; whatever a runtime prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(content):
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    try:
        import numpy

        settings = json.loads(sys.argv[1])
        names, threads = (settings["inputs"], settings["outputs"]), settings.get("threads", 1)
        MODELS[settings["runtime"]](None, *names)
        before, start = peak_memory_bytes(), time.perf_counter_ns()
        model = MODELS[settings["runtime"]](settings["model"], *names, threads)
        told = {"load_ms": (time.perf_counter_ns() - start) / 1e6, "baseline_memory_bytes": before}
    except Exception as error:
        answer({"error": " ".join(str(error).split())[:300] or type(error).__name__})
        return
    answer({"version": model.version, **processor(), **told})
    serve(model, numpy, sys.stdin, answer)


if __name__ == "__main__":
    main()
