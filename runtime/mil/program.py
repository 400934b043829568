"""An ML Program as plain data: functions, operations, constants, checked for form and order."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...reference.errors import InputError
from .blob import unpack_bits
from .package import Package
from .types import DType, TensorType, by_number, check_size

OPSETS = ("CoreML5", "CoreML6", "CoreML7", "CoreML8")
"""iOS15, iOS16, iOS17 and iOS18."""

_NO_TENSOR = DType("list or state", "other", 0)


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant of a program.

    Attributes:
        type: its declared type, every size known.
        data: the elements in the declared shape (a view of the weight file where they lie there); strings
            as an object array.
    """

    type: TensorType
    data: np.ndarray


@dataclass(frozen=True)
class Named:
    """A name and the type declared for it."""

    name: str
    type: TensorType


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation.

    Attributes:
        kind: its type, as "conv".
        inputs: argument name → the names of values or the constants bound to it (several for a tuple).
        outputs: the values that it defines.
        nested: whether it holds blocks of its own (cond, while_loop).
    """

    kind: str
    inputs: dict[str, tuple[str | Constant, ...]]
    outputs: tuple[Named, ...]
    nested: bool = False

    @property
    def name(self) -> str:
        """The name of the first output, which names the operation in messages."""
        return self.outputs[0].name if self.outputs else "?"


@dataclass(frozen=True, eq=False)
class Function:
    """One function of a program: operations in the order in which they run."""

    name: str
    opset: str
    inputs: tuple[Named, ...]
    outputs: tuple[str, ...]
    operations: tuple[Operation, ...]
    constants: dict[str, Constant]

    def types(self) -> dict[str, TensorType]:
        """The declared type of every value by its name."""
        result = {value.name: value.type for value in self.inputs}
        result |= {name: constant.type for name, constant in self.constants.items()}
        for operation in self.operations:
            result |= {value.name: value.type for value in operation.outputs}
        return result


def _tensor_type(message: Any, what: str) -> TensorType:
    if message.WhichOneof("type") != "tensorType":
        return TensorType(_NO_TENSOR, None)
    tensor = message.tensorType
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
    check_size(tuple(shape), what)
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
    return np.array(values, dtype.numpy)


def _constant(message: Any, package: Package, what: str) -> Constant:
    declared = _tensor_type(message.type, what)
    if declared.shape is None or None in declared.shape:
        raise InputError(f"{what} is a constant of open shape {declared}")
    shape = tuple(size for size in declared.shape if size is not None)
    count = int(np.prod(shape, dtype=np.int64))
    source = message.WhichOneof("value")
    if source == "blobFileValue":
        weights = package.weights(message.blobFileValue.fileName)
        data = weights.read(message.blobFileValue.offset, declared.dtype, count)
        if declared.dtype.kind == "bool":
            data = data.astype(np.bool_)
    elif source == "immediateValue" and message.immediateValue.WhichOneof("value") == "tensor":
        data = _immediate(message.immediateValue.tensor, declared.dtype, count, what)
    else:
        raise InputError(f"{what} is neither a tensor nor a place in a weight file")
    return Constant(declared, data.reshape(shape))


def _operation(message: Any, package: Package) -> Operation:
    label = message.outputs[0].name if message.outputs else "?"
    what = f"operation {message.type} {label!r}"
    inputs: dict[str, tuple[str | Constant, ...]] = {}
    for name, argument in message.inputs.items():
        inputs[name] = tuple(
            binding.name
            if binding.WhichOneof("binding") == "name"
            else _constant(binding.value, package, f"{what}, input {name!r}")
            for binding in argument.arguments
        )
    # Up to iOS17 the compressed weights (constexpr_...) keep their arguments among the attributes.
    for name, value in message.attributes.items():
        if name != "name":
            inputs[name] = (_constant(value, package, f"{what}, attribute {name!r}"),)
    outputs = tuple(
        Named(v.name, _tensor_type(v.type, f"{what}, output {v.name!r}")) for v in message.outputs
    )
    return Operation(message.type, inputs, outputs, bool(message.blocks))


def _check_order(function: Function) -> None:
    """Every value is defined once, and before it is used: so there is no cycle."""
    defined = set(function.constants)
    for value in function.inputs:
        if value.name in defined:
            raise InputError(f"value {value.name!r} is defined twice")
        defined.add(value.name)
    for operation in function.operations:
        for argument in operation.inputs.values():
            for binding in argument:
                if isinstance(binding, str) and binding not in defined:
                    raise InputError(
                        f"operation {operation.kind} {operation.name!r} uses {binding!r} before it is defined"
                    )
        for value in operation.outputs:
            if value.name in defined:
                raise InputError(f"value {value.name!r} is defined twice")
            defined.add(value.name)
    for name in function.outputs:
        if name not in defined:
            raise InputError(f"output {name!r} is never defined")


def read_function(name: str, message: Any, package: Package) -> Function:
    """Turn a `Function` message into plain data; constants are read (large ones mapped) and checked here.

    Raises:
        InputError: an opset that is not known, a value used before it is defined or defined twice, a
            constant that is not what it declares, a shape of more than 2^31 elements.
    """
    if message.opset not in OPSETS:
        raise InputError(f"opset {message.opset!r} is not known; known: {', '.join(OPSETS)} (iOS15 to iOS18)")
    if message.opset not in message.block_specializations:
        raise InputError(f"function {name!r} has no block for its opset {message.opset!r}")
    block = message.block_specializations[message.opset]
    constants: dict[str, Constant] = {}
    operations: list[Operation] = []
    for item in block.operations:
        operation = _operation(item, package)
        if operation.kind != "const":
            operations.append(operation)
            continue
        value = operation.inputs.get("val", (None,))[0]
        if not isinstance(value, Constant) or len(operation.outputs) != 1:
            raise InputError(f"operation const {operation.name!r} has no value, or not one output")
        declared = operation.outputs[0]
        if declared.type != value.type:
            raise InputError(f"constant {declared.name!r} is declared {declared.type} but holds {value.type}")
        if declared.name in constants:
            raise InputError(f"value {declared.name!r} is defined twice")
        constants[declared.name] = value
    function = Function(
        name,
        message.opset,
        tuple(Named(v.name, _tensor_type(v.type, f"input {v.name!r}")) for v in message.inputs),
        tuple(block.outputs),
        tuple(operations),
        constants,
    )
    _check_order(function)
    return function
