"""The built-in database: simulated two-lead ECG records with true beats, rhythms and waves, as WFDB files.

The ECG follows the dynamical model of McSharry et al. 2003 (see `cardiac_model`); patients, rhythms, shapes
and noise are drawn by `patient_model`, `rhythm_model`, `morphology_model` and `noise_model`. The same seed
gives the same bytes.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.signals.annotations import Annotations, write_annotations
from ecgrnn.signals.formats.wfdb.writer import write_digital
from ecgrnn.simulator.cardiac_model import WaveExtents, lay_waves, render, wave_extents
from ecgrnn.simulator.morphology_model import LEADS, draw_morphology
from ecgrnn.simulator.noise_model import add_fibrillation, add_noise, draw_noise_levels
from ecgrnn.simulator.patient_model import BLOCK, draw_profile
from ecgrnn.simulator.rhythm_model import BeatSequence, beat_sequence

FORMATS = ("212", "16")
ADC_GAIN_PER_MV = 200.0  # as in the MIT-BIH databases: 5 µV steps
WAVE_EXTENSION = "pqt"  # onset, peak and offset of P, QRS and T in the scheme of LUDB: ( p ) ( N ) ( t )
_WAVE_SYMBOLS = ("p", "N", "t")  # by WaveKind
_FS_RANGE_HZ = (100.0, 2000.0)  # below, a QRS has too few samples; above, nothing is recorded
_DURATION_RANGE_S = (10.0, 7 * 86400.0)  # ten seconds hold a beat after the longest pause
_STRETCH = 1 << 20  # samples converted at once, which bounds the memory
_MOST_PATIENTS = 100_000
_PATIENT_KEY, _BLOCK_KEY = 0, 1  # keep the generators of patients and of blocks of patients apart


@dataclass(frozen=True)
class SimulatedRecord:
    """One simulated recording and the truth about it.

    Attributes:
        patient: Name of the patient and of the record, such as ``s001``.
        kind: What the patient has, in words.
        signal: In mV, float32, ``(time, lead)``.
        fs_hz: Sampling frequency in Hz.
        leads: Names of the leads.
        beat_samples: Index of the main QRS peak of each beat, ``(beat,)``.
        beat_symbols: WFDB symbols: N, L or R for conducted beats, S, V, F.
        rhythm_samples: Index at which each rhythm begins, the first one 0, ``(rhythm,)``.
        rhythm_notes: WFDB rhythm notes such as ``(N`` or ``(AFIB``.
        wave_onsets: First index of each wave, ``(wave,)``.
        wave_peaks: ``(wave,)``.
        wave_offsets: Last index of each wave, ``(wave,)``.
        wave_kinds: p, N (for QRS) or t for each wave.
    """

    patient: str
    kind: str
    signal: NDArray[np.float32]
    fs_hz: float
    leads: tuple[str, ...]
    beat_samples: NDArray[np.int64]
    beat_symbols: tuple[str, ...]
    rhythm_samples: NDArray[np.int64]
    rhythm_notes: tuple[str, ...]
    wave_onsets: NDArray[np.int64]
    wave_peaks: NDArray[np.int64]
    wave_offsets: NDArray[np.int64]
    wave_kinds: tuple[str, ...]


def simulate_record(
    patient: int, *, seed: int, duration_s: float = 300.0, fs_hz: float = 360.0
) -> SimulatedRecord:
    """Simulate one patient.

    Beats are drawn for the whole record, waves and noise are added to the signal in stretches: 24 hours at
    360 Hz take some 0.45 GB (0.25 GB of it the signal), and some 0.95 GB while `write_record` writes them.

    Args:
        patient: Number of the patient, from 1; who that is depends only on ``seed`` and this number.
        seed: Seed of the database, not negative.
        duration_s: Length in s.
        fs_hz: Sampling frequency in Hz.

    Raises:
        ConfigError: An argument makes no sense.
    """
    _check_recording(patient, seed, duration_s=duration_s, fs_hz=fs_hz)
    place = (patient - 1) % BLOCK
    block_rng = _generators(seed, (_BLOCK_KEY, (patient - 1) // BLOCK), 1)[0]
    patient_rng, beat_rng, wave_rng, noise_rng = _generators(seed, (_PATIENT_KEY, patient), 4)
    n_samples = round(duration_s * fs_hz)

    kind, profile = draw_profile(place, block_rng, patient_rng)
    morphology = draw_morphology(profile, patient_rng)
    levels = draw_noise_levels(profile.respiration_hz, len(LEADS), patient_rng)
    beats = beat_sequence(duration_s, profile, beat_rng)
    waves = lay_waves(beats, morphology, wave_rng)
    signal = render(waves, morphology, n_samples=n_samples, fs_hz=fs_hz)
    fibrillation_s = [(start, end) for start, end, note in beats.rhythm_spans() if note == "(AFIB"]
    add_fibrillation(
        signal,
        fibrillation_s,
        morphology.fibrillation_mv,
        wave_rng,
        fs_hz=fs_hz,
        rate_hz=morphology.fibrillation_hz,
    )
    add_noise(signal, levels, noise_rng, fs_hz=fs_hz)
    extents = wave_extents(waves, n_beats=beats.time_s.size)
    return _record(f"s{patient:03d}", kind, signal, fs_hz, beats, extents)


def write_record(record: SimulatedRecord, folder: Path, *, fmt: str = "212") -> None:
    """Write a record as WFDB files: header, signal, beats and rhythms (.atr), waves (.pqt).

    Args:
        record: What to write.
        folder: An existing folder.
        fmt: WFDB signal format, 212 (12 bits) or 16.

    Raises:
        ConfigError: The format is another one.
        DataError: The folder is not there.
    """
    _check_format(fmt)
    if not folder.is_dir():
        raise DataError(f"cannot write record {record.patient}: {folder} is not a folder; make it first")
    path = folder / record.patient
    write_digital(
        path,
        _digital(record.signal, fmt),
        fmt=fmt,
        fs_hz=record.fs_hz,
        leads=record.leads,
        gain_per_mv=ADC_GAIN_PER_MV,
        comments=[
            f"patient: {record.patient}",
            f"synthetic: {record.kind}, model of McSharry et al. 2003",
        ],
    )
    write_annotations(path, "atr", _beat_annotations(record))
    write_annotations(path, WAVE_EXTENSION, _wave_annotations(record))


def write_database(
    folder: Path,
    *,
    n_patients: int = 40,
    seed: int = 0,
    duration_s: float = 300.0,
    fs_hz: float = 360.0,
    fmt: str = "212",
    progress: Callable[[Iterable[int]], Iterable[int]] | None = None,
) -> list[str]:
    """Simulate a database, one record for each patient, with a RECORDS file.

    It is written beside ``folder`` and renamed when whole, so that half a database never stays.

    Args:
        folder: Must not exist; folders above it are made.
        n_patients: Number of records.
        seed: Seed of the database.
        duration_s: Length of each record in s.
        fs_hz: Sampling frequency in Hz.
        fmt: WFDB signal format, 212 or 16.
        progress: Wraps the patient numbers to show progress, such as ``tqdm``.

    Returns:
        Names of the records, ``s001`` onwards.

    Raises:
        ConfigError: An argument makes no sense.
        DataError: The folder exists already, or cannot be written.
    """
    _check_format(fmt)
    _check_integer("n_patients", n_patients, least=1, most=_MOST_PATIENTS)
    _check_recording(1, seed, duration_s=duration_s, fs_hz=fs_hz)
    folder = Path(folder)
    if folder.exists():
        raise DataError(
            f"{folder} exists already: a database is written to a new folder; remove it or name another"
        )
    patients: Iterable[int] = range(1, n_patients + 1)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise DataError(
            f"cannot write a database to {folder}: {error}; name a folder that can be written"
        ) from error
    try:
        whole = beside / folder.name
        whole.mkdir()
        names = []
        for patient in progress(patients) if progress else patients:
            record = simulate_record(patient, seed=seed, duration_s=duration_s, fs_hz=fs_hz)
            write_record(record, whole, fmt=fmt)
            names.append(record.patient)
        (whole / "RECORDS").write_text("".join(f"{name}\n" for name in names), encoding="ascii")
        whole.replace(folder)
    except OSError as error:
        raise DataError(
            f"cannot write a database to {folder}: {error}; free the place or name another"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return names


def _generators(seed: int, key: tuple[int, int], n: int) -> list[np.random.Generator]:
    """Give ``n`` independent generators for one key: no other key or number of patients changes them."""
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed, spawn_key=key).spawn(n)]


def _record(
    name: str,
    kind: str,
    signal: NDArray[np.float32],
    fs_hz: float,
    beats: BeatSequence,
    extents: WaveExtents,
) -> SimulatedRecord:
    """Round times to indices and keep what lies within the record."""
    n = len(signal)
    beat_samples = np.rint(beats.time_s * fs_hz).astype(np.int64)
    inside = (beat_samples >= 0) & (beat_samples < n)
    marks = np.rint(np.stack([extents.onset_s, extents.peak_s, extents.offset_s]) * fs_hz).astype(np.int64)
    whole = (marks[0] >= 0) & (marks[2] < n)
    starts = [(max(round(start * fs_hz), 0), end, note) for start, end, note in beats.rhythm_spans()]
    rhythms = [(start, note) for start, end, note in starts if end > 0 and start < n]
    return SimulatedRecord(
        patient=name,
        kind=kind,
        signal=signal,
        fs_hz=fs_hz,
        leads=LEADS,
        beat_samples=beat_samples[inside],
        beat_symbols=tuple(beats.symbol[inside].tolist()),
        rhythm_samples=np.array([start for start, _ in rhythms], np.int64),
        rhythm_notes=tuple(note for _, note in rhythms),
        wave_onsets=marks[0, whole],
        wave_peaks=marks[1, whole],
        wave_offsets=marks[2, whole],
        wave_kinds=tuple(_WAVE_SYMBOLS[kind] for kind in extents.kind[whole].tolist()),
    )


def _digital(signal: NDArray[np.float32], fmt: str) -> NDArray[np.int16]:
    """Convert to ADC units; the lowest value of each format means a missing sample and is not used."""
    most = 2047 if fmt == "212" else 32767
    digital = np.empty(signal.shape, np.int16)
    for first in range(0, len(signal), _STRETCH):
        scaled = np.rint(signal[first : first + _STRETCH] * np.float32(ADC_GAIN_PER_MV))
        digital[first : first + _STRETCH] = np.clip(scaled, -most, most)
    return digital


def _beat_annotations(record: SimulatedRecord) -> Annotations:
    sample = np.concatenate([record.rhythm_samples, record.beat_samples])
    n_rhythms, n_beats = len(record.rhythm_notes), len(record.beat_symbols)
    order = np.argsort(sample, kind="stable")
    return Annotations(
        sample=sample[order],
        symbol=np.array(["+"] * n_rhythms + list(record.beat_symbols))[order],
        subtype=np.zeros(len(sample), np.int64),
        aux_note=np.array([*record.rhythm_notes, *[""] * n_beats])[order],
        fs_hz=record.fs_hz,
    )


def _wave_annotations(record: SimulatedRecord) -> Annotations:
    sample = np.stack([record.wave_onsets, record.wave_peaks, record.wave_offsets], axis=1).ravel()
    return Annotations(
        sample=sample,
        symbol=np.array([symbol for kind in record.wave_kinds for symbol in ("(", kind, ")")], "<U1"),
        subtype=np.zeros(len(sample), np.int64),
        aux_note=np.full(len(sample), ""),
        fs_hz=record.fs_hz,
    )


def _check_recording(patient: int, seed: int, *, duration_s: float, fs_hz: float) -> None:
    _check_integer("patient", patient, least=1, most=_MOST_PATIENTS)
    _check_integer("seed", seed, least=0, most=2**63)
    for name, value, (least, most) in (
        ("duration_s", duration_s, _DURATION_RANGE_S),
        ("fs_hz", fs_hz, _FS_RANGE_HZ),
    ):
        if not least <= value <= most:  # NaN fails too
            raise ConfigError(f"{name} must be from {least:g} to {most:g}, got {value}")


def _check_integer(name: str, value: int, *, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise ConfigError(f"{name} must be a whole number from {least} to {most}, got {value!r}")


def _check_format(fmt: str) -> None:
    if fmt not in FORMATS:
        raise ConfigError(f"fmt is one of {', '.join(FORMATS)}, got {fmt!r}")
