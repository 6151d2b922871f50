"""When a simulated heart beats: the sinus RR series, and the sequence of beats and rhythms of one patient.

The sinus node follows the tachogram of McSharry et al. 2003, a random series whose spectrum has a Mayer (0.1
Hz) and a respiratory peak; ectopic beats, runs and atrial fibrillation interrupt it by the rules that each
method states.

Sources:
    P. E. McSharry, G. D. Clifford, L. Tarassenko, L. A. Smith, "A dynamical model for generating synthetic
    electrocardiogram signals", IEEE Transactions on Biomedical Engineering 50(3), 2003.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

TACHOGRAM_HZ = (
    4.0  # the usual rate for heart-rate spectra; the highest frequency in the model is under 0.5 Hz
)
MAYER_HZ = 0.1  # McSharry et al. 2003
PEAK_WIDTH_HZ = 0.01  # standard deviation of both spectral peaks, McSharry et al. 2003
BRADYCARDIA_RR_S = 1.0  # slower than 60 beats per minute
_LEAD_IN_S = 3.0  # beats before the record, so that its first seconds hold the waves of earlier beats too
_LEAST_RR_S = 0.30  # absolute refractory time: nothing beats faster
_TACHOGRAM_LEAST = 1024  # a shorter series could not hold the 0.1 Hz peak


class PWave(IntEnum):
    """What comes from the atria before a beat."""

    NONE = 0
    SINUS = 1
    ECTOPIC = 2


class Shape(IntEnum):
    """Which way the ventricles are excited; ectopic foci count on from FOCUS."""

    NORMAL = 0
    ABERRANT = 1
    FOCUS = 2


@dataclass(frozen=True)
class RhythmProfile:
    """What the heart of one patient tends to do.

    The probabilities are per step of the sequence, where a step is one normal beat or one event with the
    normal beat that ends it. Couplings are fractions of the RR interval that the sinus node would have given.

    Attributes:
        normal_symbol: WFDB symbol of a conducted beat: N, L or R.
        rr_s: Mean RR interval in s.
        rr_sd_s: Standard deviation of the sinus RR interval in s.
        lf_hf: Power of the Mayer peak over power of the respiratory peak.
        respiration_hz: Breaths per second.
        is_fibrillating: The patient is always in atrial fibrillation.
        p_atrial: Premature atrial beat.
        p_ventricular: Premature ventricular beat.
        p_fusion: Fusion beat.
        p_svta: Run of supraventricular tachycardia.
        p_vt: Run of ventricular tachycardia.
        p_bigeminy: Stretch of ventricular bigeminy.
        p_fibrillation: Episode of atrial fibrillation in sinus rhythm.
        p_interpolated: Share of ventricular beats that are interpolated, where the rate leaves room for them.
        atrial_coupling: Mean coupling of premature atrial beats.
        ventricular_coupling: Mean coupling of premature ventricular beats.
        n_foci: Number of ventricular foci.
    """

    normal_symbol: str
    rr_s: float
    rr_sd_s: float
    lf_hf: float
    respiration_hz: float
    is_fibrillating: bool
    p_atrial: float
    p_ventricular: float
    p_fusion: float
    p_svta: float
    p_vt: float
    p_bigeminy: float
    p_fibrillation: float
    p_interpolated: float
    atrial_coupling: float
    ventricular_coupling: float
    n_foci: int


@dataclass(frozen=True)
class BeatSequence:
    """The beats of one record in order of time, with some before its start and after its end.

    Attributes:
        time_s: Time of the main QRS peak in s, ``(beat,)``.
        symbol: WFDB symbol, ``(beat,)``.
        rhythm: WFDB rhythm note that the beat belongs to, such as ``(N``, ``(beat,)``.
        p_wave: A PWave, ``(beat,)``.
        pr_scale: Factor on the patient's PR interval, ``(beat,)``.
        shape: A Shape, or FOCUS plus the number of the focus, ``(beat,)``.
        mix: Share of that shape in the beat, the rest is normally conducted, ``(beat,)``.
    """

    time_s: NDArray[np.float64]
    symbol: NDArray[np.str_]
    rhythm: NDArray[np.str_]
    p_wave: NDArray[np.int64]
    pr_scale: NDArray[np.float64]
    shape: NDArray[np.int64]
    mix: NDArray[np.float64]

    def rhythm_spans(self) -> list[tuple[float, float, str]]:
        """Give start and end in s and the note of each stretch of one rhythm; changes lie between beats."""
        changes = np.flatnonzero(self.rhythm[1:] != self.rhythm[:-1]) + 1
        borders = (self.time_s[changes - 1] + self.time_s[changes]) / 2
        starts = [float(self.time_s[0]), *borders.tolist()]
        ends = [*borders.tolist(), float(self.time_s[-1])]
        notes = self.rhythm[[0, *changes.tolist()]].tolist()
        return list(zip(starts, ends, notes, strict=True))


def tachogram(duration_s: float, profile: RhythmProfile, rng: np.random.Generator) -> NDArray[np.float64]:
    r"""Draw the RR interval that the sinus node would give, as a function of time.

    The spectrum is that of McSharry et al. 2003: two Gaussians at the Mayer and the respiratory
    frequency, ``S(f) = s_1^2 N(f; f_1, c) + s_2^2 N(f; f_2, c)`` with ``s_1^2 / s_2^2 = LF/HF``; phases are
    uniform.

    Args:
        duration_s: Least length of the series in s.
        profile: Gives mean, standard deviation, LF/HF and the respiratory frequency.
        rng: Source of the phases.

    Returns:
        RR interval in s at TACHOGRAM_HZ, ``(time,)``.
    """
    n = max(_TACHOGRAM_LEAST, 2 ** math.ceil(math.log2(duration_s * TACHOGRAM_HZ + 1)))
    f = np.fft.rfftfreq(n, 1 / TACHOGRAM_HZ)
    mayer = np.exp(-((f - MAYER_HZ) ** 2) / (2 * PEAK_WIDTH_HZ**2))
    respiratory = np.exp(-((f - profile.respiration_hz) ** 2) / (2 * PEAK_WIDTH_HZ**2))
    S = profile.lf_hf * mayer + respiratory
    series = np.fft.irfft(np.sqrt(S) * np.exp(2j * np.pi * rng.random(f.size)), n)
    rr = profile.rr_s + profile.rr_sd_s * (series - series.mean()) / series.std()
    return np.asarray(np.clip(rr, 0.6 * profile.rr_s, 1.6 * profile.rr_s))


def beat_sequence(duration_s: float, profile: RhythmProfile, rng: np.random.Generator) -> BeatSequence:
    """Draw the beats of one record.

    Args:
        duration_s: Length of the record in s; the sequence begins before 0 and ends after it.
        profile: What the patient's heart tends to do.
        rng: Source of every choice.

    Returns:
        The beats, at least _LEAST_RR_S apart.
    """
    heart = _Heart(duration_s, profile, rng)
    heart.beat_until(0.0, with_events=False)
    heart.beat_until(duration_s + 1.0, with_events=True)
    columns = list(zip(*heart.beats, strict=True))
    return BeatSequence(
        time_s=np.array(columns[0], np.float64),
        symbol=np.array(columns[1], np.str_),
        rhythm=np.array(columns[2], np.str_),
        p_wave=np.array(columns[3], np.int64),
        pr_scale=np.array(columns[4], np.float64),
        shape=np.array(columns[5], np.int64),
        mix=np.array(columns[6], np.float64),
    )


class _Heart:
    """Writes one beat after the other; each event method ends with a normal beat."""

    def __init__(self, duration_s: float, profile: RhythmProfile, rng: np.random.Generator) -> None:
        self.profile = profile
        self.rng = rng
        self.beats: list[tuple[float, str, str, int, float, int, float]] = []
        self.now_s = -_LEAD_IN_S
        self.fibrillates_until_s = math.inf if profile.is_fibrillating else -math.inf
        self.rr_s = tachogram(duration_s + _LEAD_IN_S + 60, profile, rng)

    def beat_until(self, end_s: float, *, with_events: bool) -> None:
        """Beat until this time, with or without events: ectopic beats, runs, spells of fibrillation."""
        sinus, fibrillating = self._events(), self._events_in_fibrillation()
        while self.now_s < end_s:
            draw = self.rng.random() if with_events else 1.0
            for probability, event in fibrillating if self._fibrillates() else sinus:
                if draw < probability:
                    event()
                    break
                draw -= probability
            else:
                self._normal(self.now_s + self._rr())

    def _events(self) -> list[tuple[float, Callable[[], None]]]:
        p = self.profile
        return [
            (p.p_atrial, self._atrial),
            (p.p_ventricular, self._ventricular),
            (p.p_fusion, self._fusion),
            (p.p_svta, self._svta),
            (p.p_vt, self._vt),
            (p.p_bigeminy, self._bigeminy),
            (p.p_fibrillation, self._fibrillation),
        ]

    def _events_in_fibrillation(self) -> list[tuple[float, Callable[[], None]]]:
        return [(self.profile.p_ventricular, self._ventricular), (self.profile.p_vt, self._vt)]

    def _fibrillates(self) -> bool:
        return self.now_s < self.fibrillates_until_s

    def _rr(self) -> float:
        """Give the RR interval now: of the sinus node, or irregular through the AV node in fibrillation."""
        if self._fibrillates():
            return self.profile.rr_s * math.exp(0.24 * self.rng.standard_normal())
        index = int((self.now_s + _LEAD_IN_S) * TACHOGRAM_HZ)
        return float(self.rr_s[index % self.rr_s.size])

    def _base_rhythm(self) -> str:
        if self._fibrillates():
            return "(AFIB"
        return "(SBR" if self.profile.rr_s > BRADYCARDIA_RR_S else "(N"

    def _beat(
        self,
        time_s: float,
        symbol: str,
        *,
        rhythm: str | None = None,
        p_wave: PWave = PWave.NONE,
        pr_scale: float = 1.0,
        shape: int = Shape.NORMAL,
        mix: float = 1.0,
    ) -> None:
        note = self._base_rhythm() if rhythm is None else rhythm
        self.now_s = max(time_s, self.now_s + _LEAST_RR_S)
        self.beats.append((self.now_s, symbol, note, int(p_wave), pr_scale, int(shape), mix))

    def _normal(self, time_s: float, *, rhythm: str | None = None, pr_scale: float = 1.0) -> None:
        p_wave = PWave.NONE if self._fibrillates() else PWave.SINUS
        self._beat(time_s, self.profile.normal_symbol, rhythm=rhythm, p_wave=p_wave, pr_scale=pr_scale)

    def _atrial(self) -> None:
        """Premature atrial beat, sometimes two; it resets the sinus node: the pause does not compensate."""
        for _ in range(2 if self.rng.random() < 0.1 else 1):
            coupling = np.clip(self.rng.normal(self.profile.atrial_coupling, 0.07), 0.5, 0.94)
            self._atrial_beat(self.now_s + coupling * self._rr())
        self._normal(self.now_s + self._rr() * self.rng.uniform(0.98, 1.12))

    def _atrial_beat(self, time_s: float, *, rhythm: str | None = None) -> None:
        aberrant = self.rng.random() < 0.12
        self._beat(
            time_s,
            "S",
            rhythm=rhythm,
            p_wave=PWave.NONE if self.rng.random() < 0.15 else PWave.ECTOPIC,
            pr_scale=self.rng.uniform(0.7, 1.0),
            shape=Shape.ABERRANT if aberrant else Shape.NORMAL,
            mix=self.rng.uniform(0.4, 1.0) if aberrant else 1.0,
        )

    def _ventricular(self, *, rhythm: str | None = None) -> None:
        """Premature ventricular beat: leaves the sinus node alone: interpolated, or a full pause follows."""
        before_s, rr = self.now_s, self._rr()
        has_room = rr > 0.72 and not self._fibrillates()
        if has_room and self.rng.random() < self.profile.p_interpolated:
            self._ventricular_beat(before_s + rr * self.rng.uniform(0.44, 0.56), rhythm=rhythm)
            self._normal(before_s + rr * self.rng.uniform(1.0, 1.08), rhythm=rhythm, pr_scale=1.2)
            return
        coupling = np.clip(self.rng.normal(self.profile.ventricular_coupling, 0.06), 0.45, 0.97)
        self._ventricular_beat(before_s + coupling * rr, rhythm=rhythm)
        self._normal(max(before_s + 2 * rr, self.now_s + 0.9 * rr), rhythm=rhythm)

    def _ventricular_beat(self, time_s: float, *, rhythm: str | None = None) -> None:
        self._beat(time_s, "V", rhythm=rhythm, shape=self._focus())

    def _focus(self) -> int:
        """Choose a focus: the first one fires four times out of five where there are more."""
        others = self.profile.n_foci - 1
        is_first = others == 0 or self.rng.random() < 0.8
        return Shape.FOCUS + (0 if is_first else 1 + int(self.rng.integers(others)))

    def _fusion(self) -> None:
        """Fusion of a sinus and a late ventricular beat: near the normal time, its P wave there but close."""
        before_s, rr = self.now_s, self._rr()
        self._beat(
            before_s + rr * self.rng.uniform(0.9, 1.0),
            "F",
            p_wave=PWave.SINUS,
            pr_scale=self.rng.uniform(0.75, 0.95),
            shape=Shape.FOCUS,
            mix=self.rng.uniform(0.3, 0.7),
        )
        self._normal(before_s + 2 * rr)

    def _svta(self) -> None:
        """Run of at least three supraventricular beats at 130 to 185 per minute."""
        rr = self.rng.uniform(60 / 185, 60 / 130)
        self._atrial_beat(self.now_s + 0.65 * self._rr(), rhythm="(SVTA")
        for _ in range(int(self.rng.integers(3, 12))):
            self._atrial_beat(self.now_s + rr * self.rng.normal(1.0, 0.02), rhythm="(SVTA")
        self._normal(self.now_s + self._rr() * self.rng.uniform(1.0, 1.25))

    def _vt(self) -> None:
        """Run of at least three beats of one focus at 110 to 190 per minute."""
        rr, focus = self.rng.uniform(60 / 190, 60 / 110), self._focus()
        self._beat(self.now_s + 0.65 * self._rr(), "V", rhythm="(VT", shape=focus)
        for _ in range(int(self.rng.integers(2, 9))):
            self._beat(self.now_s + rr * self.rng.normal(1.0, 0.03), "V", rhythm="(VT", shape=focus)
        self._normal(self.now_s + self._rr() * self.rng.uniform(1.0, 1.3))

    def _bigeminy(self) -> None:
        """Every second beat is ventricular."""
        for _ in range(int(self.rng.integers(4, 13))):
            self._ventricular(rhythm="(B")

    def _fibrillation(self) -> None:
        """Begin an episode of atrial fibrillation of half a minute to two minutes."""
        self.fibrillates_until_s = self.now_s + self.rng.uniform(30, 120)
