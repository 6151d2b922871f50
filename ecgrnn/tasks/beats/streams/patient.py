"""The signal of one patient as it comes: its beats found, and a window cut around each."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.windows import gather_windows
from ecgrnn.signals.detection.detect import MOST_BACK_S, QrsDetector
from ecgrnn.signals.filters.causal import CausalState
from ecgrnn.signals.filters.resample import resample_index

_KEPT_S = MOST_BACK_S + 15.0
"""So long ago a beat may lie that is found now: search back, and 9 s of the detector's own delay."""

PIECE_S = 10.0
"""A longer chunk is worked through in pieces of this duration, which bounds the memory."""


class Windows(NamedTuple):
    """Beats whose windows are complete, in order of time.

    Attributes:
        source_sample: ``(beat,)``, positions in the stream.
        sample: ``(beat,)``, positions in the prepared signal.
        window: ``(beat, lead, time)``, the prepared signal around each, in mV.
    """

    source_sample: NDArray[np.int64]
    sample: NDArray[np.int64]
    window: NDArray[np.float32]


class PatientSignal:
    """Detector, state of the filters, and as much of the prepared signal as windows still to come may reach.

    Args:
        fs_hz: sampling frequency of the stream.
        to_hz: that of the prepared signal.
        n_leads: leads of the stream, in all of which beats are found.
        columns: those that are prepared; beats are marked in the first of them that has a signal.
        before: samples of a window before its beat.
        width: samples of a window.
        state: the state of the filters at the beginning.
        hop: samples that are gathered before they are worked through; changes no result.
    """

    def __init__(
        self,
        *,
        fs_hz: float,
        to_hz: float,
        n_leads: int,
        columns: list[int],
        before: int,
        width: int,
        state: CausalState,
        hop: int,
    ) -> None:
        self._fs_hz, self._to_hz = fs_hz, to_hz
        self._columns, self._before, self._width = columns, before, width
        order = list(dict.fromkeys([*columns, *range(n_leads)]))
        self._detector = QrsDetector(fs_hz=fs_hz, n_leads=n_leads, marked=order)
        self.state = state
        self._coming = np.empty((max(hop, 1), n_leads), np.float32)
        self._n_coming = 0
        self._signal, self._start = np.zeros((0, len(columns)), np.float32), 0
        self._found = np.zeros(0, np.int64)
        self._none = np.zeros((0, len(columns), width), np.float32)

    def gather(self, chunk: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Take the next samples ``(time, lead)`` in mV; give the pieces that are now to be worked through."""
        n, hop = self._n_coming + len(chunk), len(self._coming)
        if n < hop:
            self._coming[self._n_coming : n] = chunk
            self._n_coming = n
            return []
        whole = np.concatenate([self._coming[: self._n_coming], chunk])
        self._n_coming = 0
        piece = round(PIECE_S * self._fs_hz)
        return [whole[start : start + piece] for start in range(0, n, piece)]

    def rest(self) -> NDArray[np.float32]:
        """Give the piece that is left at the end of the stream, maybe without a sample."""
        return self._coming[: self._n_coming]

    def read(self, piece: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the leads of a piece that are prepared."""
        return piece[:, self._columns]

    def work(self, piece: NDArray[np.float32], prepared: NDArray[np.float32], state: CausalState) -> Windows:
        """Work through the next piece, whose leads were ``prepared``, which left the filters in ``state``."""
        self.state = state
        self._found = np.concatenate([self._found, self._detector.push(piece)])
        self._signal = np.concatenate([self._signal, prepared])
        stop = self._start + len(self._signal)
        ready = 0
        if len(self._found):
            last = stop - self._width + self._before
            ready = int(np.searchsorted(self._resampled(self._found), last, "right"))
        windows = self._windows(self._found[:ready])
        self._found = self._found[ready:]
        self._forget_before(stop - round(_KEPT_S * self._to_hz))
        return windows

    def finish(self) -> Windows:
        """End the stream, and give its last beats; beyond its end windows are zero."""
        self._found = np.concatenate([self._found, self._detector.finish()])
        last = self._windows(self._found, ended=True)
        self._found = self._found[:0]
        return last

    def _windows(self, found: NDArray[np.int64], *, ended: bool = False) -> Windows:
        if not len(found):
            return Windows(found, found, self._none)
        sample = self._resampled(found)
        if ended:
            sample = np.minimum(sample, self._start + len(self._signal) - 1)
        first = sample - self._before - self._start
        if len(first) and first[0] < 0 < self._start:
            raise RuntimeError("the signal around a beat has been forgotten")
        nowhere = np.zeros(len(found), np.int64)
        window = gather_windows([self._signal], nowhere, first, width=self._width)
        return Windows(found, sample, np.ascontiguousarray(window.transpose(0, 2, 1)))

    def _resampled(self, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        return resample_index(sample, fs_hz=self._fs_hz, to_hz=self._to_hz)

    def _forget_before(self, index: int) -> None:
        used = index - self._start
        if used > len(self._signal) // 4:  # not at every step: what is kept is copied
            self._signal, self._start = self._signal[used:].copy(), index


def joined(parts: list[Windows]) -> Windows:
    """Put the beats of one patient one behind another."""
    return parts[0] if len(parts) == 1 else Windows(*map(np.concatenate, zip(*parts, strict=True)))
