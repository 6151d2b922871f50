"""The networks as ONNX graphs: what goes in, what comes out, and the layers between."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ecgrnn.errors import CheckpointError
from ecgrnn.export.encoders import encoder, frames
from ecgrnn.export.graph import Graph, Size, Value, gelu, linear, reshaped, sizes, valid, where
from ecgrnn.export.layers import Read, has_cell_state, lead_pool, pool, recurrence, spread
from ecgrnn.networks.beat_sequence import LEAST_SHOWN, BeatSequenceClassifier
from ecgrnn.networks.classifier import Classifier
from ecgrnn.networks.labeller import Labeller
from ecgrnn.options.choices import Head


class Network(NamedTuple):
    """A network as a graph.

    Attributes:
        graph: the graph; its inputs are ``signal``, ``lengths`` and, where the network has any, ``features``;
            where it reads forwards only, also ``state_h`` (and ``state_c``), which may be left out.
        beside: arrays that belong to the network and are not in its graph.
    """

    graph: Graph
    beside: Mapping[str, NDArray[np.float32]]


def network_graph(module: nn.Module, *, n_leads: int, window: int) -> Network:
    """Turn a network into a graph.

    Args:
        module: the network, in evaluation mode.
        n_leads: leads of the signal; 0 for any number.
        window: samples of a beat, for a network of beats in sequence.

    Raises:
        CheckpointError: ONNX has no such network, or no such layer.
    """
    match module:
        case BeatSequenceClassifier():
            return _beat_sequence(module, n_leads=n_leads, window=window)
        case Classifier():
            return _classifier(module, n_leads=n_leads)
        case Labeller():
            return _labeller(module, n_leads=n_leads)
    raise CheckpointError(
        f"{type(module).__name__} cannot be exported; classifiers of beats and of strips and delineators can"
    )


def _beat_sequence(module: BeatSequenceClassifier, *, n_leads: int, window: int) -> Network:
    graph = Graph("beat_sequence")
    lead: Size = n_leads or "lead"
    n_features: Size = "feature" if module.lead_pool else module.n_features
    signal = graph.input("signal", ["sequence", "beat", lead, window, 2])
    lengths = graph.input("lengths", ["sequence"], whole=True)
    features = graph.input("features", ["sequence", "beat", n_features])
    (beats,) = sizes(graph, signal, 1)
    mask = valid(graph, lengths, beats)
    signal = where(graph, mask, signal, 0.0, axes=[2, 3, 4])
    features = where(graph, mask, features, 0.0, axes=[2])
    read = _read(graph, module, signal, features, window=window)
    u = gelu(graph, linear(graph, read, module.joined.weight, module.joined.bias))
    found = _over_beats(graph, module, u, lengths)
    joined = graph.op("Concat", found.outputs, u, axis=2)
    logits = linear(graph, joined, module.head.weight, module.head.bias)
    graph.output(logits, "logits", ["sequence", "beat", module.head.out_features])
    if not module.sequence.bidirectional:
        for part, name in zip(found.state, ("h", "c"), strict=False):
            graph.output(part, f"last_{name}", _state_shape(module))
    return Network(graph, {})


def _state_shape(module: BeatSequenceClassifier) -> list[Size]:
    return [module.sequence.num_layers, "sequence", module.sequence.hidden_size]


def _over_beats(graph: Graph, module: BeatSequenceClassifier, u: Value, lengths: Value) -> Read:
    """Read the beats one after another; forwards only, from a state that goes in, or from the initial one."""
    if module.sequence.bidirectional:
        return recurrence(graph, module.sequence, u, lengths)
    first, (rows,) = module.sequence.initial_state(1), sizes(graph, u, 0)
    parts = [first.h, first.c] if has_cell_state(module.sequence) else [first.h]
    begin = []
    for part, name in zip(parts, ("state_h", "state_c"), strict=False):
        if part is not None:
            # an input with weights of its name may be left out; they are the initial state, of one row
            graph.weight(part, graph.input(name, _state_shape(module)))
            begin.append(spread(graph, name, rows))
    return recurrence(graph, module.sequence, u, lengths, tuple(begin))


def _read(
    graph: Graph, module: BeatSequenceClassifier, signal: Value, features: Value, *, window: int
) -> Value:
    """Put side by side what the leads of each beat show and the features: ``(sequence, beat, ...)``."""
    sequences, beats, leads = sizes(graph, signal, 0, 1, 2)
    beat, usual = (graph.op("Gather", signal, graph.weight(np.array(k)), axis=4) for k in (0, 1))
    both = [graph.op("Unsqueeze", one, graph.whole(4)) for one in (beat, graph.op("Sub", beat, usual))]
    rows = graph.op("Reshape", graph.op("Concat", *both, axis=4), graph.whole(-1, window, 2))
    outputs = frames(graph, module.encoder, rows)
    pooled = _pool_beats(graph, module, outputs)
    size = module.encoder.output_size
    shown = reshaped(graph, pooled, sequences, beats, leads, size)
    if module.lead_pool is None:
        # an empty batch has nothing that would tell the last axis
        flat = reshaped(graph, shown, sequences, beats, module.joined.in_features - module.n_features)
        return graph.op("Concat", flat, features, axis=2)
    count = module.n_features
    beside = graph.op("Slice", features, graph.whole(0), graph.whole(count), graph.whole(2))
    of_leads = graph.op("Slice", features, graph.whole(count), graph.whole(2**31), graph.whole(2))
    shapes = reshaped(graph, of_leads, sequences, beats, leads, module.lead_pool.lead.in_features - size)
    level = graph.op(
        "Sub",
        graph.op("ReduceMax", beat, axes=[3], keepdims=0),
        graph.op("ReduceMin", beat, axes=[3], keepdims=0),
    )
    something = graph.op("Greater", level, graph.scalar(LEAST_SHOWN))
    each = graph.op("Concat", shown, shapes, axis=3)
    return graph.op("Concat", lead_pool(graph, module.lead_pool, each, something), beside, axis=2)


def _pool_beats(graph: Graph, module: BeatSequenceClassifier, outputs: Value) -> Value:
    """Pool the frames of beats, which fill the whole time."""
    rows, count = sizes(graph, outputs, 0, 1)
    lengths = graph.op("Expand", count, rows)
    mask = valid(graph, lengths, count)
    return pool(graph, module.pool, outputs, mask, lengths, size=module.encoder.output_size)


def _classifier(module: Classifier, *, n_leads: int) -> Network:
    graph = Graph("classifier")
    signal = graph.input("signal", ["row", "time", n_leads])
    lengths = graph.input("lengths", ["row"], whole=True)
    steps = encoder(graph, module.encoder, signal, lengths)
    size = module.encoder.output_size
    pooled = pool(graph, module.pool, steps.outputs, steps.mask, steps.lengths, size=size)
    if module.beside is not None:
        features = graph.input("features", ["row", module.n_features])
        beside = graph.op("Relu", _linear(graph, features, module.beside[0]))
        pooled = graph.op("Concat", pooled, beside, axis=1)
    hidden = graph.op("Relu", _linear(graph, pooled, module.head[1]))
    last = module.head[4]
    graph.output(_linear(graph, hidden, last), "logits", ["row", _layer(last).out_features])
    return Network(graph, {})


def _labeller(module: Labeller, *, n_leads: int) -> Network:
    if module.head in (Head.feedback, Head.feedback_both):
        raise CheckpointError("a head with feedback searches label by label; export takes head=linear or crf")
    graph = Graph("labeller")
    lead: Size = n_leads or "lead"
    signal = graph.input("signal", ["record", "time", lead])
    lengths = graph.input("lengths", ["record"], whole=True)
    h = encoder(graph, module.encoder, signal, lengths).outputs
    if module.spread is not None:
        rows, _ = sizes(graph, h, 0, 1)
        size = module.spread.out_features // module.labels_per_frame
        h = reshaped(graph, graph.op("Tanh", _linear(graph, h, module.spread)), rows, -1, size)
    scores = _layer(module.scores)
    graph.output(_linear(graph, h, scores), "scores", ["row", "label", scores.out_features])
    crf = module.crf
    parts = {} if crf is None else {"transitions": crf.transitions, "start": crf.start, "end": crf.end}
    return Network(graph, {name: part.detach().numpy() for name, part in parts.items()})


def _linear(graph: Graph, x: Value, module: nn.Module) -> Value:
    layer = _layer(module)
    return linear(graph, x, layer.weight, layer.bias)


def _layer(module: nn.Module) -> nn.Linear:
    if not isinstance(module, nn.Linear):
        raise CheckpointError(f"{type(module).__name__} stands where export expects a linear layer")
    return module
