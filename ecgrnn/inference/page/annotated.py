"""What the page of a recording reads: a recording with its annotations, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgrnn.signals.recording import Recording
from ecgrnn.signals.symbols import AAMI_CLASSES

BEATS, WAVES, RHYTHMS = "beats", "waves", "rhythms"
"""The kinds of annotation."""


class Table(Protocol):
    """A table of annotations, such as a ``pandas.DataFrame``: a column by its name."""

    def __getitem__(self, name: str, /) -> ArrayLike: ...

    def __contains__(self, name: object, /) -> bool: ...


class Annotated(Protocol):
    """A recording with its annotations, such as ``ecgrnn.inference.result.Result``.

    Attributes:
        recording: the recording.
        models: kind of annotation (beats, waves, rhythms) to the model that gave it.
        beats: sample, class and, with a probability for each class, ``p_N`` and so on.
        waves: lead, wave (P, QRS, T), onset, peak and offset in samples, negative where there is none.
        rhythms: onset and offset in samples, half-open, and rhythm (N, A, O, ~), with ``p_N`` and so on.
    """

    @property
    def recording(self) -> Recording:
        """The recording."""

    @property
    def models(self) -> Mapping[str, str]:
        """Kind of annotation to the model that gave it."""

    @property
    def beats(self) -> Table:
        """The beats."""

    @property
    def waves(self) -> Table:
        """The waves."""

    @property
    def rhythms(self) -> Table:
        """The rhythms."""


RHYTHM_CLASSES = ("N", "A", "O", "~")


@dataclass(frozen=True)
class Beats:
    """The beats of a recording, in their order.

    Attributes:
        time_s: ``(beat,)`` from the recording's beginning.
        label: ``(beat,)`` AAMI class: N, S, V, F or Q.
        certainty: ``(beat,)`` probability of the beat's class; NaN where the model gave none.
    """

    time_s: NDArray[np.float64]
    label: NDArray[np.str_]
    certainty: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time_s)


@dataclass(frozen=True)
class Waves:
    """The waves of all leads.

    Attributes:
        lead: ``(wave,)`` name of the lead.
        kind: ``(wave,)`` P, QRS or T.
        onset_s: ``(wave,)`` from the recording's beginning; NaN where it was not marked.
        offset_s: ``(wave,)`` as ``onset_s``.
    """

    lead: NDArray[np.str_]
    kind: NDArray[np.str_]
    onset_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class Rhythms:
    """Stretches of the recording with the rhythm that each was called.

    Attributes:
        start_s: ``(stretch,)`` from the recording's beginning.
        stop_s: ``(stretch,)`` where it ends.
        label: ``(stretch,)`` N, A, O or ~.
        certainty: ``(stretch,)`` probability of the rhythm; NaN where the model gave none.
    """

    start_s: NDArray[np.float64]
    stop_s: NDArray[np.float64]
    label: NDArray[np.str_]
    certainty: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.label)


def beats_of(result: Annotated) -> Beats:
    """Give the beats of a result."""
    table, label = result.beats, _words(result.beats, "class")
    return Beats(
        _seconds(table, "sample", result.recording.fs_hz), label, _certainty(table, label, AAMI_CLASSES)
    )


def waves_of(result: Annotated) -> Waves:
    """Give the waves of a result."""
    table, fs_hz = result.waves, result.recording.fs_hz
    return Waves(
        _words(table, "lead"),
        _words(table, "wave"),
        _marked(_seconds(table, "onset", fs_hz)),
        _marked(_seconds(table, "offset", fs_hz)),
    )


def rhythms_of(result: Annotated) -> Rhythms:
    """Give the rhythms of a result."""
    table, fs_hz = result.rhythms, result.recording.fs_hz
    label = _words(table, "rhythm")
    return Rhythms(
        _seconds(table, "onset", fs_hz),
        _seconds(table, "offset", fs_hz),
        label,
        _certainty(table, label, RHYTHM_CLASSES),
    )


def _seconds(table: Table, name: str, fs_hz: float) -> NDArray[np.float64]:
    seconds: NDArray[np.float64] = np.asarray(table[name], np.float64) / fs_hz
    return seconds


def _words(table: Table, name: str) -> NDArray[np.str_]:
    # through a list: an empty column has no type of its own
    return np.array([str(word) for word in np.asarray(table[name]).tolist()], np.str_)


def _marked(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(seconds < 0, np.nan, seconds)


def _certainty(table: Table, label: NDArray[np.str_], classes: tuple[str, ...]) -> NDArray[np.float64]:
    certainty = np.full(len(label), np.nan)
    for name in classes:
        if f"p_{name}" in table:
            chosen = label == name
            certainty[chosen] = np.asarray(table[f"p_{name}"], np.float64)[chosen]
    return certainty
