"""Puts an ONNX graph together: nodes, weights, inputs and outputs, each value known by its name."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, checker, helper, numpy_helper
from torch import Tensor

OPSET, IR_VERSION = 17, 8
"""Old enough for every runtime of the last years: ONNX 1.12 of 2022 knows both."""

Size = int | str
"""Extent of an axis: a number, or the name of one that is free."""

Value = str
"""Name of a value in the graph; '' stands for an optional input that is left out."""


class Graph:
    """A graph that grows node by node.

    Args:
        name: of the graph.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []
        self._known: dict[tuple[str, bytes], Value] = {}

    def op(self, kind: str, *inputs: Value, **attributes: Any) -> Value:
        """Add an operation with one output, and give the output's name."""
        return self.ops(kind, *inputs, n=1, **attributes)[0]

    def ops(self, kind: str, *inputs: Value, n: int, **attributes: Any) -> list[Value]:
        """Add an operation with ``n`` outputs, and give their names."""
        place = len(self._nodes)
        outputs = [f"{kind.lower()}_{place}" + (f"_{k}" if n > 1 else "") for k in range(n)]
        self._nodes.append(
            helper.make_node(kind, list(inputs), outputs, name=f"{kind}_{place}", **attributes)
        )
        return outputs

    def weight(self, values: "Tensor | NDArray[Any]", name: str = "") -> Value:
        """Add weights, in single precision unless they are whole numbers."""
        array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
        array = array.astype(np.float32) if array.dtype.kind == "f" else array
        label = name or f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.asarray(array, order="C"), label))
        return label

    def whole(self, *numbers: int) -> Value:
        """Give whole numbers ``(number,)``, the same ones once for all who ask."""
        return self._shared(np.array(numbers, np.int64))

    def scalar(self, number: float) -> Value:
        """Give a number without axes."""
        return self._shared(np.array(number, np.float32))

    def input(self, name: str, shape: Sequence[Size], *, whole: bool = False) -> Value:
        """Add an input."""
        kind = TensorProto.INT64 if whole else TensorProto.FLOAT
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(self, value: Value, name: str, shape: Sequence[Size]) -> None:
        """Make a value an output under a name of its own."""
        self._nodes.append(helper.make_node("Identity", [value], [name], name=f"output_{name}"))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def model(self, facts: Mapping[str, str]) -> ModelProto:
        """Give the whole, checked, with facts beside it."""
        graph = helper.make_graph(self._nodes, self.name, self._inputs, self._outputs, self._weights)
        made: ModelProto = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="ecgrnn",
        )
        helper.set_model_props(made, dict(facts))
        checker.check_model(made, full_check=True)
        return made

    def _shared(self, array: NDArray[Any]) -> Value:
        key = (str(array.dtype) + str(array.shape), array.tobytes())
        if key not in self._known:
            self._known[key] = self.weight(array)
        return self._known[key]


def sizes(graph: Graph, value: Value, *axes: int) -> list[Value]:
    """Give the extents of some axes, each ``(1,)``."""
    shape = graph.op("Shape", value)
    return [graph.op("Gather", shape, graph.whole(axis), axis=0) for axis in axes]


def reshaped(graph: Graph, value: Value, *shape: Value | int) -> Value:
    """Give a value another shape: of numbers, and of extents as `sizes` gives them; -1 is what is left."""
    parts = [graph.whole(part) if isinstance(part, int) else part for part in shape]
    return graph.op("Reshape", value, graph.op("Concat", *parts, axis=0))


def linear(graph: Graph, value: Value, weight: Tensor, bias: Tensor | None = None) -> Value:
    """Give ``W x + b`` over the last axis."""
    product = graph.op("MatMul", value, graph.weight(weight.T))
    return product if bias is None else graph.op("Add", product, graph.weight(bias))


def gelu(graph: Graph, x: Value) -> Value:
    """Give ``x / 2 (1 + erf(x / sqrt 2))``."""
    half = graph.op("Mul", x, graph.scalar(0.5))
    erf = graph.op("Erf", graph.op("Mul", x, graph.scalar(0.5**0.5)))
    return graph.op("Mul", half, graph.op("Add", erf, graph.scalar(1.0)))


def valid(graph: Graph, lengths: Value, time: Value) -> Value:
    """Mark the steps that belong to a row, ``(row, time)``, from lengths ``(row,)`` and extent of time."""
    step = graph.op("Range", graph.weight(np.array(0)), scalar_of(graph, time), graph.weight(np.array(1)))
    return graph.op("Less", step, graph.op("Unsqueeze", lengths, graph.whole(1)))


def scalar_of(graph: Graph, extent: Value) -> Value:
    """Give an extent ``(1,)`` without axes."""
    return graph.op("Squeeze", extent, graph.whole(0))


def where(graph: Graph, mask: Value, x: Value, other: float, *, axes: Sequence[int] = ()) -> Value:
    """Give ``x`` where a mask is true and a number elsewhere; the mask lacks the axes that are named."""
    wide = graph.op("Unsqueeze", mask, graph.whole(*axes)) if axes else mask
    return graph.op("Where", wide, x, graph.scalar(other))


def steps_begun(graph: Graph, lengths: Value, width: int) -> Value:
    """Turn lengths into numbers of steps of a width, a step that is begun counted whole."""
    return graph.op("Div", graph.op("Add", lengths, graph.whole(width - 1)), graph.whole(width))
