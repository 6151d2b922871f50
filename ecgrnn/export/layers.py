"""The layers of the networks as ONNX nodes: each function gives in a graph what its module computes.

A recurrent layer is one node, of ONNX's own GRU, LSTM or RNN: it takes lengths and a state, reads a row
backwards from its last step, and leaves zeros behind it, as `nn/recurrence.py` does.
"""

from typing import NamedTuple, assert_never

import numpy as np
import torch
from torch import Tensor

from ecgrnn.errors import CheckpointError
from ecgrnn.export.graph import Graph, Value, gelu, linear, reshaped, sizes, where
from ecgrnn.networks.lead_pool import LeadPool
from ecgrnn.nn.attention import AdditiveAttention
from ecgrnn.nn.cells import Weights, weights_of
from ecgrnn.nn.pooling import Pool
from ecgrnn.nn.recurrence import Recurrence
from ecgrnn.options.choices import Cell, Pooling

_LOWEST = float(np.finfo(np.float32).min)

_KINDS = {
    Cell.rnn_tanh: "RNN",
    Cell.rnn_relu: "RNN",
    Cell.gru: "GRU",
    Cell.gru_reset_before: "GRU",
    Cell.lstm: "LSTM",
}
_ORDER = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}
"""ONNX has the gates of a GRU as z, r, n and those of an LSTM as i, o, f, g."""


class Read(NamedTuple):
    """What a recurrent stack gives.

    Attributes:
        outputs: ``(batch, time, directions * hidden)``.
        state: h, and c of an LSTM, ``(layers * directions, batch, hidden)``.
    """

    outputs: Value
    state: tuple[Value, ...]


def has_cell_state(module: Recurrence) -> bool:
    """Tell whether the state has two parts."""
    return module.cell is Cell.lstm


def recurrence(
    graph: Graph, module: Recurrence, x: Value, lengths: Value = "", state: tuple[Value, ...] = ()
) -> Read:
    """Read ``(batch, time, input)`` with a recurrent stack.

    Args:
        graph: the graph.
        module: the stack.
        x: what is read.
        lengths: steps of each row; '' where every row fills the whole time.
        state: the state to begin with, as in `Read`; without one the module's own.

    Raises:
        CheckpointError: ONNX has no such cell.
    """
    kind = _KINDS.get(module.cell)
    if kind is None or any(name.startswith("gain_") for name, _ in module.layers.named_parameters()):
        what = "layer normalisation" if kind else f"cell={module.cell}"
        raise CheckpointError(
            f"ONNX has no recurrent layer with {what}; it has {', '.join(sorted(_KINDS))}. Train one of these"
        )
    begin = state or initial_state(graph, module, sizes(graph, x, 0)[0])
    int_lengths = graph.op("Cast", lengths, to=6) if lengths else ""
    y = graph.op("Transpose", x, perm=[1, 0, 2])
    last: list[tuple[Value, ...]] = []
    for layer in range(module.num_layers):
        rows = slice(layer * module.directions, (layer + 1) * module.directions)
        before = [_rows(graph, part, rows) if module.num_layers > 1 else part for part in begin]
        y, *after = _layer(graph, module, layer, y, int_lengths, before)
        last.append(tuple(after))
    parts = zip(*last, strict=True)
    states = [graph.op("Concat", *part, axis=0) if len(part) > 1 else part[0] for part in parts]
    return Read(graph.op("Transpose", y, perm=[1, 0, 2]), tuple(states))


def initial_state(graph: Graph, module: Recurrence, rows: Value) -> tuple[Value, ...]:
    """Give the state before the first step for so many rows."""
    first = module.initial_state(1)
    parts = [first.h] if first.c is None else [first.h, first.c]
    return tuple(spread(graph, graph.weight(part), rows) for part in parts)


def spread(graph: Graph, state: Value, rows: Value) -> Value:
    """Give a state of one row, or of all, as one of so many rows."""
    return graph.op("Expand", state, graph.op("Concat", graph.whole(1), rows, graph.whole(1), axis=0))


def _rows(graph: Graph, part: Value, rows: slice) -> Value:
    return graph.op("Slice", part, graph.whole(rows.start), graph.whole(rows.stop), graph.whole(0))


def _layer(
    graph: Graph, module: Recurrence, layer: int, x: Value, lengths: Value, before: list[Value]
) -> list[Value]:
    """Read ``(time, batch, input)`` with one layer; give outputs of the same axes, and the last state."""
    kind, size = _KINDS[module.cell], module.hidden_size
    suffixes = (f"_l{layer}", f"_l{layer}_reverse")[: module.directions]
    weights = [weights_of(module.layers, suffix) for suffix in suffixes]
    attributes: dict[str, object] = {"hidden_size": size}
    attributes["direction"] = "bidirectional" if module.bidirectional else "forward"
    if kind == "GRU":
        attributes["linear_before_reset"] = int(module.cell is Cell.gru)
    if kind == "RNN":
        attributes["activations"] = ["Relu" if module.cell is Cell.rnn_relu else "Tanh"] * module.directions
    inputs = [graph.weight(values) for values in _as_onnx(weights, kind)]
    y, *after = graph.ops(kind, x, *inputs, lengths, *before, n=1 + len(before), **attributes)
    if module.directions == 1:
        return [graph.op("Squeeze", y, graph.whole(1)), *after]
    y = graph.op("Transpose", y, perm=[0, 2, 1, 3])
    return [graph.op("Reshape", y, graph.whole(0, 0, module.output_size)), *after]


