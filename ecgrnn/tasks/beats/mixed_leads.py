"""Training records with further leads: mixtures of their own, as from electrodes at other places."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from ecgrnn.data.windows import PreparedSignal

_STRETCH_S = 30.0
"""An electrode is good or bad for about so long."""

_NOISY = 0.4
"""Share of the stretches with noise."""

_NOISE = (0.02, 0.6)
"""Its standard deviation, in spreads of the lead (its 1 to 99 % range), drawn evenly over the logarithm."""

_COLOUR = 0.9
"""Noise follows itself by so much from one sample to the next: electrode motion is slower than a QRS."""


@dataclass(frozen=True)
class MixedLeads:
    """A record with mixtures of its leads behind them, made each time the signal is read.

    Attributes:
        record: the record.
        weights: ``(lead, mixture)``, each mixture of length 1.
        seed: seed of the noise.
    """

    record: PreparedSignal
    weights: NDArray[np.float32]
    seed: int

    @property
    def signal(self) -> NDArray[np.float32]:
        """``(time, lead)`` in mV, always the same."""
        own = self.record.signal
        mixed = own @ self.weights
        add_bad_stretches(mixed, fs_hz=self.fs_hz, rng=np.random.default_rng(self.seed))
        return np.concatenate([own, mixed], axis=1)

    @property
    def n_samples(self) -> int:
        """Length of ``signal``."""
        return self.record.n_samples

    @property
    def fs_hz(self) -> float:
        """Sampling frequency of ``signal``."""
        return self.record.fs_hz

    @property
    def leads(self) -> tuple[str, ...]:
        """Lead names."""
        return (*self.record.leads, *(f"mixture {k + 1}" for k in range(self.weights.shape[1])))

    @property
    def source_fs_hz(self) -> float:
        """Sampling frequency of the positions of its beats."""
        return self.record.source_fs_hz


def with_mixed_leads(
    records: Sequence[PreparedSignal], count: int, *, rng: np.random.Generator
) -> list[PreparedSignal]:
    """Give records so many further leads each; a record of one lead has nothing to mix and stays."""
    return [_with_mixed(record, count, rng=rng) if len(record.leads) > 1 else record for record in records]


def add_bad_stretches(signal: NDArray[np.float32], *, fs_hz: float, rng: np.random.Generator) -> None:
    """Add noise to some stretches of each lead, in place: from hardly seen to louder than the QRS.

    Args:
        signal: ``(time, lead)``; written to.
        fs_hz: its sampling frequency.
        rng: source of the noise.
    """
    width = max(round(_STRETCH_S * fs_hz), 1)
    spread = np.ptp(np.percentile(signal, (1, 99), axis=0), axis=0)
    for lead in range(signal.shape[1]):
        for start in range(0, len(signal), width):
            if rng.random() < _NOISY:
                part = signal[start : start + width, lead]
                size = spread[lead] * np.exp(rng.uniform(*np.log(_NOISE)))
                white = rng.standard_normal(len(part)) * np.sqrt(1 - _COLOUR**2)
                part += (size * lfilter([1.0], [1.0, -_COLOUR], white)).astype(np.float32)


def _with_mixed(record: PreparedSignal, count: int, *, rng: np.random.Generator) -> MixedLeads:
    drawn = rng.standard_normal((len(record.leads), count))
    weights = (drawn / np.linalg.norm(drawn, axis=0)).astype(np.float32)
    return MixedLeads(record, weights, int(rng.integers(2**31)))
