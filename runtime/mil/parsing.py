"""Turning the messages of an ML Program into plain data."""

from typing import Any

import numpy as np

from ...reference.errors import InputError
from .blob import unpack_bits
from .package import Package
from .program import Block, Constant, Function, Named, Operation, check_order
from .types import MAX_ELEMENTS, MAX_WEIGHTS, DType, TensorType, by_number, check_size

OPSETS = ("CoreML5", "CoreML6", "CoreML7", "CoreML8")
"""iOS15, iOS16, iOS17 and iOS18."""

_NO_TENSOR = DType("value", "other", 0)


def _value_type(message: Any, what: str, limit: int = MAX_ELEMENTS) -> TensorType:
    kind = message.WhichOneof("type")
    if kind == "tensorType":
        return _tensor_type(message.tensorType, what, limit)
    if kind == "stateType" and message.stateType.wrappedType.WhichOneof("type") == "tensorType":
        wrapped = _tensor_type(message.stateType.wrappedType.tensorType, what, limit)
        return TensorType(wrapped.dtype, wrapped.shape, "state")
    if kind == "listType" and message.listType.type.WhichOneof("type") == "tensorType":
        element = _tensor_type(message.listType.type.tensorType, what, limit)
        return TensorType(element.dtype, element.shape, "list")
    if kind == "dictionaryType":
        return TensorType(_NO_TENSOR, None, "dictionary")
    raise InputError(f"{what} is of a type that is not known here: {kind or 'none'}")


def _tensor_type(tensor: Any, what: str, limit: int) -> TensorType:
    shape: list[int | None] = []
    for dimension in tensor.dimensions:
        if dimension.WhichOneof("dimension") == "constant":
            shape.append(dimension.constant.size)
        elif dimension.unknown.variadic:
            return TensorType(by_number(tensor.dataType), None)
        else:
            shape.append(None)
    if tensor.rank >= 0 and tensor.rank != len(shape):
        raise InputError(f"{what} declares rank {tensor.rank} and {len(shape)} sizes")
    check_size(tuple(shape), what, limit)
    return TensorType(by_number(tensor.dataType), tuple(shape))


def _immediate(tensor: Any, dtype: DType, count: int, what: str) -> np.ndarray:
    field = tensor.WhichOneof("value")
    wanted = {"bool": "bools", "string": "strings"}.get(dtype.kind)
    if wanted is None:
        in_ints = dtype.name in ("int16", "uint16", "int32")
        wanted = {"fp32": "floats", "fp64": "doubles", "int64": "longInts", "uint64": "longInts"}.get(
            dtype.name, "ints" if in_ints else "bytes"
        )
    # 16-bit integers are written as ints, but the format lets them be bytes too.
    if field is None and count == 0:
        return np.empty(0, dtype.numpy)
    if field == "bytes" and dtype.kind in ("int", "float"):
        packed = np.frombuffer(tensor.bytes.values, np.uint8)
        if packed.size != (count * dtype.bits + 7) // 8:
            raise InputError(f"{what} holds {packed.size} bytes, {count} elements of {dtype.name} declared")
        if dtype.bits < 8:
            return unpack_bits(packed, dtype.bits, count, dtype.signed)
        return packed.view(dtype.numpy).copy()
    if field != wanted:
        raise InputError(f"{what} is declared {dtype.name} but holds {field or 'nothing'}")
    values = getattr(tensor, field).values
    if len(values) != count:
        raise InputError(f"{what} holds {len(values)} elements, {count} declared")
    try:
        return np.array(values, dtype.numpy)
    except OverflowError as error:
        raise InputError(f"{what} holds a number that {dtype.name} cannot hold") from error


def _constant_list(message: Any, what: str) -> Constant:
    """A list of scalars, as the labels of a classifier: one array."""
    element = _value_type(message.type, what)
    if element.shape != () or element.holder != "list":
        raise InputError(f"{what} is a list of {element}: only lists of scalars are known as constants")
    values = message.immediateValue.list.values
    items = [
        _immediate(value.immediateValue.tensor, element.dtype, 1, f"{what}, element {i}")
        for i, value in enumerate(values)
    ]
    data = np.concatenate(items) if items else np.empty(0, element.dtype.numpy)
    return Constant(TensorType(element.dtype, (len(items),)), data)