def _as_onnx(weights: list[Weights], kind: str) -> tuple[Tensor, Tensor, Tensor]:
    """Give W, R and B of all directions, their gates in ONNX's order."""

    def sorted_gates(part: Tensor) -> Tensor:
        """Sort the blocks of a weight or bias."""
        blocks = part.chunk(len(_ORDER[kind]))
        return torch.cat([blocks[k] for k in _ORDER[kind]])

    W = torch.stack([sorted_gates(one.W_ih) for one in weights])
    R = torch.stack([sorted_gates(one.W_hh) for one in weights])
    B = torch.stack([torch.cat([sorted_gates(one.b_ih), sorted_gates(one.b_hh)]) for one in weights])
    return W, R, B


def pool(graph: Graph, module: Pool, outputs: Value, mask: Value, lengths: Value, *, size: int) -> Value:
    """Pool ``(batch, time, features)`` into ``(batch, features)``, padding left out.

    Args:
        graph: the graph.
        module: the pool.
        outputs: what is pooled, zero behind a row's length.
        mask: ``(batch, time)``, as `valid` gives it.
        lengths: ``(batch,)``.
        size: number of features.
    """
    match module.pooling:
        case Pooling.last:
            last = _at(
                graph, outputs, graph.op("Max", graph.op("Sub", lengths, graph.whole(1)), graph.whole(0))
            )
            if not module.bidirectional:
                return last
            first = graph.op("Gather", outputs, graph.weight(np.array(0)), axis=1)
            return _halves(graph, last, first, size // 2)
        case Pooling.middle:
            return _at(graph, outputs, graph.op("Div", lengths, graph.whole(2)))
        case Pooling.mean:
            total = graph.op("ReduceSum", outputs, graph.whole(1), keepdims=0)
            count = graph.op("Cast", graph.op("Max", lengths, graph.whole(1)), to=1)
            return graph.op("Div", total, graph.op("Unsqueeze", count, graph.whole(1)))
        case Pooling.max:
            largest = graph.op(
                "ReduceMax", where(graph, mask, outputs, _LOWEST, axes=[2]), axes=[1], keepdims=0
            )
            some = graph.op("Greater", lengths, graph.whole(0))
            return where(graph, some, largest, 0.0, axes=[1])
        case Pooling.attention:
            return attention(graph, _additive(module), outputs, mask)
        case _:
            assert_never(module.pooling)


def attention(graph: Graph, module: AdditiveAttention, keys: Value, mask: Value) -> Value:
    """Give the weighted mean ``(batch, key)`` of keys ``(batch, time, key)`` that are zero at padding."""
    compared = graph.op("Tanh", linear(graph, keys, module.key.weight, module.key.bias))
    energy = graph.op("Squeeze", linear(graph, compared, module.score.weight), graph.whole(2))
    weights = graph.op("Softmax", where(graph, mask, energy, _LOWEST), axis=1)
    weighed = graph.op("Mul", keys, graph.op("Unsqueeze", where(graph, mask, weights, 0.0), graph.whole(2)))
    return graph.op("ReduceSum", weighed, graph.whole(1), keepdims=0)


def lead_pool(graph: Graph, module: LeadPool, x: Value, shown: Value) -> Value:
    """Pool leads ``(..., lead, feature)``, those that show something, as `LeadPool` does."""
    e = gelu(graph, linear(graph, x, module.lead.weight, module.lead.bias))
    energy = graph.op("Squeeze", linear(graph, e, module.score.weight), graph.whole(-1))
    weight = graph.op("Softmax", where(graph, shown, energy, _LOWEST), axis=-1)
    weight = where(graph, shown, weight, 0.0)
    mean = graph.op("Mul", e, graph.op("Unsqueeze", weight, graph.whole(-1)))
    mean = graph.op("ReduceSum", mean, graph.whole(-2), keepdims=0)
    largest = graph.op("ReduceMax", where(graph, shown, e, _LOWEST, axes=[-1]), axes=[-2], keepdims=0)
    count = graph.op("ReduceMax", graph.op("Cast", shown, to=1), axes=[-1], keepdims=1)
    largest = graph.op("Where", graph.op("Greater", count, graph.scalar(0.0)), largest, graph.scalar(0.0))
    return graph.op("Concat", mean, largest, axis=-1)


def _additive(module: Pool) -> AdditiveAttention:
    if not isinstance(module.attention, AdditiveAttention):
        raise CheckpointError("a pool by attention has no attention; the checkpoint is not whole")
    return module.attention


def _at(graph: Graph, x: Value, steps: Value) -> Value:
    """Take one step ``(batch,)`` of each row of ``(batch, time, features)``."""
    index = graph.op("Unsqueeze", steps, graph.whole(1))
    return graph.op("GatherND", x, index, batch_dims=1)


def _halves(graph: Graph, last: Value, first: Value, half: int) -> Value:
    """Put side by side what was read forwards of the last step and what was read backwards of the first."""
    forwards = graph.op("Slice", last, graph.whole(0), graph.whole(half), graph.whole(1))
    backwards = graph.op("Slice", first, graph.whole(half), graph.whole(2 * half), graph.whole(1))
    return graph.op("Concat", forwards, backwards, axis=1)


def flattened_rows(graph: Graph, x: Value, size: int) -> Value:
    """Give ``(..., time, size)`` as ``(row, time, size)``."""
    (time,) = sizes(graph, x, -2)
    return reshaped(graph, x, -1, time, size)
