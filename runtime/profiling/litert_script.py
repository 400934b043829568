"""What LiteRT's own profiler tells of single operations. Standard library alone, and no import of ldikit's.

ai-edge-litert's Python classes leave the profiler out; the shared library that they come with has it, in the
C interface of LiteRT (litert/c/litert_compiled_model.h, litert_profiler.h, litert_profiler_event.h). Runs as
a process of its own, so that a build whose records look otherwise can only end this process; and in an ARM64
guest, for which instructions are counted.

Started with one argument, JSON: "library" and "model" (paths), "threads", "warm_up" and "runs" (numbers of
inferences), "inputs" (name → file of the tensor's bytes), "marks" (whether to tell a counting plug-in where
the last inference begins and ends). Writes one line of JSON: {"runs": [{"whole_us", "wall_us", "events":
[[name, delegated, us], …]}, …]}, or {"error"}.
"""

import contextlib
import ctypes
import json
import os
import sys
import time
from pathlib import Path

# Of litert_profiler_event.h: what an event tells of.
DEFAULT, OPERATOR, DELEGATE_OPERATOR, DELEGATE_PROFILED = 1, 2, 4, 8
# The event of a whole inference.
WHOLE = "Invoke"
# Of LiteRtHwAccelerator and of LiteRtTensorBufferLockMode.
ON_CPU, TO_WRITE = 1, 1
# Larger than a ranked tensor type, whose fields are of no interest here, and than any event.
_TYPE_BYTES, _SPARE_BYTES = 512, 512
# What the counting plug-in takes for the beginning and the end: files that cannot be.
MARK_START, MARK_STOP = -7001, -7002


class Event(ctypes.Structure):
    """ProfiledEventData, with tflite::profiling::memory::MemoryUsage as three sizes."""

    _fields_ = (
        ("tag", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("begin_memory", ctypes.c_int64 * 3),
        ("end_memory", ctypes.c_int64 * 3),
        ("metadata", ctypes.c_uint64 * 2),
        ("source", ctypes.c_int),
    )


class Library:
    """LiteRT's C interface; every function returns a status, 0 for success."""

    def __init__(self, path):
        self._library = ctypes.CDLL(path)

    def __call__(self, name, *arguments):
        """Call a function."""
        status = getattr(self._library, name)(*arguments)
        if status:
            raise ValueError(f"{name} gives status {status}")

    def made(self, name, *arguments):
        """Call a function, and return the handle that it gives through its last argument."""
        handle = ctypes.c_void_p()
        self(name, *arguments, ctypes.byref(handle))
        return handle


class Model:
    """One file, compiled for the processor with profiling on."""

    def __init__(self, library, path, threads):
        self.call = library
        self.environment = library.made("LiteRtCreateEnvironment", 0, None)
        self.model = library.made("LiteRtCreateModelFromFile", self.environment, path.encode())
        options = library.made("LiteRtCreateOptions")
        library("LiteRtSetOptionsHardwareAccelerators", options, ctypes.c_int(ON_CPU))
        # The library owns neither text nor destructor: both live as long as this process.
        self._kept: list = [ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)]
        for name, text in (
            ("runtime_options_string", "enable_profiling = true\n"),
            ("xnnpack", f"num_threads = {threads}\n"),
        ):
            name_bytes, payload = ctypes.c_char_p(name.encode()), ctypes.create_string_buffer(text.encode())
            self._kept += [name_bytes, payload]
            option = library.made(
                "LiteRtCreateOpaqueOptions", name_bytes, ctypes.cast(payload, ctypes.c_void_p), self._kept[0]
            )
            library("LiteRtAddOpaqueOptions", options, option)
        self.compiled = library.made("LiteRtCreateCompiledModel", self.environment, self.model, options)
        self.profiler = library.made("LiteRtCompiledModelGetProfiler", self.compiled)
        self.signature = library.made("LiteRtGetModelSignature", self.model, ctypes.c_size_t(0))
        self.inputs, self.outputs = self._buffers("Input"), self._buffers("Output")

    def _buffers(self, side):
        """Make the buffers of all inputs or outputs."""
        count = ctypes.c_size_t()
        self.call(f"LiteRtGetNumSignature{side}s", self.signature, ctypes.byref(count))
        buffers = {}
        for index in range(count.value):
            place = ctypes.c_size_t(index)
            name = ctypes.c_char_p()
            self.call(f"LiteRtGetSignature{side}Name", self.signature, place, ctypes.byref(name))
            tensor = self.call.made(f"LiteRtGetSignature{side}TensorByIndex", self.signature, place)
            kind = ctypes.create_string_buffer(_TYPE_BYTES)
            self.call("LiteRtGetRankedTensorType", tensor, kind)
            wanted = self.call.made(
                f"LiteRtGetCompiledModel{side}BufferRequirements", self.compiled, ctypes.c_size_t(0), place
            )
            buffers[(name.value or b"").decode()] = self.call.made(
                "LiteRtCreateManagedTensorBufferFromRequirements", self.environment, kind, wanted
            )
        return buffers

    def fill(self, name, content):
        """Write an input."""
        size = ctypes.c_size_t()
        self.call("LiteRtGetTensorBufferPackedSize", self.inputs[name], ctypes.byref(size))
        if size.value != len(content):
            raise ValueError(f"input {name} takes {size.value} bytes, got {len(content)}")
        address = ctypes.c_void_p()
        self.call("LiteRtLockTensorBuffer", self.inputs[name], ctypes.byref(address), ctypes.c_int(TO_WRITE))
        ctypes.memmove(address, content, size.value)
        self.call("LiteRtUnlockTensorBuffer", self.inputs[name])

    def run(self, marks=False):
        """Infer once and return what the profiler and this process's clock tell."""
        sides = []
        for buffers in (self.inputs, self.outputs):
            sides += [
                ctypes.c_size_t(len(buffers)),
                (ctypes.c_void_p * len(buffers))(*(b.value for b in buffers.values())),
            ]
        self.call("LiteRtResetProfiler", self.profiler)
        self.call("LiteRtStartProfiler", self.profiler)
        start = time.perf_counter_ns()
        if marks:
            mark(MARK_START)
        self.call("LiteRtRunCompiledModel", self.compiled, ctypes.c_size_t(0), *sides)
        if marks:
            mark(MARK_STOP)
        wall = (time.perf_counter_ns() - start) / 1000.0
        self.call("LiteRtStopProfiler", self.profiler)
        count = ctypes.c_int()
        self.call("LiteRtGetNumProfilerEvents", self.profiler, ctypes.byref(count))
        raw = ctypes.create_string_buffer(count.value * (ctypes.sizeof(Event) + _SPARE_BYTES))
        self.call("LiteRtGetProfilerEvents", self.profiler, count, raw)
        return told((Event * count.value).from_buffer(raw), wall)


