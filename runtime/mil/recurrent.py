"""Recurrent layers: recurrent.py of the MIL definitions."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...reference.errors import InputError
from .registry import Call, operation

# Those that have parameters elsewhere have Core ML's defaults here: scaled_tanh is tanh.
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "scaled_tanh": torch.tanh,
    "sigmoid_hard": lambda x: torch.clamp(0.2 * x + 0.5, 0, 1),
    "hard_sigmoid": lambda x: torch.clamp(0.2 * x + 0.5, 0, 1),
}


def _activation(name: str) -> Callable[[Tensor], Tensor]:
    if name.lower() not in _ACTIVATIONS:
        raise InputError(f"unknown activation {name!r}; known: {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[name.lower()]


def _reversed(direction: str) -> bool:
    if direction not in ("forward", "reverse"):
        raise InputError(f"unknown direction {direction!r}")
    return direction == "reverse"


def _product(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    y = call.step(x @ weight.transpose(0, 1))
    return y if bias is None else call.step(y + bias)


def _steps(x: Tensor, backwards: bool) -> list[Tensor]:
    if x.ndim != 3 or not x.shape[0]:
        raise InputError(f"x has shape {list(x.shape)}: sequence × batch × features wanted")
    parts = list(x.unbind(0))
    return parts[::-1] if backwards else parts


def _collect(outputs: list[Tensor], output_sequence: bool) -> Tensor:
    """All hidden states in the order of their computation (backwards: the last place first), or the last."""
    return torch.stack(outputs) if output_sequence else outputs[-1].unsqueeze(0)


@operation("rnn")
def rnn(
    call: Call,
    x: Tensor,
    initial_h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    direction: str = "forward",
    output_sequence: bool = False,
    activation: str = "tanh",
) -> tuple[Tensor, Tensor]:
    """h = activation(W_ih·x + W_hh·h + b)."""
    act, backwards = _activation(activation), _reversed(direction)
    h, outputs = initial_h, []
    for part in _steps(x, backwards):
        h = call.step(act(call.step(_product(call, part, weight_ih, bias) + _product(call, h, weight_hh))))
        outputs.append(h)
    return _collect(outputs, output_sequence), h


@operation("gru")
def gru(
    call: Call,
    x: Tensor,
    initial_h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    direction: str = "forward",
    output_sequence: bool = False,
    recurrent_activation: str = "sigmoid",
    activation: str = "tanh",
    reset_after: bool = False,
    input_bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """h = (1 - z)·o + z·h, with gates in the order reset, output, update.

    The reset gate multiplies h before the product with W_ho, or what comes out of it, bias included
    (`reset_after`).
    """
    gate, act, backwards = _activation(recurrent_activation), _activation(activation), _reversed(direction)
    size = weight_hh.shape[1]
    w_r, w_o, w_z = weight_hh.split(size, 0)
    inner = torch.zeros(3 * size) if bias is None else bias
    b_r, b_o, b_z = inner.split(size, 0)
    h, outputs = initial_h, []
    for part in _steps(x, backwards):
        x_r, x_o, x_z = _product(call, part, weight_ih, input_bias).split(size, -1)
        r = call.step(gate(call.step(x_r + _product(call, h, w_r, b_r))))
        z = call.step(gate(call.step(x_z + _product(call, h, w_z, b_z))))
        if reset_after:
            o = act(call.step(x_o + call.step(r * _product(call, h, w_o, b_o))))
        else:
            o = act(call.step(x_o + _product(call, call.step(r * h), w_o, b_o)))
        h = call.step(call.step((1 - z) * call.step(o)) + call.step(z * h))
        outputs.append(h)
    return _collect(outputs, output_sequence), h


def _lstm_pass(
    call: Call,
    parts: list[Tensor],
    h: Tensor,
    c: Tensor,
    weights: tuple[Tensor, Tensor, Tensor | None, Tensor | None],
    activations: tuple[str, str, str],
    clip: float | None,
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Run one direction over the sequence; gates in the order input, forget, output, cell."""
    weight_ih, weight_hh, bias, peephole = weights
    gate, cell, act = (_activation(name) for name in activations)
    size = weight_hh.shape[1]
    p_i, p_f, p_o = peephole.split(size, 0) if peephole is not None else (None, None, None)

    def peep(x: Tensor, weight: Tensor | None, state: Tensor) -> Tensor:
        return x if weight is None else call.step(x + call.step(weight * state))

    outputs = []
    for part in parts:
        total = call.step(_product(call, part, weight_ih, bias) + _product(call, h, weight_hh))
        i, f, o, z = total.split(size, -1)
        i, f = call.step(gate(peep(i, p_i, c))), call.step(gate(peep(f, p_f, c)))
        c = call.step(call.step(f * c) + call.step(i * call.step(cell(z))))
        if clip is not None:
            c = c.clamp(-clip, clip)
        h = call.step(call.step(gate(peep(o, p_o, c))) * call.step(act(c)))
        outputs.append(h)
    return outputs, h, c


@operation("lstm")
def lstm(
    call: Call,
    x: Tensor,
    initial_h: Tensor,
    initial_c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    peephole: Tensor | None = None,
    weight_ih_back: Tensor | None = None,
    weight_hh_back: Tensor | None = None,
    bias_back: Tensor | None = None,
    peephole_back: Tensor | None = None,
    direction: str = "forward",
    output_sequence: bool = False,
    recurrent_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    activation: str = "tanh",
    clip: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """c = f·c + i·z and h = o·activation(c), forwards, backwards, or both side by side."""
    activations = (recurrent_activation, cell_activation, activation)
    weights = (weight_ih, weight_hh, bias, peephole)
    if direction != "bidirectional":
        backwards = _reversed(direction)
        parts = _steps(x, backwards)
        outputs, h, c = _lstm_pass(call, parts, initial_h, initial_c, weights, activations, clip)
        return _collect(outputs, output_sequence), h, c
    if weight_ih_back is None or weight_hh_back is None:
        raise InputError("is bidirectional and has no weight_ih_back or weight_hh_back")
    back = (weight_ih_back, weight_hh_back, bias_back, peephole_back)
    size = weight_hh.shape[1]
    results = []
    for backwards, each, first in ((False, weights, 0), (True, back, size)):
        h, c = initial_h.narrow(-1, first, size), initial_c.narrow(-1, first, size)
        outputs, h, c = _lstm_pass(call, _steps(x, backwards), h, c, each, activations, clip)
        # Side by side, both are in the order of the sequence.
        results.append(
            (_collect(outputs[::-1] if backwards and output_sequence else outputs, output_sequence), h, c)
        )
    both = [torch.cat(pair, -1) for pair in zip(*results, strict=True)]
    return both[0], both[1], both[2]
