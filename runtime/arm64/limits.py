"""What an emulated candidate must keep beside the gates of its precision: how close it is to this machine."""

from ..parity.gates import Gates

# Gates by precision and metric, of the outputs' range, between the ARM64 build and this machine's build of
# the same runtime on the same file. fp32: other kernels only add in another order; the 99th percentile, as
# single pixels lie on an edge. fp16: ARM adds in fp16 where x86 widens to fp32. w8 has float activations and
# is as fp32, but for runtimes that round activations while they run. int8 is judged by its steps instead.
HOST_GATES: Gates = {
    "fp32": {"host.disparity.p99_abs": 1e-6, "host.color.p99_abs": 1e-6},
    "fp16": {"host.disparity.p99_abs": 2e-3, "host.color.p99_abs": 2e-3},
    "w8": {"host.disparity.p99_abs": 1e-3, "host.color.p99_abs": 1e-3},
}
# XNNPACK's x86 build weighs the pixels of an uneven resize (384 to 240 rows) otherwise in the last bits than
# its ARM build, which agrees with torch to 1e-7: the two differ by 1.5e-5 at that operation alone, each being
# 8e-6 from what float64 gives (docs/arm64.md).
_UNEVEN_RESIZE = {"host.disparity.p99_abs": 1e-5, "host.color.p99_abs": 1e-5}
HOST_GATES_OF_RUNTIME: dict[str, Gates] = {"litert": {**HOST_GATES, "fp32": _UNEVEN_RESIZE}}

# How many int8 steps an operation may differ when it is given the same int8 inputs. LiteRT's int8 is defined
# to the bit; onnxruntime rescales in float and may fall to either side of a half.
STEPS_GATE = "host.steps"
STEPS_LIMIT = {"litert": 0, "onnxruntime": 1}


def with_host(limits: Gates, backend: str) -> Gates:
    """Return the gates of a candidate: those given, and for an emulated one those of `HOST_GATES` too."""
    runtime, emulated, _ = backend.partition("@")
    if not emulated:
        return limits
    host = HOST_GATES_OF_RUNTIME.get(runtime, HOST_GATES)
    return {name: {**table, **host.get(name, {})} for name, table in limits.items()}
