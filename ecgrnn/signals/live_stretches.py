"""Prepare a signal while it is still coming, by filters without delay: as much later as they read ahead."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.filters.causal import CausalState
from ecgrnn.signals.filters.resample import rate_ratio
from ecgrnn.signals.formats.wfdb.record import Record
from ecgrnn.signals.preprocessing import LEVEL_S, Before, misfit, prepare_causally, prepare_record
from ecgrnn.signals.stretches import last_levels, stretch_lengths

_NAME = "of the stream"


class LiveStretches:
    """What ``prepare_stretches`` gives of a recording, as the recording grows.

    A lead that begins with a gap is 0 mV there and not at its first level, which is not known yet: after a
    high-pass both are the same.

    Args:
        config: what is done to the signal, without normalisation.
        leads: the names of the leads that are prepared.
        fs_hz: sampling frequency of the signal.
        stretch_s: length of the stretches.

    Raises:
        DataError: the filters do not fit the sampling frequency.
    """

    def __init__(
        self, config: PreprocessingConfig, leads: Sequence[str], *, fs_hz: float, stretch_s: float
    ) -> None:
        self._config = replace(config, leads=None, n_leads=len(leads), first_lead=None)
        self._leads, self._fs_hz = tuple(leads), fs_hz
        to_hz = fs_hz if config.fs_hz is None else config.fs_hz
        ratio = rate_ratio(fs_hz=fs_hz, to_hz=to_hz)
        self._up, self._down = ratio.numerator, ratio.denominator
        try:
            self._hop, self._reach = stretch_lengths(config, fs_hz=fs_hz, to_hz=to_hz, stretch_s=stretch_s)
        except ConfigError as error:
            raise misfit(_NAME, fs_hz, error) from None
        self._signal, self._start = np.zeros((0, len(leads)), np.float32), 0
        self._first = 0
        self._level = np.full(len(leads), np.nan, np.float32)
        self._state: CausalState | None = None

    def push(self, chunk: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Take the next samples ``(time, lead)``; give the stretches that are complete."""
        self._signal = np.concatenate([self._signal, chunk])
        stretches = []
        while self._start + len(self._signal) >= self._first + self._hop + self._reach:
            stretches.append(self._prepared(self._first + self._hop))
        return stretches

    def finish(self) -> list[NDArray[np.float32]]:
        """Give the rest."""
        stretches, stop = [], self._start + len(self._signal)
        while self._first < stop:
            stretches.append(self._prepared(min(self._first + self._hop, stop)))
        return stretches

    def _prepared(self, last: int) -> NDArray[np.float32]:
        first = self._first
        before = max(first - self._reach, 0)
        part = self._signal[before - self._start : last + self._reach - self._start]
        missing = np.count_nonzero(np.isnan(part), axis=0).astype(np.int64)
        record = Record(_NAME, part, self._fs_hz, self._leads, missing)
        if self._config.causal:
            prepared, self._state = prepare_causally(record, self._config, self._state)
        else:
            prepared = prepare_record(record, self._config, before=Before(self._known_level(part), before))
            self._learn_level(part, before)
        skipped, kept = (first - before) // self._down * self._up, -(-(last - first) * self._up // self._down)
        self._first = last
        used = max(last - self._reach, 0) - self._start
        self._signal, self._start = self._signal[used:].copy(), self._start + used
        return prepared.signal[skipped : skipped + kept]

    def _known_level(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        unknown = np.full(len(self._leads), np.nan, np.float32)
        first = last_levels(part[::-1], unknown, fs_hz=self._fs_hz)
        self._level = np.where(np.isfinite(self._level), self._level, first)
        return np.where(np.isfinite(self._level), self._level, np.float32(0))

    def _learn_level(self, part: NDArray[np.float32], before: int) -> None:
        """Remember the level before the next part, as ``prepare_stretches`` does."""
        following = self._first + self._hop - self._reach
        if following <= 0:
            return
        width = round(LEVEL_S * self._fs_hz)
        seen = part[: following - before + width]
        is_new = np.isfinite(seen[width if before else 0 :]).any(axis=0)
        self._level = np.where(is_new, last_levels(seen, self._level, fs_hz=self._fs_hz), self._level)
