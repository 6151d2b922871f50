"""P, QRS and T waves as labels of short steps of time, and back: the rules by which one becomes the other."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.options.spec import LabelScheme
from ecgrnn.signals.annotations import Annotations, Waves

WAVE_SCHEME = LabelScheme(
    name="waves",
    classes=("none", "P", "QRS", "T"),
    symbols={"p": "P", "N": "QRS", "t": "T"},
    citation="Kalyakulina et al., LUDB, IEEE Access 8 (2020): waves marked by their onset, peak and offset",
)
UNKNOWN = -1
"""Label of a step that nobody annotated: before the first and after the last mark of a lead."""

_CLASS = {name: index for index, name in enumerate(WAVE_SCHEME.classes)}
_SYMBOL = {"P": "p", "QRS": "N", "T": "t"}


@dataclass(frozen=True)
class WaveRules:
    """How labels become waves.

    Attributes:
        shortest_ms: a wave shorter than this is noise and is dropped.
        gap_ms: two waves of one kind with less than this between them are one wave.
    """

    shortest_ms: float = 24.0
    gap_ms: float = 24.0


def labels_of_waves(waves: Waves, *, fs_hz: float, steps: int, step_s: float) -> NDArray[np.int64]:
    """Label steps of time by the wave their centre lies in.

    Outside the stretch from the first to the last mark labels are unknown: LUDB's cardiologists left the
    first and the last beat of a lead out. A wave without a marked onset (or offset) is unknown on that side
    of its peak up to the next mark, as nobody can tell where it begins. A U wave is none of the classes.

    Args:
        waves: the marked waves, at ``fs_hz``.
        fs_hz: sampling frequency of the marks.
        steps: number of steps.
        step_s: length of a step in s.

    Returns:
        ``(step,)``, index in ``WAVE_SCHEME.classes``, or -1 where unknown.
    """
    labels = np.full(steps, UNKNOWN, np.int64)
    if not len(waves.peak):
        return labels
    centre = (np.arange(steps) + 0.5) * step_s * fs_hz - 0.5
    first = np.where(waves.onset >= 0, waves.onset, waves.peak)
    last = np.where(waves.offset >= 0, waves.offset, waves.peak)
    labels[(centre >= first.min()) & (centre <= last.max())] = 0
    begins, behind = np.searchsorted(centre, first, "left"), np.searchsorted(centre, last, "right")
    from_before = np.searchsorted(centre, np.append(-1, last[:-1]), "right")
    to_after = np.append(np.searchsorted(centre, first[1:], "left"), steps)
    for index, kind in enumerate(waves.kind.tolist()):
        if waves.onset[index] < 0:
            labels[from_before[index] : begins[index]] = UNKNOWN
        if waves.offset[index] < 0:
            labels[behind[index] : to_after[index]] = UNKNOWN
        labels[begins[index] : behind[index]] = _CLASS.get(kind, 0)
    return labels


def waves_of_labels(
    labels: NDArray[np.int64],
    signal: NDArray[np.float32],
    *,
    step_s: float,
    fs_hz: float,
    rules: WaveRules,
    before: int = 0,
) -> Waves:
    """Turn the labels of one lead into waves.

    A wave is a run of steps with one label. Its onset is the boundary before its first step, its offset the
    boundary behind its last one: on average over all places in a step, where a mark that gives these labels
    lies. Runs of one kind closer than ``gap_ms`` are joined, then runs shorter than ``shortest_ms`` dropped.
    The peak is where the signal is furthest from the line that joins onset and offset.

    Args:
        labels: ``(step,)``, index in ``WAVE_SCHEME.classes``.
        signal: ``(time,)``, the lead, for the peaks.
        step_s: length of a step in s.
        fs_hz: sampling frequency of ``signal``, and of the waves given back.
        rules: what is joined and dropped.
        before: steps before these in the recording, with which positions are rounded as they are in it: a
            boundary lies half way between two samples.

    Returns:
        The waves in the order of time; every wave has an onset and an offset.
    """
    start, stop, label = _runs(labels)
    start, stop, label = _joined(start, stop, label, gap=rules.gap_ms / 1000 / step_s)
    keep = (stop - start) * step_s * 1000 >= rules.shortest_ms - 1e-9
    last, first = len(signal) - 1, round(before * step_s * fs_hz)
    onset, offset = (
        np.clip(np.rint((edge[keep] + before) * step_s * fs_hz - 0.5).astype(np.int64) - first, 0, last)
        for edge in (start, stop)
    )
    kind = np.array(WAVE_SCHEME.classes)[label[keep]]
    return Waves(onset=onset, peak=_peaks(signal, onset, offset), offset=offset, kind=kind)


def waves_agreed_on(leads: Sequence[Waves], *, share: float) -> list[Waves]:
    """Drop what too few leads show: a wave of a heart is seen from several sides, noise from one.

    Args:
        leads: the waves of each lead; every wave has an onset and an offset.
        share: least share of the leads, the wave's own among them, that have a wave of its kind which
            overlaps it; 0 keeps all.
    """
    least = share * len(leads)
    return [picked_waves(waves, _shown_by(waves, leads) >= least) for waves in leads]


def annotations_of_waves(waves: Waves, *, fs_hz: float) -> Annotations:
    """Give waves as WFDB annotations ``(``, peak, ``)``, with ``p``, ``N`` or ``t`` at the peak."""
    marks = np.stack([waves.onset, waves.peak, waves.offset], axis=1).reshape(-1)
    symbols = np.array([[("("), _SYMBOL[str(kind)], ")"] for kind in waves.kind], dtype="<U1").reshape(-1)
    # Where one wave ends on the sample the next begins on, the end comes first.
    order = np.argsort(marks, kind="stable")
    n = len(marks)
    return Annotations(
        sample=marks[order],
        symbol=symbols[order],
        subtype=np.zeros(n, np.int64),
        aux_note=np.full(n, ""),
        fs_hz=fs_hz,
    )


def picked_waves(waves: Waves, keep: NDArray[np.bool_]) -> Waves:
    """Keep some of the waves."""
    return Waves(
        onset=waves.onset[keep], peak=waves.peak[keep], offset=waves.offset[keep], kind=waves.kind[keep]
    )


def moved_waves(waves: Waves, by: int) -> Waves:
    """Move waves by a number of samples."""
    return Waves(onset=waves.onset + by, peak=waves.peak + by, offset=waves.offset + by, kind=waves.kind)


def joined_waves(parts: Sequence[Waves]) -> Waves:
    """Put waves one after the other."""
    return Waves(
        onset=np.concatenate([part.onset for part in parts]),
        peak=np.concatenate([part.peak for part in parts]),
        offset=np.concatenate([part.offset for part in parts]),
        kind=np.concatenate([part.kind for part in parts]),
    )


def _shown_by(waves: Waves, leads: Sequence[Waves]) -> NDArray[np.int64]:
    """Count for each wave the leads that have one of its kind at its time."""
    counts = np.zeros(len(waves.onset), np.int64)
    for other, kind in itertools.product(leads, np.unique(waves.kind)):
        own, others = waves.kind == kind, other.kind == kind
        order = np.argsort(other.onset[others], kind="stable")
        onset = other.onset[others][order]
        latest = np.maximum.accumulate(other.offset[others][order])
        begun = np.searchsorted(onset, waves.offset[own], "right")  # so many begin before the wave ends
        counts[own] += np.append(-1, latest)[begun] >= waves.onset[own]  # one ends in it
    return counts


def _runs(
    labels: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give start, stop (half-open) and label of every run of a label above 0."""
    edges = np.flatnonzero(np.diff(labels)) + 1
    start = np.concatenate([[0], edges]).astype(np.int64)
    stop = np.concatenate([edges, [len(labels)]]).astype(np.int64)
    label = labels[start]
    wave = label > 0
    return start[wave], stop[wave], label[wave]


