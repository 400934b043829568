"""What the verbs on ML Programs print."""

import math
from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from ..console import _console, _table, say
from .difference import Comparison, Difference
from .features import Feature
from .figures import Evaluation, figures
from .listing import Kind, Weight, kinds, weights
from .model import HALF_MAX, MilModel


def _shape(shape: Sequence[int | None] | None) -> str:
    if shape is None:
        return "any"
    return "×".join("?" if size is None else str(size) for size in shape) or "scalar"


def _add_row(table: Table, *cells: str) -> None:
    """Add a row of texts as they are: names of a file are no markup."""
    table.add_row(*(Text(cell) for cell in cells))


def _feature(feature: Feature) -> str:
    shape = _shape(feature.shape) if feature.shape or feature.kind == "tensor" else ""
    parts = [feature.kind, feature.color or feature.dtype, shape]
    if feature.shapes:
        parts.append("or " + ", ".join(_shape(shape) for shape in feature.shapes))
    if feature.ranges:
        sizes = (f"{low}..{'' if high is None else high}" for low, high in feature.ranges)
        parts.append(f"in {'×'.join(sizes)}")
    if feature.optional:
        parts.append(f"optional, else {feature.default or 0:g}")
    return " ".join(part for part in parts if part)


def _kinds(found: list[Kind]) -> None:
    table = _table("operation", ">count", "outputs", "")
    for kind in found:
        types = ", ".join(f"{name} ×{count}" for name, count in kind.outputs.items())
        _add_row(table, kind.type, str(kind.count), types, "" if kind.supported else "not supported")
    _console().print(table)


def _weights(found: list[Weight]) -> Iterator[str]:
    """Print the weights and give the lines that sum them up."""
    table = _table("weight", "shape", "stored", ">bytes")
    stored: dict[str, list[int]] = {}
    for weight in found:
        _add_row(table, weight.name, _shape(weight.shape), weight.stored, f"{weight.bytes:,}")
        total = stored.setdefault(weight.stored, [0, 0, 0])
        for i, number in enumerate((1, weight.elements, weight.bytes)):
            total[i] += number
    _console().print(table)
    for name, (count, elements, size) in stored.items():
        yield f"{name}: {count} weights, {elements:,} elements, {size:,} bytes"
    size, elements = sum(w.bytes for w in found), sum(w.elements for w in found)
    bits = f", {8 * size / elements:.2f} bits an element" if elements else ""
    yield f"all: {len(found)} weights, {elements:,} elements, {size:,} bytes{bits}"


def print_model(model: MilModel, every_operation: bool) -> None:
    """Print what goes in and out of a program, its operations and its weights.

    Args:
        model: the program.
        every_operation: list each operation too, nested ones included.
    """
    function = model.function
    say(f"{model.path}: function {function.name}, opset {function.opset}")
    for role, features in (("input", model.inputs), ("output", model.outputs)):
        for feature in features:
            say(f"{role:7}{feature.name}: {_feature(feature)}")
    for value in function.inputs:
        if value.type.holder == "state":
            say(f"state  {value.name}: {value.type}")
    _kinds(kinds(model))
    unknown = model.unsupported()
    say(f"not supported: {', '.join(unknown)}" if unknown else "every operation can be evaluated")
    if every_operation:
        table = _table(">", "operation", "output", "type")
        for i, operation in enumerate(function.walk()):
            for value in operation.outputs:
                _add_row(table, str(i), operation.kind, value.name, str(value.type))
        _console().print(table)
    for line in _weights(weights(model)):
        say(line)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


def _differences(found: Sequence[Difference], what: str) -> None:
    table = _table(what, ">max abs", ">relative", ">SQNR dB", "")
    for item in found:
        sqnr = "–" if math.isnan(item.sqnr_db) else f"{item.sqnr_db:.1f}"
        _add_row(table, item.name, _number(item.max_abs), _number(item.relative), sqnr, item.note)
    _console().print(table)


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the range of every output and tap, and how near the activations came to the end of fp16."""
    say(f"fp16 rounded: {evaluation.precision}")
    table = _table("value", "shape", ">min", ">max", ">mean", ">finite")
    for name, value in evaluation.values.items():
        found = figures(name, value)
        numbers = (_number(number) for number in (found.low, found.high, found.mean))
        _add_row(table, name, _shape(found.shape), *numbers, f"{100 * found.finite:.6g} %")
    _console().print(table)
    stats = evaluation.stats
    say(f"peak activation {stats.peak:.6g} at {stats.peak_name or 'none'}; {HALF_MAX:.0f} is the end of fp16")
    if stats.overflows:
        say(f"overflows of fp16: {', '.join(stats.overflows)}")


def print_roundings(found: Sequence[Difference]) -> None:
    """Print how far the two roundings of fp16 are apart."""
    _differences(found, "once - pessimistic")


def print_comparison(comparison: Comparison) -> None:
    """Print how far the outputs are apart, and the first operation that parts."""
    _differences(comparison.outputs, "output")
    parting = comparison.parting
    if parting is not None:
        found = parting.difference
        say(
            f"first parting: {parting.operation} {found.name} (operation {parting.place}): max abs "
            f"{_number(found.max_abs)}, relative {_number(found.relative)} {found.note}".rstrip()
        )
    elif comparison.matched:
        say(f"no operation parts: {comparison.matched} values inside are within {comparison.tolerance:g}")
    verdict = "the outputs part" if comparison.parted else "the outputs agree"
    say(f"{verdict} (relative tolerance {comparison.tolerance:g})")
