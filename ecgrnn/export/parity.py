"""The proof that an exported model says what its checkpoint says: on random batches and a recording."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ecgrnn.errors import CheckpointError
from ecgrnn.inference.exported import OnnxNetwork, State
from ecgrnn.inference.leads import only_leads
from ecgrnn.networks.beat_sequence import BeatSequenceClassifier
from ecgrnn.networks.classifier import Classifier
from ecgrnn.networks.labeller import Labeller
from ecgrnn.signals.recording import Recording
from ecgrnn.tasks.annotated import AnnotateOptions
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.running import outputs_of

Batch = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]
"""Signal, lengths and features."""

_ROWS = (1, 7)
LONGEST_BEATS, _STRIP_S = 64, 10.0
_SEED = 0
_CHUNKS = (1, 20, 64)
"""Where a sequence of beats is cut: a single beat first, then uneven parts."""

_REPEATS = 5


@dataclass(frozen=True)
class Parity:
    """How far an exported network is from its checkpoint.

    Attributes:
        largest: largest difference of an output on random batches and on the recording.
        states: the same where a sequence is read in parts, with its state carried; None where it has none.
        same: whether the recording's annotations are the same.
        marks: how many there are.
        differ: how many of them are another class.
        speed: time torch takes for a batch, over the time the exported network takes.
    """

    largest: float
    states: float | None
    same: bool
    marks: int
    differ: int
    speed: float


def compare(model: TrainedModel, exported: TrainedModel, recording: Recording) -> Parity:
    """Compare an exported model with the model it was made of.

    Raises:
        CheckpointError: one of them cannot read the other's signal.
        DataError: the recording cannot be read.
    """
    module, network = torch_network(model), _exported(exported)
    rng = np.random.default_rng(_SEED)
    window = window_of(model)
    batches = [random_batch(module, model, rows, window=window, rng=rng) for rows in _ROWS]
    largest = max(_distance(torch_outputs(module, *batch), network.read(*batch)) for batch in batches)
    ours, theirs = (_annotated(one, recording) for one in (model, exported))
    differ = _differ(ours[1], theirs[1])
    return Parity(
        largest=max(largest, _distance(ours[0], theirs[0]) if ours[0].shape == theirs[0].shape else np.inf),
        states=_states(network, batches[-1]) if network.carries_state else None,
        same=differ == 0,
        marks=len(ours[1]),
        differ=differ,
        speed=_seconds(lambda: torch_outputs(module, *batches[-1]))
        / _seconds(lambda: network.read(*batches[-1])),
    )


def torch_outputs(module: nn.Module, *batch: NDArray[np.float32] | NDArray[np.int64]) -> NDArray[np.float32]:
    """Give what torch computes; of a labeller the scores, without the state."""
    if not isinstance(module, Labeller):
        return outputs_of(module, *batch)
    with torch.inference_mode():
        scores: NDArray[np.float32] = module.outputs(*map(torch.from_numpy, batch[:2])).numpy()
    return scores


def random_batch(
    module: nn.Module, model: TrainedModel, rows: int, *, window: int, rng: np.random.Generator
) -> Batch:
    """Draw signals of several lengths, the first one as long as the batch."""
    n_leads = len(model.signal.leads) or 2
    shape: tuple[int, ...]
    count: tuple[int, ...]
    if isinstance(module, BeatSequenceClassifier):
        shape, count = (
            (rows, LONGEST_BEATS, n_leads, window, 2),
            (rows, LONGEST_BEATS, _features(module, n_leads)),
        )
        longest = LONGEST_BEATS
    else:
        longest = round(_STRIP_S * model.signal.fs_hz) + 3  # no whole number of frames
        shape = (rows, longest, n_leads)
        count = (rows, module.n_features if isinstance(module, Classifier) else 0)
    lengths = rng.integers(1, longest + 1, rows)
    lengths[0] = longest
    signal, features = (rng.standard_normal(size).astype(np.float32) for size in (shape, count))
    return signal, lengths, features


def _features(module: BeatSequenceClassifier, n_leads: int) -> int:
    if module.lead_pool is None:
        return module.n_features
    return module.n_features + n_leads * (module.lead_pool.lead.in_features - module.encoder.output_size)


def _states(network: OnnxNetwork, batch: Batch) -> float:
    """Read sequences in parts, the state carried, and compare with the whole."""
    signal, _, features = batch
    whole = network.read(signal, np.full(len(signal), LONGEST_BEATS), features)
    state: State = {}
    parts, first = [], 0
    for stop in _CHUNKS:
        part = slice(first, stop)
        lengths = np.full(len(signal), stop - first)
        found, state = network.read_on(state, signal[:, part], lengths, features[:, part])
        parts.append(found)
        first = stop
    return _distance(whole, np.concatenate(parts, axis=1))


def _annotated(
    model: TrainedModel, recording: Recording
) -> tuple[NDArray[np.float64], list[tuple[object, ...]]]:
    """Give the probabilities of a recording's annotations, where there are any, and the annotations."""
    columns = model.task.annotate(model, recording, AnnotateOptions()).columns
    numbers = [column for name, column in columns.items() if name.startswith("p_")]
    marks = [column.tolist() for name, column in columns.items() if not name.startswith("p_")]
    table = np.stack(numbers) if numbers else np.zeros((0, len(marks[0])))
    return np.asarray(table, np.float64), list(zip(*marks, strict=True))


def _differ(ours: list[tuple[object, ...]], theirs: list[tuple[object, ...]]) -> int:
    """Count the annotations of the one that the other has not; those it has beside them count, too."""
    return max(len(set(ours) - set(theirs)), len(set(theirs) - set(ours)))


def fitting(model: TrainedModel, recording: Recording) -> Recording:
    """Give a recording as many leads as a model reads, its first ones.

    Raises:
        CheckpointError: it has too few.
    """
    wanted = len(model.signal.leads) if model.task.chooses_leads else len(recording.leads)
    if wanted > len(recording.leads):
        raise CheckpointError(
            f"{recording.place} has {len(recording.leads)} lead(s), and the network reads {wanted}; name "
            "another recording with record="
        )
    return only_leads(recording, range(wanted)) if wanted else recording


def _distance(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    return float(np.abs(one - other).max(initial=0.0))


def _seconds(work: Callable[[], object]) -> float:
    """Give the shortest time of some."""
    taken = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def torch_network(model: TrainedModel) -> nn.Module:
    """Give a model's network of torch.

    Raises:
        CheckpointError: the model was exported already.
    """
    if not isinstance(model.network, nn.Module):
        raise CheckpointError("this model was exported already; give the checkpoint it was exported from")
    return model.network


def window_of(model: TrainedModel) -> int:
    """Count the samples of a beat; 0 where the task has no beats."""
    options = model.task.options
    before, after = getattr(options, "before_s", None), getattr(options, "after_s", None)
    if before is None or after is None:
        return 0
    fs_hz = model.signal.fs_hz
    return int(round(before * fs_hz) + round(after * fs_hz))


def _exported(model: TrainedModel) -> OnnxNetwork:
    if not isinstance(model.network, OnnxNetwork):
        raise CheckpointError("this model is a checkpoint; give what was exported")
    return model.network
