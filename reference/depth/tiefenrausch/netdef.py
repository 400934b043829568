"""Reading a Caffe2 NetDef without Caffe2: operators, their arguments, what goes in and out.

The fields are those of caffe2/proto/caffe2.proto: NetDef {1 name, 2 op, 7 external_input, 8 external_output},
OperatorDef {1 input, 2 output, 4 type, 5 arg}, Argument {1 name, 2 f, 3 i, 4 s, 6 ints}.
Other fields are passed over.
"""

from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from .wire import Value, WireError, fields, signed

# Twice what the published pair needs, or a little more; nothing is allocated before these are checked.
LARGEST_BYTES = 8 << 20
MOST_OPERATORS = 1024
MOST_ARGUMENTS = 16
MOST_INTEGERS = 4096
LONGEST_NAME = 200

Argument = float | int | memoryview | tuple[int, ...]


@dataclass(frozen=True)
class Operator:
    """One operator of a net.

    Attributes:
        kind: its type, such as "Int8Conv".
        inputs, outputs: names of tensors.
        arguments: by name; text and bytes are views of the file.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arguments: dict[str, Argument]


@dataclass(frozen=True)
class Net:
    """A Caffe2 net.

    Attributes:
        operators: in the order of execution.
        inputs, outputs: names of the tensors that come from and go outside.
    """

    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read_net(path: Path) -> Net:
    """Read a NetDef file.

    Raises:
        InputError: it is missing, larger than any such net, or not a NetDef.
    """
    try:
        if not path.is_file():
            raise InputError(f"there is no file {path}")
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(
                f"{path} is too large for a net of tiefenrausch: "
                f"{path.stat().st_size} bytes, at most {LARGEST_BYTES}"
            )
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        return parse_net(memoryview(content))
    except WireError as error:
        raise InputError(f"{path} is no whole Caffe2 net: {error}; fetch it again") from error


def parse_net(message: memoryview) -> Net:
    """Read a NetDef from its bytes.

    Raises:
        WireError: they are not one, or it holds more than the limits.
    """
    operators: list[Operator] = []
    names: dict[int, list[str]] = {7: [], 8: []}
    for number, value in fields(message):
        if number == 2:
            operators.append(_operator(_message(value)))
            _limit(operators, MOST_OPERATORS, "operators")
        elif number in names:
            names[number].append(_text(value))
            _limit(names[number], 4 * MOST_OPERATORS, "tensors")
    if not operators:
        raise WireError("it holds no operator")
    return Net(tuple(operators), tuple(names[7]), tuple(names[8]))


def _operator(message: memoryview) -> Operator:
    kind = ""
    names: dict[int, list[str]] = {1: [], 2: []}
    arguments: dict[str, Argument] = {}
    for number, value in fields(message):
        if number in names:
            names[number].append(_text(value))
            _limit(names[number], MOST_ARGUMENTS, "tensors of one operator")
        elif number == 4:
            kind = _text(value)
        elif number == 5:
            name, argument = _argument(_message(value))
            if argument is not None:
                arguments[name] = argument
            _limit(arguments, MOST_ARGUMENTS, "arguments of one operator")
    return Operator(kind, tuple(names[1]), tuple(names[2]), arguments)


def _argument(message: memoryview) -> tuple[str, Argument | None]:
    name, found = "", None
    integers: list[int] = []
    for number, value in fields(message):
        if number == 1:
            name = _text(value)
        elif number in (2, 4):
            found = value
        elif number == 3:
            found = _integer(value)
        elif number == 6:
            integers.append(_integer(value))
            _limit(integers, MOST_INTEGERS, "integers in one argument")
    return name, tuple(integers) if integers else found


def _limit(found: list[str] | list[int] | list[Operator] | dict[str, Argument], most: int, what: str) -> None:
    if len(found) > most:
        raise WireError(f"more than {most} {what}")


def _message(value: Value) -> memoryview:
    if not isinstance(value, memoryview):
        raise WireError("a number stands where an operator or argument should")
    return value


def _integer(value: Value) -> int:
    if not isinstance(value, int):
        raise WireError("an argument's integer is none")
    return signed(value)


def _text(value: Value) -> str:
    if not isinstance(value, memoryview) or len(value) > LONGEST_NAME:
        raise WireError(f"a name is no text of at most {LONGEST_NAME} bytes")
    try:
        return bytes(value).decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("a name is not text") from error
