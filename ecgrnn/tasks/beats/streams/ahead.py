"""Beats as they come by a model that reads later beats: each waits until so many behind it are there."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.beats import BeatView
from ecgrnn.data.windows import BareSignal, BeatTable
from ecgrnn.metrics.calibration import probabilities
from ecgrnn.signals.detection.detect import MOST_BACK_S, QrsDetector
from ecgrnn.signals.filters.resample import resample_index
from ecgrnn.signals.live_stretches import LiveStretches
from ecgrnn.signals.rr_intervals import rr_features
from ecgrnn.tasks.beats.logits import BeatItems
from ecgrnn.tasks.beats.sequences import BeatSequenceDataset, BeatSequenceView
from ecgrnn.tasks.finite import require_finite
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.running import Network, outputs_of
from ecgrnn.tasks.streamed import StreamedBeats

_STRETCH_S = 2.0
"""The signal is prepared in stretches of this length."""

_KEPT_S = MOST_BACK_S + 35.0
"""So long ago a beat may lie that is found now, and its signal was prepared."""

_LEAST_CONTEXT = 64
"""Beats kept before those to come: RR intervals are compared with those of 32 others."""

_LONGEST_S = 3600.0
"""No more of the prepared signal is kept, however long the patient has had no beat."""


class AheadStreams:
    """Each beat judged as in a recording that ends with the beats known so far, ``look_ahead`` behind it.

    Where ``look_ahead`` is at least the context of the model this is what ``predict`` finds, up to the
    rounding of the filters. The network reads the beats anew for every few more, each patient alone.

    Args:
        model: a model of beats.
        fs_hz: sampling frequency of the streams.
        leads: lead names of each stream, in all of which beats are found.
        columns: the leads that the network reads, in its order.
        n_patients: how many streams there are.
        look_ahead: beats behind a beat that are waited for, and up to half as many again.
    """

    def __init__(
        self,
        model: TrainedModel,
        *,
        fs_hz: float,
        leads: Sequence[str],
        columns: list[int],
        n_patients: int,
        look_ahead: int,
    ) -> None:
        self._patients = [
            _Patient(model, fs_hz=fs_hz, leads=leads, columns=columns, look_ahead=look_ahead)
            for _ in range(n_patients)
        ]

    def push(self, chunks: Mapping[int, NDArray[np.float32]]) -> dict[int, StreamedBeats]:
        """Take the next samples of some patients; see ``Streaming``."""
        return {patient: self._patients[patient].push(chunk) for patient, chunk in chunks.items()}

    def finish(self, patients: Sequence[int]) -> dict[int, StreamedBeats]:
        """End the streams of some patients; see ``Streaming``."""
        return {patient: self._patients[patient].finish() for patient in patients}


class _Patient:
    def __init__(
        self,
        model: TrainedModel,
        *,
        fs_hz: float,
        leads: Sequence[str],
        columns: list[int],
        look_ahead: int,
    ) -> None:
        self._model, self._ahead = model, look_ahead
        view: Any = model.view()  # tasks on beats have different views
        self._view: BeatView | BeatSequenceView = view
        self._context = max(self._view.context, _LEAST_CONTEXT)
        self._step = self._view.step if isinstance(self._view, BeatSequenceView) else 1
        self._every = max(look_ahead // 2, 1)
        self._fs_hz, self._to_hz = fs_hz, model.signal.fs_hz
        self._columns, names = columns, tuple(leads[column] for column in columns)
        order = list(dict.fromkeys([*columns, *range(len(leads))]))
        self._detector = QrsDetector(fs_hz=fs_hz, n_leads=len(leads), marked=order)
        self._live = LiveStretches(model.preprocessing, names, fs_hz=fs_hz, stretch_s=_STRETCH_S)
        self._names = names
        self._signal, self._start = np.zeros((0, len(columns)), np.float32), 0
        self._found = np.zeros(0, np.int64)
        self._first = self._scored = 0
        """Numbers of the first beat that is kept, and of the first that is not judged yet."""

    def push(self, chunk: NDArray[np.float32]) -> StreamedBeats:
        """Take the next samples."""
        self._add(self._detector.push(chunk), self._live.push(chunk[:, self._columns]))
        reach = int(np.ceil(max(self._view.before_s, self._view.after_s) * self._to_hz)) + 1
        whole = int(np.searchsorted(self._samples(), self._start + len(self._signal) - reach))
        until = self._first + whole - self._ahead
        return self._judged(until if until - self._scored >= self._every else self._scored, whole)

    def finish(self) -> StreamedBeats:
        """End the stream."""
        self._add(self._detector.finish(), self._live.finish())
        return self._judged(self._first + len(self._found), len(self._found))

    def _add(self, found: NDArray[np.int64], stretches: list[NDArray[np.float32]]) -> None:
        self._found = np.concatenate([self._found, found])
        self._signal = np.concatenate([self._signal, *stretches])

    def _samples(self) -> NDArray[np.int64]:
        return resample_index(self._found, fs_hz=self._fs_hz, to_hz=self._to_hz)

    def _judged(self, until: int, whole: int) -> StreamedBeats:
        """Judge the beats up to number ``until``; ``whole`` of those kept have their signal."""
        n_classes = len(self._model.scheme.classes)
        logits = np.zeros((0, n_classes), np.float32)
        rows = slice(self._scored - self._first, until - self._first)
        if until > self._scored:
            dataset = self._view.windows([self._record()], self._table(whole))
            logits = _logits(self._model.network, dataset, rows)
            require_finite(logits, of="the beats of the stream")
        sample = self._found[rows]
        self._scored = max(until, self._scored)
        self._forget()
        return StreamedBeats(sample, logits.argmax(axis=-1), probabilities(logits))

    def _record(self) -> BareSignal:
        return BareSignal(self._signal, self._to_hz, self._names, self._fs_hz)

    def _table(self, whole: int) -> BeatTable:
        """List the first beats of those kept, ``sample`` counted from the beginning of the signal kept."""
        known, nothing = self._found[:whole], np.zeros(whole, np.int64)
        return BeatTable(
            record=nothing,
            sample=np.minimum(self._samples()[:whole] - self._start, len(self._signal) - 1),
            source_sample=known,
            label=nothing - 1,
            features=rr_features(known, fs_hz=self._fs_hz),
        )

    def _forget(self) -> None:
        """Keep the beats that those to come depend on, and the signal from the first of them on."""
        stop = self._start + len(self._signal)
        first = max((self._scored - self._context) // self._step, 0) * self._step
        self._found, self._first = self._found[first - self._first :], first
        reach = int(np.ceil(self._view.before_s * self._to_hz)) + 1
        oldest = stop - round(_KEPT_S * self._to_hz)
        if len(self._found):
            oldest = min(oldest, int(self._samples()[0]) - reach)
        used = max(oldest, stop - round(_LONGEST_S * self._to_hz)) - self._start
        if used > len(self._signal) // 4:  # not at every step: what is kept is copied
            self._signal, self._start = self._signal[used:].copy(), self._start + used


def _logits(network: Network, dataset: BeatItems | BeatSequenceDataset, rows: slice) -> NDArray[np.float32]:
    """Judge some beats of a dataset: ``(beat, class)``; sequences that judge none of them are not read."""
    items = np.arange(rows.start, rows.stop)
    if isinstance(dataset, BeatSequenceDataset):
        kept = dataset.sequences
        items = np.flatnonzero((kept.keep_stop > rows.start) & (kept.keep_start < rows.stop))
    batch = dataset.arrays(items.tolist())
    found = outputs_of(network, batch.signal, batch.lengths, batch.features)
    found = found.reshape(-1, found.shape[-1])
    index = batch.index.reshape(-1) - rows.start
    asked_for = (index >= 0) & (index < rows.stop - rows.start)
    logits = np.empty((rows.stop - rows.start, found.shape[-1]), np.float32)
    logits[index[asked_for]] = found[asked_for]
    return logits
