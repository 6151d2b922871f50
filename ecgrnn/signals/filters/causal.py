"""High-pass, low-pass and notch that read no later sample, with a change of sampling frequency and a state.

Recursive filters in second-order sections, sample by sample, so that the past is the same to the last bit
whatever follows, and a record filtered in parts is the whole record. Corners are where the power is halved
(-3 dB). Unlike the filters of `filters`, these delay waves, low frequencies more than high ones:

=============  ==========================================  ==================================
filter         kind                                        delay of 10 Hz
=============  ==========================================  ==================================
high-pass      Butterworth, order 2                        1.1 ms (0.5 Hz)
low-pass       Butterworth, order 6                        16 ms (40 Hz)
notch          one pair of poles, 2 Hz wide                less than 1 ms (50 Hz)
anti-aliasing  the low-pass, its corner at 3/4 of the      as the low-pass
               lower Nyquist frequency at most
resampling     cubic polynomial through 4 samples          2 samples (6 ms at 360 Hz); none
                                                           where every n-th sample is kept
=============  ==========================================  ==================================
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.filters.resample import rate_ratio
from ecgrnn.signals.filters.zero_phase import check_corners

# `scipy.signal` is imported where it is used: that takes longer than annotating a strip, most of which is
# filtered otherwise.
_HIGHPASS_ORDER, _LOWPASS_ORDER = 2, 6
_NOTCH_WIDTH_HZ = 2.0

_ANTIALIAS = 0.75
"""Corner of the anti-aliasing filter, as a part of the lower Nyquist frequency."""

_BEHIND = 2
"""A sample between four others is read so many source samples late, when the last of them is there."""

_FADING_S = 0.1
"""Time constant in which a lead goes to 0 mV in a gap, if it has no level."""

_REMEMBERED = _BEHIND + 1

QRS_HZ = 10.0
"""Most of the energy of a QRS lies around this frequency: its delay is what moves the R peak."""


@dataclass(frozen=True)
class CausalState:
    """What filtering has to remember of the samples so far.

    Attributes:
        sections: ``(section, lead, 2)``, the state of the recursive filters.
        started: ``(lead,)``, whether a valid sample was there.
        recent: ``(3, lead)``, the last filtered samples.
        n_samples: how many source samples were read.
        last: ``(lead,)``, the last filtered sample of a valid one.
        since: ``(lead,)``, how many samples were missing since.
    """

    sections: NDArray[np.float64]
    started: NDArray[np.bool_]
    recent: NDArray[np.float64]
    n_samples: int
    last: NDArray[np.float64]
    since: NDArray[np.int64]


def _joined(states: Sequence[CausalState]) -> CausalState:
    """Put the leads of several records side by side, of which as many samples were read."""
    return CausalState(
        sections=np.concatenate([state.sections for state in states], axis=1),
        started=np.concatenate([state.started for state in states]),
        recent=np.concatenate([state.recent for state in states], axis=1),
        n_samples=states[0].n_samples,
        last=np.concatenate([state.last for state in states]),
        since=np.concatenate([state.since for state in states]),
    )


def _of_leads(state: CausalState, leads: slice) -> CausalState:
    return CausalState(
        state.sections[:, leads].copy(),
        state.started[leads].copy(),
        state.recent[:, leads].copy(),
        state.n_samples,
        state.last[leads].copy(),
        state.since[leads].copy(),
    )


@dataclass(frozen=True)
class CausalFilter:
    """One-sided filters and the change of sampling frequency behind them.

    Attributes:
        sections: ``(section, 6)``, second-order sections; none where nothing is filtered.
        fs_hz: sampling frequency of the source.
        up: numerator of the change of sampling frequency.
        down: its denominator.
        fading: what is left, a sample later, of the last filtered sample before a gap.
    """

    sections: NDArray[np.float64]
    fs_hz: float
    up: int
    down: int
    fading: float

    def apply(
        self, signal: NDArray[np.float32], state: CausalState | None = None
    ) -> tuple[NDArray[np.float32], CausalState]:
        """Filter the next samples of a record.

        Missing samples are left out: the filters rest, so that what follows a gap is filtered as if it
        followed what was before it, and the last filtered sample fades away behind a high-pass, or else is
        held. Before its first valid sample a lead is 0 mV, and at that sample the filters start as if it had
        been constant until then.

        Args:
            signal: ``(time, lead)`` in mV; NaN where a sample is missing.
            state: what the call before gave; None at the beginning of a record.

        Returns:
            The filtered samples ``(new time, lead)``, and the state behind them. Sample ``n`` of the whole
            lies at ``n / to_hz`` and depends on no later source sample.
        """
        state = self.start(signal.shape[1]) if state is None else state
        filtered, after = self._filtered(signal, state)
        recent = state.recent
        if state.n_samples == 0 and len(filtered):
            recent = np.repeat(filtered[:1], _REMEMBERED, axis=0)
        known = np.concatenate([recent, filtered])
        n_samples = state.n_samples + len(signal)
        out = self._resampled(known, first=state.n_samples - _REMEMBERED, start=state.n_samples)
        return out, replace(after, recent=known[-_REMEMBERED:], n_samples=n_samples)

    def apply_each(
        self, signals: Sequence[NDArray[np.float32]], states: Sequence[CausalState]
    ) -> list[tuple[NDArray[np.float32], CausalState]]:
        """Filter the next samples of several records as ``apply`` does, those of one length side by side."""
        found: dict[int, tuple[NDArray[np.float32], CausalState]] = {}
        alike: dict[tuple[int, int, int], list[int]] = {}
        for k, (signal, state) in enumerate(zip(signals, states, strict=True)):
            alike.setdefault((state.n_samples, *signal.shape), []).append(k)
        for (_, _, n_leads), group in alike.items():
            out, after = self.apply(
                np.concatenate([signals[k] for k in group], axis=1), _joined([states[k] for k in group])
            )
            for place, k in enumerate(group):
                leads = slice(place * n_leads, (place + 1) * n_leads)
                found[k] = np.ascontiguousarray(out[:, leads]), _of_leads(after, leads)
        return [found[k] for k in range(len(signals))]

    def delay_s(self, frequency_hz: float = QRS_HZ) -> float:
        """Give the group delay at a frequency: how late a wave of about that frequency comes."""
        resampling_s = 0.0 if self.up == 1 else _BEHIND / self.fs_hz
        if not len(self.sections):
            return resampling_s
        apart_hz = 0.01
        around_hz = frequency_hz + np.array([-apart_hz, apart_hz])
        from scipy import signal as scipy_signal

        _, response = scipy_signal.sosfreqz(self.sections, around_hz, fs=self.fs_hz)
        turned = np.angle(response[1] / response[0])
        return resampling_s - float(turned) / (2 * np.pi * 2 * apart_hz)

    def start(self, n_leads: int) -> CausalState:
        """Give the state at the beginning of a record."""
        return CausalState(
            sections=np.zeros((len(self.sections), n_leads, 2)),
            started=np.zeros(n_leads, bool),
            recent=np.zeros((_REMEMBERED, n_leads)),
            n_samples=0,
            last=np.zeros(n_leads),
            since=np.zeros(n_leads, np.int64),
        )

    def _filtered(
        self, signal: NDArray[np.float32], state: CausalState
    ) -> tuple[NDArray[np.float64], CausalState]:
        """Filter the valid samples of each lead, at the source's sampling frequency."""
        x = signal.T.astype(np.float64)
        valid = np.isfinite(x)
        after = CausalState(
            state.sections.copy(),
            state.started.copy(),
            state.recent,
            state.n_samples,
            state.last.copy(),
            state.since.copy(),
        )
        out = np.empty(x.shape)
        whole = state.started & valid.all(axis=1) if len(signal) else np.zeros(len(x), np.bool_)
        if whole.any():
            out[whole], after.sections[:, whole] = self._through(x[whole], state.sections[:, whole])
            after.last[whole], after.since[whole] = out[whole, -1], 0
        for lead in np.flatnonzero(~whole).tolist():
            out[lead], of_lead = self._filtered_lead(x[lead], valid[lead], state, lead)
            one = slice(lead, lead + 1)
            after.sections[:, one], after.started[one] = of_lead.sections, of_lead.started
            after.last[one], after.since[one] = of_lead.last, of_lead.since
        return out.T, after

    def _filtered_lead(
        self, values: NDArray[np.float64], valid: NDArray[np.bool_], state: CausalState, lead: int
    ) -> tuple[NDArray[np.float64], CausalState]:
        """Filter the valid samples of one lead: ``(time,)``, and the state of a record of this lead."""
        from scipy import signal as scipy_signal

        one = slice(lead, lead + 1)
        sections, last, since = state.sections[:, one], state.last[one], state.since[one]
        kept = values[valid]
        if len(kept) and not state.started[lead] and len(self.sections):
            sections = scipy_signal.sosfilt_zi(self.sections)[:, np.newaxis] * kept[0]
        filtered, sections = self._through(kept[np.newaxis], sections)
        held = np.concatenate([last, filtered[0]])[np.cumsum(valid)]
        at = np.arange(len(values))
        missing = at - np.maximum.accumulate(np.where(valid, at, -1 - since[0]))
        if len(values):
            last, since = held[-1:], missing[-1:]
        started = state.started[one] | (len(kept) > 0)
        return held * self.fading**missing, replace(
            state, sections=sections, started=started, last=last, since=since
        )

    def _through(
        self, values: NDArray[np.float64], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Filter ``(lead, time)`` from a state ``(section, lead, 2)`` on."""
        if not (len(self.sections) and values.size):
            return values, state
        from scipy import signal as scipy_signal

        out, after = scipy_signal.sosfilt(self.sections, values, zi=state)
        return np.asarray(out), np.asarray(after)

    def _resampled(self, known: NDArray[np.float64], *, first: int, start: int) -> NDArray[np.float32]:
        """Read the new samples from ``start`` on; ``known`` begins at source sample ``first``."""
        stop = first + len(known)
        new = np.arange(-(-start * self.up // self.down), -(-stop * self.up // self.down))
        at, part = np.divmod(new * self.down, self.up)
        if self.up == 1:
            return np.asarray(known[at - first], np.float32)
        f = (part / self.up)[:, np.newaxis]
        weights = (  # the polynomial through -1, 0, 1 and 2, at f
            -f * (f - 1) * (f - 2) / 6,
            (f + 1) * (f - 1) * (f - 2) / 2,
            -(f + 1) * f * (f - 2) / 2,
            (f + 1) * f * (f - 1) / 6,
        )
        out = np.zeros((len(new), known.shape[1]))
        for place, weight in enumerate(weights):
            out += weight * known[at - first - _REMEMBERED + place]
        return out.astype(np.float32)


def causal_filter(
    *,
    fs_hz: float,
    to_hz: float,
    highpass_hz: float | None = None,
    lowpass_hz: float | None = None,
    notch_hz: float | None = None,
) -> CausalFilter:
    """Design the one-sided filters for a record.

    Args:
        fs_hz: sampling frequency of the record.
        to_hz: sampling frequency wanted.
        highpass_hz: corner of the high-pass; None leaves it out.
        lowpass_hz: corner of the low-pass; None leaves it out.
        notch_hz: powerline frequency; None leaves the notch out.

    Raises:
        ConfigError: a corner does not lie below half of the sampling frequency.
    """
    from scipy.signal import butter, iirnotch, tf2sos

    check_corners(fs_hz, highpass_hz=highpass_hz, lowpass_hz=lowpass_hz, notch_hz=notch_hz)
    ratio = rate_ratio(fs_hz=fs_hz, to_hz=to_hz)
    sections = [np.zeros((0, 6))]
    if highpass_hz is not None:
        sections.append(butter(_HIGHPASS_ORDER, highpass_hz, "highpass", fs=fs_hz, output="sos"))
    corners_hz = [] if lowpass_hz is None else [lowpass_hz]
    if ratio != 1:
        corners_hz.append(_ANTIALIAS * min(fs_hz, to_hz) / 2)
    if corners_hz:
        sections.append(butter(_LOWPASS_ORDER, min(corners_hz), "lowpass", fs=fs_hz, output="sos"))
    if notch_hz is not None:
        sections.append(tf2sos(*iirnotch(notch_hz, notch_hz / _NOTCH_WIDTH_HZ, fs=fs_hz)))
    fading = 1.0 if highpass_hz is None else float(np.exp(-1 / (_FADING_S * fs_hz)))
    return CausalFilter(np.concatenate(sections), fs_hz, ratio.numerator, ratio.denominator, fading)