def told(events, wall_us):
    """Return the operations of one inference, after checking that these are the records expected.

    Raises:
        ValueError: their times cannot be those of one inference that took `wall_us`.
    """
    whole = [e.elapsed_us for e in events if e.kind == DEFAULT and (e.tag or b"") == WHOLE.encode()]
    found = [
        [e.tag.decode(), e.kind != OPERATOR, e.elapsed_us]
        for e in events
        if e.kind in (OPERATOR, DELEGATE_OPERATOR, DELEGATE_PROFILED)
    ]
    if len(whole) != 1 or whole[0] > wall_us + 1 or sum(us for _, _, us in found) > 1.05 * whole[0] + 1000:
        raise ValueError("the records of this build's profiler are not of the form that is known")
    return {"whole_us": whole[0], "wall_us": wall_us, "events": found}


def mark(number):
    """Close a file that cannot be, for the plug-in to see."""
    with contextlib.suppress(OSError):
        os.close(number)


def main():
    """Do as told; whatever the library prints goes to standard error."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    settings = json.loads(sys.argv[1])
    try:
        model = Model(Library(settings["library"]), settings["model"], settings["threads"])
        for name, file in settings["inputs"].items():
            model.fill(name, Path(file).read_bytes())
        for _ in range(settings["warm_up"]):
            model.run()
        last = settings["runs"] - 1
        result: dict = {"runs": [model.run(settings["marks"] and i == last) for i in range(last + 1)]}
    except Exception as error:
        result = {"error": " ".join(str(error).split())[:300] or type(error).__name__}
    answer.write(json.dumps(result) + "\n")
    answer.flush()
    # Nothing is torn down: the library's own order of doing so is not this script's concern.
    os._exit(0)


if __name__ == "__main__":
    main()
