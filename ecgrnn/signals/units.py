"""Units of voltage, and a guard against amplitudes that no ECG has in the unit that was given."""

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError, DataError

UNITS = ("V", "mV", "uV", "nV")
"""The units that may be given."""

_MILLIVOLTS = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "nv": 1e-6}
_SPELT_OUT = {"volt": "v", "millivolt": "mv", "microvolt": "uv", "nanovolt": "nv"}

WINDOW_S = 2.0
"""Amplitudes are taken in windows of this length: nearly all hold a beat, and the baseline hardly moves."""

SMALLEST_MV, LARGEST_MV = 0.01, 60.0
"""Peak-to-peak amplitudes in a window that some ECG still has.

Measured on all records of mitdb, svdb, nstdb, ludb, ptbxl and cinc2017: see ``check_amplitudes``.
"""

_USUAL_MV = 1.5
"""Peak-to-peak amplitude of a usual ECG."""


def millivolts(unit: str) -> float | None:
    """Give what a unit is in mV, or None where it is no voltage; capitals do not matter.

    >>> millivolts("µV"), millivolts("Volts"), millivolts("mmHg")
    (0.001, 1000.0, None)
    """
    word = unit.strip().casefold().replace("μ", "u").removesuffix("s")  # a micro sign casefolds to a mu
    word = word.replace("micro ", "micro").replace("milli ", "milli")
    return _MILLIVOLTS.get(_SPELT_OUT.get(word, word))


def known_unit(unit: str) -> float:
    """Give what a unit that a user named is in mV.

    Raises:
        ConfigError: it is not one of those known.
    """
    scale = millivolts(unit) if isinstance(unit, str) else None
    if scale is None:
        raise ConfigError(f"unit={unit} is not known; expected one of {', '.join(UNITS)}")
    return scale


def amplitude(stretches: list[NDArray[np.float32]], fs_hz: float) -> float | None:
    """Give the median over windows and leads of the peak-to-peak amplitude; None where all is flat.

    Args:
        stretches: parts of a recording, ``(time, lead)`` each.
        fs_hz: sampling frequency.
    """
    heights = [height for stretch in stretches for height in _heights(stretch, fs_hz)]
    return float(np.median(heights)) if heights else None


def check_amplitudes(height: float | None, *, name: str, unit: str, counts: bool = False) -> None:
    """Refuse a recording whose amplitudes show that its samples are in another unit.

    Args:
        height: the ``amplitude`` of the recording in mV, as it was read.
        name: what the message calls the recording.
        unit: the unit that its samples were taken to be in.
        counts: whether the samples are whole numbers, which may be those of a converter.

    Raises:
        DataError: no ECG is so large or so small; the message names the likely unit.
    """
    if height is None or SMALLEST_MV <= height <= LARGEST_MV:
        return
    taken = known_unit(unit)
    ratios = {other: abs(np.log(height / taken * known_unit(other) / _USUAL_MV)) for other in UNITS}
    likely = min(ratios, key=lambda other: ratios[other])
    advice = f"the samples are likely in {likely}: give unit={likely}"
    if known_unit(likely) == taken:
        advice = "give the unit that they are in with unit="
    also = "; if they are counts of a converter, scale them to mV first" if counts else ""
    raise DataError(
        f"{name}: read in {unit}, its beats are about {height:.3g} mV high, and an ECG is {SMALLEST_MV:g} to "
        f"{LARGEST_MV:g} mV; {advice}{also}"
    )


def _heights(stretch: NDArray[np.float32], fs_hz: float) -> list[float]:
    """Give the peak-to-peak amplitudes of all windows and leads that are not flat."""
    length = max(round(WINDOW_S * fs_hz), 2)
    length = min(length, len(stretch))
    whole = stretch[: len(stretch) // length * length] if length else stretch[:0]
    windows = whole.reshape(-1, max(length, 1), stretch.shape[1])
    missing = np.isnan(windows)
    high = np.where(missing, -np.inf, windows).max(axis=1)
    low = np.where(missing, np.inf, windows).min(axis=1)
    heights = (high - low)[~missing.any(axis=1)] if not missing.all(axis=1).any() else (high - low)
    return [float(height) for height in heights.reshape(-1) if np.isfinite(height) and height > 0]
