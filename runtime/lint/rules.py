"""What accelerators take, as data, each list with where it is from and when it was read.

Rules only say what is documented. A phone's driver may refuse more; what is not listed is called taken only
where the source is a list of all that is.
"""

from dataclasses import dataclass

XNNPACK, GPU, NNAPI, COREML_EP = "XNNPACK", "TFLite GPU delegate", "NNAPI", "Core ML EP"
NEURAL_ENGINE, APPLE_GPU = "Neural Engine", "Core ML GPU"

# Which accelerators a format can run on.
TARGETS = {
    "tflite": (XNNPACK, GPU),
    "onnx": (NNAPI, COREML_EP),
    "coreml": (NEURAL_ENGINE, APPLE_GPU),
}


@dataclass(frozen=True)
class Rules:
    """The rules of one accelerator.

    Attributes:
        source: of the rules, with its version.
        known: types of operation that are taken; None where only what is not taken is documented.
        refused: types that are documented not to be taken.
        ranks: numbers of axes of the first input that are taken, by type.
        most_axes: no tensor may have more; None for any number.
        types: element types of values that are taken; None for all.
    """

    source: str
    known: frozenset[str] | None = None
    refused: frozenset[str] = frozenset()
    ranks: dict[str, tuple[int, ...]] | None = None
    most_axes: int | None = None
    types: frozenset[str] | None = None


_GPU_OPERATIONS = """
ABS ADD ADD_N ATAN2 AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION CONV_2D COS CUMSUM DENSIFY
DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP
FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GELU GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU
LESS LESS_EQUAL LOG LOGICAL_AND LOGISTIC LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG
NOT_EQUAL ONE_HOT PACK PAD PADV2 POW PRELU QUANTIZE REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6
RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SELECT SELECT_V2 SIGN SIN SLICE
SOFTMAX SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE STABLEHLO_CLAMP STRIDED_SLICE
SUB SUM TANH TILE TRANSPOSE TRANSPOSE_CONV
"""
GPU_DELEGATE = Rules(
    source="tensorflow/lite/tools/versioning/gpu_compatibility.cc at 03a5e4e1, read 2026-11-24",
    known=frozenset(_GPU_OPERATIONS.split()),
    ranks=dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD", "SLICE", "STRIDED_SLICE"), (3, 4)),
)

# A convolution with dilations above 1.
DILATED = "conv dilated"
ANE = Rules(
    source="coremltools 9 guide, Typed Execution (fp16 alone, five axes); hollance/neural-engine "
    "docs/unsupported-layers.md at 111047a4 (observations, not Apple's list); read 2026-11-24",
    refused=frozenset(("gather", "gather_along_axis", "gather_nd", "lstm", "gru", "rnn", DILATED)),
    most_axes=5,
    types=frozenset(("fp16", "int8", "uint8", "bool", "int16", "uint16", "int32")),
)
METAL = Rules(source="coremltools 9 guide, Typed Execution (fp16 and fp32, five axes)", most_axes=5)

# What to write instead, by type of operation.
HINTS = {
    XNNPACK: {
        "LESS": "with SELECT: write the choice as arithmetic (maximum, minimum, clamp), which XNNPACK takes",
        "SELECT": "with LESS: write the choice as arithmetic (maximum, minimum, clamp), which XNNPACK takes",
        "PADV2": "pad with 0 (PAD): shift the values so that the padding is 0, or slice and concatenate",
        "RELU_0_TO_1": "MAXIMUM with 0, then MINIMUM with 1",
        "TRANSPOSE": "keep channels last throughout",
        "CUSTOM": "replace it by built-in operations",
    },
    GPU: {
        "RELU_0_TO_1": "MAXIMUM with 0, then MINIMUM with 1",
        "PAD": "fold the batch or layer axis away: at most four axes",
        "SLICE": "fold the batch or layer axis away: at most four axes",
    },
    NNAPI: {
        "Where": "write the choice as arithmetic (Max, Min, Clip)",
        "Less": "write the choice as arithmetic (Max, Min, Clip)",
        "Expand": "broadcast in the operation that follows",
        "ReduceSum": "ReduceMean times the number of elements",
        "unknown shape": "constant sizes in Resize, Reshape and Expand, then shape inference",
    },
    COREML_EP: {
        "QuantizeLinear": "give this accelerator the fp16 file: it takes no quantised operations",
        "DequantizeLinear": "give this accelerator the fp16 file: it takes no quantised operations",
        "Pad": "padding of the convolution itself, or Concat with constants",
        "Min": "Clip where one side is constant; else −Max(−a, −b)",
        "Abs": "Max(x, −x)",
        "Less": "write the choice as arithmetic (Max, Clip)",
        "Expand": "broadcast in the operation that follows",
    },
    NEURAL_ENGINE: {
        DILATED: "several convolutions that are not dilated",
        "fp32": "the fp16 file; what must stay fp32 goes to the GPU or CPU",
    },
    APPLE_GPU: {},
}
