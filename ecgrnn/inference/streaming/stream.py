"""The beats of a patient, or of many, while the signal is still coming."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.inference.annotate import fitted
from ecgrnn.inference.checkpoint import preprocessing_of_checkpoint
from ecgrnn.inference.leads import leads_read
from ecgrnn.signals.recording import Recording, checked_names, in_float32
from ecgrnn.signals.units import amplitude, check_amplitudes, known_unit
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.streamed import StreamedBeats

HOP_S = 0.25
"""Samples are worked through so many seconds at a time, or as they come where that is more."""

_PROBE_S = 10.0
"""The first seconds show whether the samples are in the unit that was given."""


@dataclass(frozen=True)
class Beat:
    """A beat.

    Attributes:
        sample: its position, counted from the beginning of the stream.
        time_s: the same in seconds.
        label: its class: N S V F Q of AAMI EC57 with the models of the package.
        p: probability of each class.
    """

    sample: int
    time_s: float
    label: str
    p: Mapping[str, float]


class BeatStreams:
    """The beats of many patients, whose signals have one sampling frequency and the same leads.

    All beats that are found in one call are judged together, which is what makes many patients cheap.

    Args:
        model: a model of beats, by name or path, or as ``load_model`` gave it.
        fs: sampling frequency of the samples in Hz.
        leads: the names of the leads, one per column of the samples.
        n_patients: how many patients there are.
        unit: unit of the samples: V, mV, uV or nV.
        read: the leads that the model reads, in its order; None takes those it was trained on as far as they
            are there, and the first ones otherwise. Beats are found in all leads.
        look_ahead: beats behind a beat that are waited for before it is judged, for a model that reads later
            beats; None takes 16.
        hop_s: samples are worked through so many seconds at a time; changes no result.

    Raises:
        ConfigError: an argument is not possible, or the model marks no beats.
        CheckpointError: the model cannot be read.
        DataError: the leads are too few for it.
    """

    def __init__(
        self,
        model: str | Path | TrainedModel = "beats_causal",
        *,
        fs: float,
        leads: Sequence[str],
        n_patients: int = 1,
        unit: str = "mV",
        read: Sequence[str] | None = None,
        look_ahead: int | None = None,
        hop_s: float = HOP_S,
    ) -> None:
        names = checked_names(leads, len(leads))
        if not names:
            raise ConfigError("leads=[] names no lead; name one per column of the samples")
        if n_patients < 1:
            raise ConfigError(f"n_patients={n_patients} must be at least 1")
        stand_in = Recording(np.zeros((1 + len(names), len(names))), fs=fs, leads=names, name="of the stream")
        try:
            trained, self.model = fitted(model, stand_in, read)
        except (ConfigError, DataError) as error:
            raise type(error)(_of_stream(str(error))) from error
        self.fs_hz, self.leads, self.classes = stand_in.fs_hz, names, trained.scheme.classes
        self.leads_read = _of_stream(leads_read(trained, stand_in))
        self._scale = known_unit(unit)
        self._probes: dict[int, list[NDArray[np.float32]]] = {who: [] for who in range(n_patients)}
        self._unit = unit
        with preprocessing_of_checkpoint():
            self._streaming = trained.task.stream(
                trained,
                fs_hz=self.fs_hz,
                leads=stand_in.leads,
                n_patients=n_patients,
                look_ahead=look_ahead,
                hop_s=hop_s,
            )

    def push(self, chunks: Mapping[int, ArrayLike]) -> dict[int, StreamedBeats]:
        """Take the next samples of some patients.

        Args:
            chunks: patient, from 0, to samples ``(time, lead)``, or ``(time,)`` of one lead, of any number,
                even none. What is not finite is taken for missing.

        Returns:
            Patient to the beats now known.

        Raises:
            DataError: the samples are no numbers, or not of these leads, or their first 10 s show that they
                are in another unit.
            ConfigError: there is no such patient.
        """
        return self._streaming.push({who: self._checked(who, samples) for who, samples in chunks.items()})

    def finish(self, patients: Sequence[int] | None = None) -> dict[int, StreamedBeats]:
        """End the streams of some patients, or of all, and give their last beats."""
        ending = [who for who in (self._probes if patients is None else patients) if who in self._probes]
        for who in ending:
            del self._probes[who]
        return self._streaming.finish(ending)

    def _checked(self, patient: int, samples: ArrayLike) -> NDArray[np.float32]:
        if patient not in self._probes:
            raise ConfigError(f"patient {patient} is not there, or has been finished; take a new stream")
        array = np.asarray(samples)
        if array.dtype.kind not in "iuf":
            raise DataError(f"the stream expected numbers, got {array.dtype}; pass an array (time, lead)")
        array = array[:, None] if array.ndim == 1 and len(self.leads) == 1 else array
        if array.ndim != 2 or array.shape[1] != len(self.leads):
            raise DataError(
                f"the stream expected samples (time, lead) of {len(self.leads)} lead(s) "
                f"({', '.join(self.leads)}), got the shape {array.shape}; pass one column per lead"
            )
        chunk = in_float32(array if self._scale == 1.0 else array * self._scale)
        if not np.isfinite(chunk.sum()):
            chunk[~np.isfinite(chunk)] = np.nan
        self._probe(patient, chunk, counts=array.dtype.kind in "iu")
        return chunk

    def _probe(self, patient: int, chunk: NDArray[np.float32], *, counts: bool) -> None:
        """Look at the amplitudes of the first seconds with a signal."""
        probes = self._probes[patient]
        if probes and not len(probes[-1]):
            return
        probes.append(chunk[np.isfinite(chunk).any(axis=1)])
        if not len(probes[-1]):
            del probes[-1]
        if sum(map(len, probes)) >= _PROBE_S * self.fs_hz:
            height = amplitude([np.concatenate(probes)[: round(_PROBE_S * self.fs_hz)]], self.fs_hz)
            check_amplitudes(height, name="the stream", unit=self._unit, counts=counts)
            probes[:] = [chunk[:0]]


def _of_stream(line: str) -> str:
    """Name the option that chooses leads: ``leads`` names the columns here."""
    return line.replace("leads=[", "read=[")


class BeatStream:
    """The beats of one patient, as the signal comes: ``push`` samples, in chunks of any size.

    With a causal model (``beats_causal``) the beats equal those of ``annotate`` with the same model, however
    the samples are cut. Another model waits for ``look_ahead`` beats. A beat comes out some 7 to 9 s after
    it went in, since the detector scores the leads over the seconds around it.

    Args:
        model: a model of beats, by name or path, or as ``load_model`` gave it.
        fs: sampling frequency of the samples in Hz.
        leads: the names of the leads, one per column of the samples; None is one lead without a name.
        unit: unit of the samples: V, mV, uV or nV.
        read: the leads that the model reads, in its order; None chooses them as `BeatStreams` does.
        look_ahead: beats behind a beat that are waited for, as in `BeatStreams`.

    Raises:
        ConfigError: an argument is not possible, or the model marks no beats.
        CheckpointError: the model cannot be read.
        DataError: the leads are too few for it.

    Example:
        >>> stream = BeatStream(fs=360, leads=["II", "V1"])
        >>> stream.push(np.zeros((3600, 2)))
        []
        >>> stream.finish()
        []
    """

    def __init__(
        self,
        model: str | Path | TrainedModel = "beats_causal",
        *,
        fs: float,
        leads: Sequence[str] | None = None,
        unit: str = "mV",
        read: Sequence[str] | None = None,
        look_ahead: int | None = None,
    ) -> None:
        names = ["1"] if leads is None else [leads] if isinstance(leads, str) else leads
        self._streams = BeatStreams(model, fs=fs, leads=names, unit=unit, read=read, look_ahead=look_ahead)
        self.model, self.fs_hz, self.leads = self._streams.model, self._streams.fs_hz, self._streams.leads
        self.classes, self.leads_read = self._streams.classes, self._streams.leads_read

    def push(self, samples: ArrayLike) -> list[Beat]:
        """Take the next samples, ``(time, lead)``; give the beats now known. See `BeatStreams.push`."""
        return self._beats(self._streams.push({0: samples})[0])

    def finish(self) -> list[Beat]:
        """End the stream and give its last beats."""
        return self._beats(self._streams.finish().get(0))

    def _beats(self, found: StreamedBeats | None) -> list[Beat]:
        if found is None:
            return []
        rows = zip(found.sample.tolist(), found.label.tolist(), found.probability.tolist(), strict=True)
        return [
            Beat(sample, sample / self.fs_hz, self.classes[label], dict(zip(self.classes, p, strict=True)))
            for sample, label, p in rows
        ]
