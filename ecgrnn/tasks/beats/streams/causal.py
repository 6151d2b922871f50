"""Beats of many patients as their signals come, judged together, from what came before each beat alone."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ecgrnn.metrics.calibration import probabilities
from ecgrnn.networks.beat_sequence import BeatSequenceClassifier
from ecgrnn.signals.preprocessing import filters_for
from ecgrnn.signals.rhythm_context import RhythmHistory
from ecgrnn.signals.template import BeatTemplates
from ecgrnn.tasks.beats.sequences import BeatSequenceView
from ecgrnn.tasks.beats.shape import beat_shapes
from ecgrnn.tasks.beats.streams.patient import PatientSignal, Windows, joined
from ecgrnn.tasks.beats.streams.templates import TemplateStream
from ecgrnn.tasks.beats.streams.tiles import RunningSequences, beat_vectors
from ecgrnn.tasks.finite import require_finite
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.streamed import StreamedBeats


class CausalStreams:
    """What ``predict`` finds with a causal checkpoint, to the last bit, as the signals come.

    Memory is bounded: for each patient some seconds of signal, 128 beats and 302 RR intervals.

    Args:
        model: a causal model of beats in sequence.
        network: its network.
        view: its view.
        fs_hz: sampling frequency of the streams.
        n_leads: leads of each stream, in all of which beats are found.
        columns: the leads that the network reads, in its order.
        n_patients: how many streams there are.
        hop_s: samples are worked through so many seconds at a time; changes no result.
    """

    def __init__(
        self,
        model: TrainedModel,
        network: BeatSequenceClassifier,
        view: BeatSequenceView,
        *,
        fs_hz: float,
        n_leads: int,
        columns: list[int],
        n_patients: int,
        hop_s: float,
    ) -> None:
        self._fs_hz = model.signal.fs_hz
        self._network = network
        self._before = round(view.before_s * self._fs_hz)
        width = self._before + round(view.after_s * self._fs_hz)
        self._filters = filters_for(fs_hz, model.preprocessing, name="of the stream")
        self._patients = [
            PatientSignal(
                fs_hz=fs_hz,
                to_hz=self._fs_hz,
                n_leads=n_leads,
                columns=columns,
                before=self._before,
                width=width,
                state=self._filters.start(len(columns)),
                hop=round(hop_s * fs_hz),
            )
            for _ in range(n_patients)
        ]
        self._templates = [
            TemplateStream(len(columns), width, before=self._before, fs_hz=self._fs_hz)
            for _ in range(n_patients)
        ]
        nothing = np.zeros(0, np.int64)
        self._none = Windows(nothing, nothing, np.zeros((0, len(columns), width), np.float32))
        self._rhythm = RhythmHistory(n_patients, fs_hz=fs_hz)
        self._sequences = RunningSequences(network, n_patients, length=view.sequence_beats)

    def push(self, chunks: Mapping[int, NDArray[np.float32]]) -> dict[int, StreamedBeats]:
        """Take the next samples of some patients; see ``Streaming``."""
        pieces = {patient: self._patients[patient].gather(chunk) for patient, chunk in chunks.items()}
        return self._judged(self._worked(pieces))

    def finish(self, patients: Sequence[int]) -> dict[int, StreamedBeats]:
        """End the streams of some patients; see ``Streaming``."""
        rest = self._worked({patient: [self._patients[patient].rest()] for patient in patients})
        last = {patient: self._patients[patient].finish() for patient in patients}
        return self._judged({patient: joined([rest[patient], last[patient]]) for patient in patients})

    def _worked(self, pieces: dict[int, list[NDArray[np.float32]]]) -> dict[int, Windows]:
        """Find beats in pieces of signals, filtering those of all patients side by side."""
        found: dict[int, list[Windows]] = {patient: [] for patient in pieces}
        for turn in range(max(map(len, pieces.values()), default=0)):
            now = [patient for patient, of_patient in pieces.items() if turn < len(of_patient)]
            signals = [self._patients[patient] for patient in now]
            chunks = [pieces[patient][turn] for patient in now]
            read = [signal.read(chunk) for signal, chunk in zip(signals, chunks, strict=True)]
            filtered = self._filters.apply_each(read, [signal.state for signal in signals])
            for patient, signal, chunk, after in zip(now, signals, chunks, filtered, strict=True):
                found[patient].append(signal.work(chunk, *after))
        return {patient: joined(parts) if parts else self._none for patient, parts in found.items()}

    def _judged(self, found: dict[int, Windows]) -> dict[int, StreamedBeats]:
        with_beats = {patient: beats for patient, beats in found.items() if len(beats.sample)}
        counts = np.array([len(beats.sample) for beats in with_beats.values()], np.int64)
        logits = self._logits(with_beats, counts)
        ends = np.cumsum(counts).tolist()
        rows = dict(zip(with_beats, np.split(logits, ends[:-1] if ends else []), strict=False))
        none = logits[:0]
        return {
            patient: _streamed(beats.source_sample, rows.get(patient, none))
            for patient, beats in found.items()
        }

    def _logits(self, found: dict[int, Windows], counts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Judge beats, patient by patient; ``counts`` says how many each has."""
        logits = np.zeros((counts.sum(), self._network.head.out_features), np.float32)
        if not len(logits):
            return logits
        scaled = [self._templates[who].push(beats.window, beats.sample) for who, beats in found.items()]
        signal = np.concatenate([beats.signal for beats in scaled])
        shapes = self._shapes(signal, np.concatenate([beats.previous for beats in scaled]))
        patient = np.repeat(np.array(list(found), np.int64), counts)
        turn = np.arange(len(patient)) - np.repeat(np.cumsum(counts) - counts, counts)
        turns = [np.flatnonzero(turn == k) for k in range(int(counts.max()))]
        position = np.concatenate([beats.source_sample for beats in found.values()])
        rhythm: NDArray[np.float32] | None = None
        for rows in turns:
            found_now = self._rhythm.push(patient[rows], position[rows])
            if rhythm is None:
                rhythm = np.empty((len(patient), found_now.shape[1]), np.float32)
            rhythm[rows] = found_now
        features = np.concatenate([shapes[:, :0] if rhythm is None else rhythm, shapes], axis=1)
        with torch.inference_mode():
            u = beat_vectors(self._network, signal, features)
            for rows in turns:
                logits[rows] = self._sequences.push(patient[rows], u[torch.as_tensor(rows)])
        require_finite(logits, of="the beats of the stream")
        return logits

    def _shapes(self, signal: NDArray[np.float32], previous: NDArray[np.float32]) -> NDArray[np.float32]:
        """Describe the shape of each beat in each lead, ``(beat, lead * shape)``."""
        beats, usual = (np.ascontiguousarray(signal[..., k]).reshape(-1, signal.shape[2]) for k in range(2))
        shapes = beat_shapes(
            beats,
            BeatTemplates(usual, np.arange(len(usual))),
            before=self._before,
            fs_hz=self._fs_hz,
            previous=previous.reshape(beats.shape),
        )
        return shapes.reshape(len(signal), -1)


def _streamed(sample: NDArray[np.int64], logits: NDArray[np.float32]) -> StreamedBeats:
    return StreamedBeats(sample, logits.argmax(axis=-1), probabilities(logits))
