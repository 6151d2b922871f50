"""What reads a signal, as ONNX nodes: frames, convolutions, and all leads of a record together."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ecgrnn.errors import CheckpointError
from ecgrnn.export.graph import Graph, Value, linear, reshaped, sizes, steps_begun, valid, where
from ecgrnn.export.layers import recurrence
from ecgrnn.networks.convolutions import Block, Convolution, ConvolutionEncoder
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.networks.lead_set import LeadSetEncoder


class Steps(NamedTuple):
    """What an encoder gives.

    Attributes:
        outputs: ``(batch, steps, output_size)``, zero behind a row's length.
        lengths: ``(batch,)``, steps of each row.
        mask: ``(batch, steps)``, which of them belong to a row.
    """

    outputs: Value
    lengths: Value
    mask: Value


def encoder(
    graph: Graph, module: FrameEncoder | ConvolutionEncoder | LeadSetEncoder, signal: Value, lengths: Value
) -> Steps:
    """Read signals ``(batch, time, lead)`` of lengths ``(batch,)`` in samples.

    Of a `LeadSetEncoder` the rows of the outputs are the leads of each record, and so are those of the rest.
    """
    (time,) = sizes(graph, signal, 1)
    signal = where(graph, valid(graph, lengths, time), signal, 0.0, axes=[2])
    match module:
        case FrameEncoder():
            return _frames(graph, module, signal, lengths)
        case ConvolutionEncoder():
            return _convolutions(graph, module, signal, lengths)
        case LeadSetEncoder():
            return _lead_set(graph, module, signal, lengths)


def frames(graph: Graph, module: FrameEncoder, signal: Value) -> Value:
    """Read signals that fill the whole time: ``(batch, frames, output_size)``."""
    x = _cut(graph, module, signal)
    return recurrence(graph, module.recurrence, x).outputs


def _frames(graph: Graph, module: FrameEncoder, signal: Value, lengths: Value) -> Steps:
    steps = steps_begun(graph, lengths, module.frame)
    x = _cut(graph, module, signal)
    (count,) = sizes(graph, x, 1)
    outputs = recurrence(graph, module.recurrence, x, steps).outputs
    return Steps(outputs, steps, valid(graph, steps, count))


def _cut(graph: Graph, module: FrameEncoder, signal: Value) -> Value:
    """Cut a signal into frames ``(batch, frames, frame * lead)``."""
    (batch,) = sizes(graph, signal, 0)
    padded = _padded(graph, signal, 1, width=module.frame, rank=3)
    x = reshaped(graph, padded, batch, -1, module.frame * module.n_leads)
    if module.projection is None:
        return x
    return graph.op("Tanh", linear(graph, x, module.projection.weight, module.projection.bias))


def _padded(
    graph: Graph, x: Value, axis: int, *, width: int, rank: int, before: int = 0, after: int = 0
) -> Value:
    """Fill an axis up with zeros to a multiple of ``width``, and put so many more before and behind it."""
    (time,) = sizes(graph, x, axis)
    missing = graph.op("Sub", graph.whole(width), graph.op("Mod", time, graph.whole(width)))
    behind = graph.op("Add", graph.op("Mod", missing, graph.whole(width)), graph.whole(after))
    zeros = [graph.whole(0)] * rank
    begin, end = list(zeros), list(zeros)
    begin[axis], end[axis] = graph.whole(before), behind
    return graph.op("Pad", x, graph.op("Concat", *begin, *end, axis=0), mode="constant")


def _convolutions(graph: Graph, module: ConvolutionEncoder, signal: Value, lengths: Value) -> Steps:
    x = graph.op("Transpose", signal, perm=[0, 2, 1])
    x, lengths = _stage(graph, module.first, x, lengths)
    for block in module.blocks:
        if not isinstance(block, Block):
            raise CheckpointError(f"{type(block).__name__} stands where a block of convolutions is expected")
        y, lengths = _stage(graph, block.shorten, x, lengths)
        added = graph.op("Add", y, _convolved(graph, block.convolution, block.norm, y))
        x = _kept(graph, graph.op("Relu", added), lengths)
    (count,) = sizes(graph, x, 2)
    steps = graph.op("Transpose", x, perm=[0, 2, 1])
    outputs = recurrence(graph, module.recurrence, steps, lengths).outputs
    return Steps(outputs, lengths, valid(graph, lengths, count))


def _stage(graph: Graph, module: Convolution, x: Value, lengths: Value) -> tuple[Value, Value]:
    """Give ``relu(norm(convolution(x)))``, zero behind each row's length, and the new lengths."""
    lengths = steps_begun(graph, lengths, module.stride)
    y = graph.op("Relu", _convolved(graph, module.convolution, module.norm, x))
    return _kept(graph, y, lengths), lengths


def _convolved(graph: Graph, convolution: nn.Conv2d, norm: nn.BatchNorm2d, x: Value) -> Value:
    """Convolve ``(batch, feature, time)``; the norm of evaluation is a factor and a shift of the weights."""
    scale, shift = _norm(norm)
    weight = convolution.weight[:, :, 0] * scale[:, None, None]
    padding = int(convolution.padding[1])
    return graph.op(
        "Conv",
        x,
        graph.weight(weight),
        graph.weight(shift),
        strides=[convolution.stride[1]],
        pads=[padding, padding],
    )


def _norm(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise CheckpointError("a norm has no running statistics; train with the networks as they are")
    scale = norm.weight / torch.sqrt(variance + norm.eps)
    return scale, norm.bias - mean * scale


def _kept(graph: Graph, x: Value, lengths: Value) -> Value:
    """Set ``(batch, feature, time)`` to zero behind each row's length."""
    (time,) = sizes(graph, x, 2)
    return where(graph, valid(graph, lengths, time), x, 0.0, axes=[1])


def _lead_set(graph: Graph, module: LeadSetEncoder, signal: Value, lengths: Value) -> Steps:
    batch, leads = sizes(graph, signal, 0, 2)
    frame, size = module.frame, module.output_size
    rows = graph.op("Transpose", signal, perm=[0, 2, 1])
    before, after = module.before * frame, module.after * frame
    rows = _padded(graph, rows, 2, width=frame, rank=3, before=before, after=after)
    (width,) = sizes(graph, rows, 2)
    rows = reshaped(graph, rows, -1, 1, width)
    weight, bias = graph.weight(module.lead.weight), graph.weight(_bias(module.lead))
    e = graph.op(
        "Transpose", graph.op("Tanh", graph.op("Conv", rows, weight, bias, strides=[frame])), perm=[0, 2, 1]
    )
    (count,) = sizes(graph, e, 1)
    of_record = reshaped(graph, e, batch, leads, count, size)
    mean = graph.op("ReduceMean", of_record, axes=[1], keepdims=0)
    largest = graph.op("ReduceMax", of_record, axes=[1], keepdims=0)
    steps = steps_begun(graph, lengths, frame)
    pooled = graph.op("Concat", mean, largest, axis=2)
    r = recurrence(graph, module.recurrence, pooled, steps).outputs
    together = linear(graph, r, module.from_record.weight, module.from_record.bias)
    own = linear(graph, of_record, module.from_lead.weight)
    h = graph.op("Tanh", graph.op("Add", graph.op("Unsqueeze", together, graph.whole(1)), own))
    mask = valid(graph, steps, count)
    h = where(graph, mask, h, 0.0, axes=[1, 3])
    return Steps(reshaped(graph, h, -1, count, size), steps, mask)


def _bias(convolution: nn.Conv1d) -> Tensor:
    return torch.zeros(convolution.out_channels) if convolution.bias is None else convolution.bias
