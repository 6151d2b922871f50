"""Weights as whole numbers of one byte: a quarter of the size, computed with as single precision.

Each row of a weight has a scale of its own, ``scale = max |w| / 127`` and ``w ~ scale * q``; a node turns it
back once, when the file is opened. The signal stays in single precision: recurrent layers of this size are
too small for products of whole numbers to be faster.
"""

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

_LEAST = 256
"""Weights of fewer numbers stay as they are: they are no part of the size."""

_LARGEST = 127


def quantised(model: ModelProto) -> ModelProto:
    """Give a model whose larger weights are whole numbers; its facts are still those of ``model``."""
    made = ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    inputs = {one.name for one in graph.input}
    weights, nodes = list(graph.initializer), list(graph.node)
    del graph.initializer[:], graph.node[:]
    for one in weights:
        if (
            one.name in inputs
            or one.data_type != TensorProto.FLOAT
            or len(one.dims) < 2
            or _size(one) < _LEAST
        ):
            graph.initializer.append(one)
            continue
        parts, node = _rounded(one, axis=_row_axis(one.name, nodes))
        graph.initializer.extend(parts)
        graph.node.append(node)
    graph.node.extend(nodes)
    return made


def _size(weight: TensorProto) -> int:
    return int(np.prod(weight.dims))


def _row_axis(name: str, nodes: list[NodeProto]) -> int:
    """Give the axis of a weight along which each entry has a scale of its own: that of what it computes."""
    kinds = {node.op_type for node in nodes if name in node.input}
    return {"MatMul": 1, "Conv": 0}.get(min(kinds), 1)


def _rounded(weight: TensorProto, *, axis: int) -> tuple[list[TensorProto], NodeProto]:
    """Give whole numbers and scales in place of a weight, and the node that puts them together."""
    values: NDArray[np.float32] = numpy_helper.to_array(weight)
    others = tuple(k for k in range(values.ndim) if k != axis)
    largest = np.abs(values).max(axis=others)
    scale = np.where(largest > 0, largest / _LARGEST, 1.0).astype(np.float32)
    wide = scale.reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    whole = np.clip(np.round(values / wide), -_LARGEST, _LARGEST).astype(np.int8)
    names = [f"{weight.name}_{part}" for part in ("whole", "scale")]
    parts = [numpy_helper.from_array(whole, names[0]), numpy_helper.from_array(scale, names[1])]
    node = helper.make_node(
        "DequantizeLinear", names, [weight.name], name=f"restore_{weight.name}", axis=axis
    )
    return parts, node
