"""The beats of one patient beside the beat template, which is renewed as they come."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.template import NEIGHBOURS, RENEWED_BEATS, beat_template
from ecgrnn.tasks.beats.shape import scale_of, scaled_beats


class Scaled(NamedTuple):
    """Beats in heights of the QRS of their template.

    Attributes:
        signal: ``(beat, lead, time, 2)``, the beat and its template.
        previous: ``(beat, lead, time)``, the beat before each; before the first one itself.
    """

    signal: NDArray[np.float32]
    previous: NDArray[np.float32]


class TemplateStream:
    """Give beats their template: the causal one of ``beat_templates``, with bounded memory.

    Args:
        n_leads: leads of a beat.
        width: samples of its window.
        before: those before the R peak.
        fs_hz: sampling frequency.
    """

    def __init__(self, n_leads: int, width: int, *, before: int, fs_hz: float) -> None:
        self._before, self._fs_hz = before, fs_hz
        self._recent = np.zeros((NEIGHBOURS, n_leads, width), np.float32)
        self._rr = np.zeros(NEIGHBOURS)
        self._beats, self._last_sample = 0, 0
        self._level = self._height = np.zeros((n_leads, 1), np.float32)
        self._usual = self._last = np.zeros((n_leads, width), np.float32)

    def push(self, windows: NDArray[np.float32], sample: NDArray[np.int64]) -> Scaled:
        """Take the next beats: their windows ``(beat, lead, time)`` and positions, at ``fs_hz``."""
        signal = np.empty((*windows.shape, 2), np.float32)
        previous = np.empty(windows.shape, np.float32)
        for window, at, both, other in zip(windows, sample.tolist(), signal, previous, strict=True):
            self._remember(window, at)
            scaled = scaled_beats(window, self._level, self._height)
            both[..., 0], both[..., 1] = scaled, self._usual
            other[:] = self._last if self._beats > 1 else scaled
            self._last = scaled
        return Scaled(signal, previous)

    def _remember(self, window: NDArray[np.float32], sample: int) -> None:
        beat, place = self._beats, self._beats % NEIGHBOURS
        self._recent[place] = window
        self._rr[place] = sample - self._last_sample if beat else self._fs_hz
        self._beats, self._last_sample = beat + 1, sample
        if beat < RENEWED_BEATS or beat % RENEWED_BEATS == 0:
            self._renew(min(self._beats, NEIGHBOURS))

    def _renew(self, known: int) -> None:
        usual = beat_template(self._recent[:known], self._rr[:known])[None]
        level, height = scale_of(usual, before=self._before, fs_hz=self._fs_hz)
        self._level, self._height, self._usual = level[0], height[0], ((usual - level) / height)[0]
