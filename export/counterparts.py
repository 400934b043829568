"""Which operation of a format is an ATen operation's own, as data; what is not here is a substitution."""

# Views and bookkeeping: they move no numbers, or only name them.
NO_ARITHMETIC = frozenset(
    {"detach", "alias", "view", "_unsafe_view", "expand", "lift_fresh", "clone", "empty_like", "t", "select"}
)


def _own(onnx: str, coreml: str, tflite: str) -> dict[str, frozenset[str]]:
    """Split the names of one operation in each format."""
    return {
        "onnx": frozenset(onnx.split()),
        "coreml": frozenset(coreml.split()),
        "tflite": frozenset(tflite.split()),
    }


COUNTERPARTS = {
    "abs": _own("Abs", "abs", "ABS"),
    "add": _own("Add", "add", "ADD"),
    "avg_pool2d": _own("AveragePool", "avg_pool", "AVERAGE_POOL_2D"),
    "cat": _own("Concat", "concat", "CONCATENATION"),
    "clamp": _own("Clip", "clip", "MAXIMUM MINIMUM RELU_0_TO_1 RELU_N1_TO_1"),
    "constant_pad_nd": _own("Pad", "pad", "PADV2 PAD"),
    "convolution": _own("Conv", "conv", "CONV_2D DEPTHWISE_CONV_2D"),
    "dequantize_per_channel": _own("DequantizeLinear", "constexpr_affine_dequantize", "DEQUANTIZE"),
    "dequantize_per_tensor": _own("DequantizeLinear", "dequantize", "DEQUANTIZE"),
    "div": _own("Div", "real_div", "DIV"),
    "exp": _own("Exp", "exp", "EXP"),
    "hardtanh": _own("Clip", "clip relu6", "RELU6 RELU_0_TO_1"),
    "leaky_relu": _own("LeakyRelu", "leaky_relu", "LEAKY_RELU"),
    "log": _own("Log", "log", "LOG"),
    "lt": _own("Less", "less", "LESS"),
    "max_pool2d_with_indices": _own("MaxPool", "max_pool", "MAX_POOL_2D"),
    "maximum": _own("Max", "maximum", "MAXIMUM"),
    "mean": _own("ReduceMean", "reduce_mean", "MEAN"),
    "minimum": _own("Min", "minimum", "MINIMUM"),
    "mul": _own("Mul", "mul", "MUL"),
    "native_batch_norm": _own("BatchNormalization", "batch_norm", ""),
    "neg": _own("Neg", "", "NEG"),
    "quantize_per_tensor": _own("QuantizeLinear", "quantize", "QUANTIZE"),
    "relu": _own("Relu", "relu", "RELU"),
    "replication_pad2d": _own("Pad", "pad", ""),
    "rsub": _own("Sub", "sub", "SUB"),
    "sigmoid": _own("Sigmoid", "sigmoid", "LOGISTIC"),
    "slice": _own("Slice", "slice_by_index", "SLICE STRIDED_SLICE"),
    "stack": _own("", "stack", "PACK"),
    "sub": _own("Sub", "sub", "SUB"),
    "sum": _own("ReduceSum", "reduce_sum", "SUM"),
    "upsample_bilinear2d": _own("Resize", "upsample_bilinear", "RESIZE_BILINEAR"),
    "upsample_nearest2d": _own("Resize", "upsample_nearest_neighbor", "RESIZE_NEAREST_NEIGHBOR"),
    "where": _own("Where", "select", "SELECT SELECT_V2"),
}

_CONSTANT = ("a constant", "its value does not depend on the photo", frozenset[str]())

# (format, ATen operation): what stands there instead, why, and the kinds that must be in the file for it.
REPLACED: dict[tuple[str, str], tuple[str, str, frozenset[str]]] = {
    ("onnx", "stack"): (
        "Unsqueeze, Concat",
        "ONNX has no stack on tensors",
        frozenset({"Unsqueeze", "Concat"}),
    ),
    ("onnx", "zeros_like"): _CONSTANT,
    ("coreml", "zeros_like"): _CONSTANT,
    ("tflite", "zeros_like"): _CONSTANT,
    ("tflite", "hardtanh"): (
        "fused activation of CONV_2D and DEPTHWISE_CONV_2D",
        "TFLite's convolutions clamp their own result",
        frozenset({"CONV_2D"}),
    ),
    ("tflite", "stack"): (
        "RESHAPE, CONCATENATION",
        "litert-torch lowers stack so",
        frozenset({"RESHAPE", "CONCATENATION"}),
    ),
    ("tflite", "replication_pad2d"): (
        "MIRROR_PAD",
        "by one pixel, mirroring the edge repeats it",
        frozenset({"MIRROR_PAD"}),
    ),
}

# (format, kind): what of the program an operation comes from that the program itself does not have, and why.
ADDED: dict[tuple[str, str], tuple[str, str]] = {
    ("onnx", "Expand"): ("a constant plane", "stored without the axes along which it does not change"),
    ("onnx", "Cast"): ("half precision", "where half precision begins and ends"),
    ("coreml", "cast"): ("half precision", "where half precision begins and ends"),
    ("tflite", "TRANSPOSE"): ("planes channels first", "TFLite computes channels last"),
    ("tflite", "RESHAPE"): ("planes channels first", "TFLite computes channels last"),
    ("tflite", "PAD"): (
        "padding of a convolution",
        "TFLite's own padding is uneven where the stride is 2",
    ),
    ("tflite", "PADV2"): ("padding of a pooling", "padded with the lowest number, which never wins"),
    ("tflite", "DEQUANTIZE"): ("float32 weights", "stored in half precision, widened when loaded"),
}