def _joined(
    start: NDArray[np.int64], stop: NDArray[np.int64], label: NDArray[np.int64], *, gap: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Join neighbouring runs of one label with less than ``gap`` steps between them."""
    same = (label[1:] == label[:-1]) & (start[1:] - stop[:-1] < gap)
    begins = np.concatenate([[True], ~same])[: len(label)]
    ends = np.concatenate([~same, [True]])[: len(label)]
    return start[begins], stop[ends], label[begins]


def _peaks(
    signal: NDArray[np.float32], onset: NDArray[np.int64], offset: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find for each wave the first sample that is furthest from the line that joins onset and offset."""
    if not len(onset):
        return np.zeros(0, np.int64)
    width = offset - onset + 1
    start = np.cumsum(width) - width
    after = np.arange(width.sum()) - np.repeat(start, width)
    slope = (signal[offset] - signal[onset]) / np.maximum(width - 1, 1).astype(np.float32)
    line = np.repeat(signal[onset], width) + np.repeat(slope, width) * after.astype(np.float32)
    off = np.abs(signal[np.repeat(onset, width) + after] - line)
    top = np.flatnonzero(off == np.repeat(np.maximum.reduceat(off, start), width))
    return np.asarray(onset + after[top[np.searchsorted(top, start)]], np.int64)
