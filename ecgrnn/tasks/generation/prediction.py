"""A trained generator at work: the beats of a class, and a WFDB record made of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ecgrnn.errors import CheckpointError, ConfigError
from ecgrnn.networks.generator import Generator
from ecgrnn.signals.annotations import Annotations, write_annotations
from ecgrnn.signals.formats.wfdb.writer import write_signal
from ecgrnn.tasks.finite import require_finite
from ecgrnn.tasks.generation.options import GenerationConfig
from ecgrnn.tasks.model import TrainedModel

FADE_S = 0.05
"""Beats fade in and out, so that one can follow another without a step."""


@dataclass(frozen=True)
class BeatShape:
    """What a generator knows of the beats of one class.

    Attributes:
        mean: ``(time, lead)`` in mV.
        sd: ``(time, lead)`` in mV, how far beats are from it; None where that was not learned.
        before: samples before the beat's mark.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64] | None
    before: int


@dataclass(frozen=True)
class WrittenRecord:
    """What a generation wrote.

    Attributes:
        record: the WFDB record, without suffix.
        annotations: its annotation file.
        duration_s: its length.
    """

    record: Path
    annotations: Path
    duration_s: float


def beat_shape(model: TrainedModel, name: str) -> BeatShape:
    """Let a generator write the beat of a class.

    Raises:
        CheckpointError: when the model is not a generator.
        ConfigError: when it knows no such class, or was trained without a beat of it.
    """
    network, task = model.network, model.task.options
    if not isinstance(network, Generator) or not isinstance(task, GenerationConfig):
        raise CheckpointError("this checkpoint was not trained with task=generate; it writes no beats")
    _check_class(model, name)
    fs_hz = model.signal.fs_hz
    before = round(task.before_s * fs_hz)
    label = torch.tensor([model.scheme.classes.index(name)])
    with torch.inference_mode():
        mean, log_sd = network.distribution(label, before + round(task.after_s * fs_hz))
    require_finite(torch.stack([mean, log_sd.exp()]).numpy(), of=f"the beat of class {name}")
    sd = None if network.spread is None else log_sd[0].exp().double().numpy()
    return BeatShape(mean[0].double().numpy(), sd, before)


def write_beats(
    model: TrainedModel,
    name: str,
    *,
    n: int,
    rr_s: float | None,
    spread: float,
    rng: np.random.Generator,
    out: Path,
) -> WrittenRecord:
    """Write a record of beats of one class, and their annotations.

    Args:
        model: a trained generator.
        name: the class.
        n: how many beats.
        rr_s: distance from beat to beat; None takes the length of a beat as it was learned.
        spread: share of the learned standard deviation that samples are moved by.
        rng: source of that movement.
        out: folder to write into.

    Raises:
        CheckpointError: when the model is not a generator.
        ConfigError: when it knows no such class or no spread, or beats would lie upon one another.
    """
    shape = beat_shape(model, name)
    if spread > 0 and shape.sd is None:
        raise ConfigError("spread needs a generator trained with task.likelihood=gaussian; set spread=0")
    fs_hz, length = model.signal.fs_hz, len(shape.mean)
    distance = length if rr_s is None else round(rr_s * fs_hz)
    if distance < length:
        raise ConfigError(f"rr_s must be at least the {length / fs_hz:g} s of a beat; it is {rr_s}")
    signal = np.zeros((n * distance, shape.mean.shape[1]))
    fade = _fade(length, round(FADE_S * fs_hz))
    for start in range(0, len(signal), distance):
        moved = 0.0 if shape.sd is None else spread * shape.sd * rng.standard_normal(shape.mean.shape)
        signal[start : start + length] = (shape.mean + moved) * fade[:, np.newaxis]
    leads = [lead or f"lead{k + 1}" for k, lead in enumerate(model.signal.leads)]
    path = out / f"{name}_generated"
    write_signal(path, signal, fs_hz=fs_hz, leads=leads, comments=(f"{n} beats of class {name}, generated",))
    return WrittenRecord(path, _annotate(path, name, n, shape.before, distance, fs_hz), len(signal) / fs_hz)


def _check_class(model: TrainedModel, name: str) -> None:
    if name not in model.scheme.classes:
        raise ConfigError(f"this generator knows no class {name}; it has {', '.join(model.scheme.classes)}")
    if not model.facts["counts"]["train"][name]:
        raise ConfigError(f"this generator was trained without a beat of class {name}; name another")


def _fade(length: int, edge: int) -> NDArray[np.float64]:
    fade = np.ones(length)
    ramp = (1 - np.cos(np.pi * (np.arange(edge) + 0.5) / edge)) / 2 if edge else np.ones(0)
    fade[:edge], fade[length - edge :] = ramp, ramp[::-1]
    return fade


def _annotate(path: Path, name: str, n: int, before: int, distance: int, fs_hz: float) -> Path:
    beats = Annotations(
        sample=before + distance * np.arange(n),
        symbol=np.full(n, name),
        subtype=np.zeros(n, np.int64),
        aux_note=np.full(n, ""),
        fs_hz=fs_hz,
    )
    return write_annotations(path, "atr", beats)
