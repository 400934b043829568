"""What a saved ML Program is made of: its operations, and its weights as they are stored."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from .model import MilModel
from .program import Block, Constant, Operation

LEAST_WEIGHT = 10
"""Elements that make a constant a weight: from here on coremltools puts constants into the weight file."""

_COMPRESSED = "constexpr_"
_DATA = ("quantized_data", "nonzero_data", "data", "source_val", "indices_nonzero_data")
"""The arguments of decompressions that hold the elements."""
_SETTINGS = ("shape", "axis", "vector_axis", "output_dtype")
"""The arguments that say how to decompress: no part of the weight."""

Binding = str | Constant


@dataclass(frozen=True)
class Weight:
    """A constant of the program, or what an operation decompresses from several.

    Attributes:
        name: of the value that the program computes with.
        shape: of that value; None where the program leaves it open.
        stored: how its elements lie in the file: "fp16", "int8", "4-bit palette of fp16", "sparse fp16", ...
        bytes: of all constants that it is made from, packed as in the file.
    """

    name: str
    shape: tuple[int | None, ...] | None
    stored: str
    bytes: int

    @property
    def elements(self) -> int:
        """How many elements it stands for; open sizes count as 1."""
        return prod(size or 1 for size in self.shape or ())


@dataclass(frozen=True)
class Kind:
    """All operations of one type.

    Attributes:
        type: the operation.
        count: how often it occurs, nested blocks included.
        outputs: element type → how many outputs have it.
        supported: whether it can be evaluated.
    """

    type: str
    count: int
    outputs: dict[str, int]
    supported: bool


def kinds(model: MilModel) -> list[Kind]:
    """Count the operations of a program by their type, the most frequent first, constants left out."""
    counts: Counter[str] = Counter()
    outputs: dict[str, Counter[str]] = {}
    for operation in model.function.walk():
        counts[operation.kind] += 1
        outputs.setdefault(operation.kind, Counter()).update(v.type.dtype.name for v in operation.outputs)
    unknown = set(model.unsupported())
    return [
        Kind(kind, count, dict(outputs[kind].most_common()), kind not in unknown)
        for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def weights(model: MilModel) -> list[Weight]:
    """List the weights of a program in the order in which they are used, those of nested blocks included.

    A compressed weight counts once, with its scales, palettes and masks; so does a constant that several
    operations use. Constants of fewer than `LEAST_WEIGHT` elements (strides, axes, epsilons) are left out.
    """
    found = _Weights(model.function)
    return list(found.plain()) + list(found.compressed())


def _blocks(block: Block) -> Iterator[Block]:
    yield block
    for operation in block.operations:
        for nested in operation.blocks:
            yield from _blocks(nested)


def _bytes(constant: Constant) -> int:
    return (prod(constant.data.shape) * constant.type.dtype.bits + 7) // 8


class _Weights:
    """Finds what is decompressed and what it is made from. Names are unique in a program (`check_order`)."""

    def __init__(self, function: Block) -> None:
        self._operations = list(function.walk())
        self._named: dict[str, Constant] = {}
        for block in _blocks(function):
            self._named |= block.constants
        self._makers = {
            value.name: operation
            for operation in self._operations
            if operation.kind.startswith(_COMPRESSED)
            for value in operation.outputs
        }

    def _constant(self, binding: Binding) -> Constant | None:
        return self._named.get(binding) if isinstance(binding, str) else binding

    def _sources(self, operation: Operation) -> dict[int, Constant]:
        """The constants that a decompression is made from, by their identity."""
        found: dict[int, Constant] = {}
        given = (b for name, bindings in operation.inputs.items() if name not in _SETTINGS for b in bindings)
        for binding in given:
            constant = self._constant(binding)
            if constant is not None:
                found[id(constant)] = constant
            elif binding in self._makers:
                found |= self._sources(self._makers[str(binding)])
        return found

    def _stored(self, binding: Binding) -> str:
        constant = self._constant(binding)
        if constant is not None:
            return constant.type.dtype.name
        maker = self._makers.get(str(binding))
        return self._stored_by(maker) if maker else "computed"

    def _stored_by(self, operation: Operation) -> str:
        given = {name: bindings[0] for name, bindings in operation.inputs.items() if bindings}
        if "lut" in given:
            return f"{self._palette_bits(operation, given)}-bit palette of {self._stored(given['lut'])}"
        data = next((given[name] for name in _DATA if name in given), None)
        stored = "computed" if data is None else self._stored(data)
        return f"sparse {stored}" if operation.kind == f"{_COMPRESSED}sparse_to_dense" else stored

    def _palette_bits(self, operation: Operation, given: dict[str, Binding]) -> int:
        constant = self._constant(given["lut"])
        maker = None if constant else self._makers.get(str(given["lut"]))
        shape = constant.data.shape if constant else maker.outputs[-1].type.shape if maker else None
        # iOS16 has one palette without further axes; from iOS18 on they are blocks × entries × vector.
        entries = (shape[0] if len(shape) == 1 else shape[-2]) if shape else None
        return ((entries or 1) - 1).bit_length()

    def compressed(self) -> Iterator[Weight]:
        """What is decompressed and used by an operation that is no decompression itself."""
        inner = {
            str(binding)
            for operation in self._makers.values()
            for bindings in operation.inputs.values()
            for binding in bindings
        }
        for operation in dict.fromkeys(self._makers.values()):
            if any(value.name in inner for value in operation.outputs):
                continue
            size = sum(_bytes(constant) for constant in self._sources(operation).values())
            value = operation.outputs[-1]
            yield Weight(value.name, value.type.shape, self._stored_by(operation), size)

    def plain(self) -> Iterator[Weight]:
        """The constants that are computed with as they are."""
        packed = {id(c) for operation in self._makers.values() for c in self._sources(operation).values()}
        unnamed = {
            f"{operation.name}.{argument}": binding
            for operation in self._operations
            for argument, bindings in operation.inputs.items()
            for binding in bindings
            if isinstance(binding, Constant)
        }
        for name, constant in {**self._named, **unnamed}.items():
            number = constant.type.dtype.kind != "string"
            if id(constant) not in packed and number and constant.data.size >= LEAST_WEIGHT:
                yield Weight(name, constant.data.shape, constant.type.dtype.name, _bytes(constant))