def _constant(message: Any, package: Package, what: str) -> Constant:
    source = message.WhichOneof("value")
    immediate = message.immediateValue.WhichOneof("value") if source == "immediateValue" else None
    if immediate == "list":
        return _constant_list(message, what)
    declared = _value_type(message.type, what, MAX_WEIGHTS)
    if declared.shape is None or None in declared.shape:
        raise InputError(f"{what} is a constant of open shape {declared}")
    shape = tuple(size for size in declared.shape if size is not None)
    count = int(np.prod(shape, dtype=np.int64))
    if source == "blobFileValue":
        weights = package.weights(message.blobFileValue.fileName)
        data = weights.read(message.blobFileValue.offset, declared.dtype, count)
        if declared.dtype.kind == "bool":
            data = data.astype(np.bool_)
    elif immediate == "tensor":
        data = _immediate(message.immediateValue.tensor, declared.dtype, count, what)
    else:
        raise InputError(f"{what} is neither a tensor nor a place in a weight file")
    return Constant(declared, data.reshape(shape))


def _operation(message: Any, package: Package) -> Operation:
    label = (
        message.attributes["name"].immediateValue.tensor.strings.values
        if "name" in message.attributes
        else ()
    )
    name = message.outputs[0].name if message.outputs else label[0] if label else "?"
    what = f"operation {message.type} {name!r}"
    inputs: dict[str, tuple[str | Constant, ...]] = {}
    for argument_name, argument in message.inputs.items():
        inputs[argument_name] = tuple(
            binding.name
            if binding.WhichOneof("binding") == "name"
            else _constant(binding.value, package, f"{what}, input {argument_name!r}")
            for binding in argument.arguments
        )
    # Up to iOS17 the compressed weights (constexpr_...) keep their arguments among the attributes.
    for attribute, value in message.attributes.items():
        if attribute != "name":
            inputs[attribute] = (_constant(value, package, f"{what}, attribute {attribute!r}"),)
    weights = message.type == "const" or message.type.startswith("constexpr_")
    limit = MAX_WEIGHTS if weights else MAX_ELEMENTS
    outputs = tuple(
        Named(v.name, _value_type(v.type, f"{what}, output {v.name!r}", limit)) for v in message.outputs
    )
    blocks = tuple(_block(block, package) for block in message.blocks)
    return Operation(message.type, inputs, outputs, blocks, name)


def _inputs(messages: Any) -> tuple[Named, ...]:
    return tuple(Named(v.name, _value_type(v.type, f"input {v.name!r}")) for v in messages)


def _block(message: Any, package: Package) -> Block:
    constants: dict[str, Constant] = {}
    operations: list[Operation] = []
    for item in message.operations:
        if item.type == "const" and len(item.outputs) == 1 and "val" in item.attributes:
            _add_constant(item, package, constants)
        elif item.type == "const":
            label = item.outputs[0].name if item.outputs else "?"
            raise InputError(f"operation const {label!r} has no value, or not one output")
        else:
            operations.append(_operation(item, package))
    return Block(_inputs(message.inputs), tuple(message.outputs), tuple(operations), constants)


def _add_constant(message: Any, package: Package, constants: dict[str, Constant]) -> None:
    name = message.outputs[0].name
    what = f"constant {name!r}"
    value = _constant(message.attributes["val"], package, what)
    declared = _value_type(message.outputs[0].type, what, MAX_WEIGHTS)
    if declared.holder == "tensor" and declared != value.type:
        raise InputError(f"{what} is declared {declared} but holds {value.type}")
    if name in constants:
        raise InputError(f"value {name!r} is defined twice")
    constants[name] = value


def read_function(name: str, message: Any, package: Package) -> Function:
    """Turn a `Function` message into plain data; constants are read (large ones mapped) and checked here.

    Raises:
        InputError: an opset that is not known, a value used before it is defined or defined twice, a
            constant that is not what it declares, a shape of more elements than `types` allows.
    """
    if message.opset not in OPSETS:
        raise InputError(f"opset {message.opset!r} is not known; known: {', '.join(OPSETS)} (iOS15 to iOS18)")
    if message.opset not in message.block_specializations:
        raise InputError(f"function {name!r} has no block for its opset {message.opset!r}")
    block = _block(message.block_specializations[message.opset], package)
    function = Function(
        _inputs(message.inputs), block.outputs, block.operations, block.constants, name, message.opset
    )
    check_order(function)
    return function
