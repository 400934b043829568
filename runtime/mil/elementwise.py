"""Element-wise arithmetic: elementwise_unary.py and elementwise_binary.py of the MIL definitions."""

from collections.abc import Callable

import torch
from torch import Tensor

from .registry import Call, operation
from .types import FP16


def _unary(name: str, function: Callable[[Tensor], Tensor]) -> None:
    @operation(name)
    def run(call: Call, x: Tensor) -> Tensor:
        return function(x)


for _function in (
    torch.abs,
    torch.acos,
    torch.asin,
    torch.atan,
    torch.atanh,
    torch.ceil,
    torch.cos,
    torch.cosh,
    torch.erf,
    torch.exp,
    torch.floor,
    torch.round,  # halves to even
    torch.sign,
    torch.sin,
    torch.sinh,
    torch.sqrt,
    torch.square,
    torch.tan,
    torch.tanh,
):
    _unary(_function.__name__, _function)


def _binary(name: str, function: Callable[[Tensor, Tensor], Tensor]) -> None:
    @operation(name)
    def run(call: Call, x: Tensor, y: Tensor) -> Tensor:
        call.allocate_broadcast(x, y)
        return function(x, y)


_BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "pow": torch.pow,
    "floor_div": torch.floor_divide,
    "mod": torch.remainder,  # the sign of the divisor, as Python's %
}
for _name, _operator in _BINARY.items():
    _binary(_name, _operator)


@operation("real_div")
def real_div(call: Call, x: Tensor, y: Tensor) -> Tensor:
    """x / y; of integers the quotient rounded towards zero."""
    call.allocate_broadcast(x, y)
    if not x.is_floating_point() and not y.is_floating_point():
        # In int64: the processor traps on -2^31 / -1 in int32.
        return torch.div(x.to(torch.int64), y.to(torch.int64), rounding_mode="trunc").to(torch.int32)
    return x / y


def _epsilon(call: Call, given: float | None, default: float) -> float:
    """A default epsilon has the type of x, where 1e-12 and 1e-45 are zero in half precision."""
    if given is not None:
        return given
    if call.dtypes["x"] == FP16:
        return float(torch.tensor(default, dtype=torch.float16))
    return default


@operation("inverse")
def inverse(call: Call, x: Tensor, epsilon: float | None = None) -> Tensor:
    """1 / (x + epsilon)."""
    return 1 / call.step(x + _epsilon(call, epsilon, 1e-4))


@operation("log")
def log(call: Call, x: Tensor, epsilon: float | None = None) -> Tensor:
    """log(x + epsilon)."""
    return torch.log(call.step(x + _epsilon(call, epsilon, 1e-45)))


@operation("rsqrt")
def rsqrt(call: Call, x: Tensor, epsilon: float | None = None) -> Tensor:
    """1 / sqrt(x + epsilon)."""
    return torch.rsqrt(call.step(x + _epsilon(call, epsilon, 1e-12)))


@operation("exp2")
def exp2(call: Call, x: Tensor) -> Tensor:
    """2 to the x; of integers an integer."""
    return torch.exp2(x.to(torch.float32)).to(x.dtype)


@operation("clip")
def clip(call: Call, x: Tensor, alpha: float, beta: float) -> Tensor:
    """min(max(x, alpha), beta)."""
    return torch.clamp(x, alpha, beta)


@operation("threshold")
def threshold(call: Call, x: Tensor, alpha: float) -> Tensor:
    """max(x, alpha)."""
    return torch.clamp(x, min=alpha)
