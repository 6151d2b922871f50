"""Noise stress test: recorded noise added to clean records, beats found and classified, scored by EC57.

    python scripts/experiments/noise_stress.py --data DIR --out FOLDER [--records ...] [--half second]

DIR holds `mitdb` and `nstdb`. As `nst` of the WFDB Software Package does, noise is added in stretches of
two minutes, every other one, from five minutes on, in each lead so strong that the signal-to-noise ratio
there is the one wanted: 10 log10(S / N). S is the square of the QRS complexes' mean peak-to-peak
amplitude (within 50 ms of the mark) divided by 8, N the mean square of the noise; both means leave out the
5 % that are largest and the 5 % that are smallest, of the first 300 normal beats and of the noise's
seconds (G. B. Moody, W. K. Muldrow, R. G. Mark, A noise stress test for arrhythmia detectors, Computers in
Cardiology 11:381-384, 1984; WFDB Applications Guide, nst). Of the noise records `bw`, `ma` and `em` the
second half is used, their first half having been developed on, played again from its beginning where it ends.

Scored from 300 s: QRS of the detector (`detector_`), before anything is left out, and QRS, V and S of the
whole chain. Reference beats in what the chain marks as unreadable count as missed, as the standard has it;
"lost" is their share of all. Writes noise_stress.csv and noise_stress.svg.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.databases.mitdb import DS1, DS2
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.metrics.ec57.counts import Ratio, compare_beats
from ecgrnn.reports.files import write_csv
from ecgrnn.signals.annotations import Annotations, read_annotations
from ecgrnn.signals.detection.records import find_beats_of
from ecgrnn.signals.formats import read
from ecgrnn.signals.quality.marks import marked_beats
from ecgrnn.signals.quality.stretches import outside, unreadable_stretches
from ecgrnn.signals.recording import Recording
from ecgrnn.signals.symbols import BEAT_SYMBOLS
from ecgrnn.tasks.beats.prediction import beats_and_quality

KINDS = ("bw", "ma", "em")
SNR_DB = (24, 18, 12, 6, 0, -6)
START_S, STRETCH_S = 300.0, 120.0
_QRS_S, _BEATS, _TRIMMED = 0.05, 300, 0.05


def main() -> None:
    """Add noise to every record, annotate and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--records", nargs="*", default=list(DS2), help="DS2 by default; DS1 for development")
    parser.add_argument("--half", choices=("first", "second"), default="second", help="of the noise records")
    parser.add_argument("--minutes", type=float, default=31.0, help="of each record")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    records = list(DS1) if options.records == ["DS1"] else options.records
    jobs = [(options.data, record, options.half, options.minutes) for record in records]
    with ProcessPoolExecutor(options.workers) as pool:
        found = [row for rows in pool.map(_stressed, jobs) for row in rows]
    options.out.mkdir(parents=True, exist_ok=True)
    rows = table(found)
    write_csv(options.out / "noise_stress.csv", rows)
    (options.out / "noise_stress.svg").write_text(drawing(rows), encoding="utf-8")
    for row in rows:
        print(" ".join(f"{name}={value}" for name, value in row.items()))


@dataclass(frozen=True)
class Counts:
    """What was counted in one record with one noise.

    Attributes:
        kind: the noise.
        snr_db: its ratio.
        statistics: EC57's, ``detector_``, ``plain_`` (the chain that leaves nothing out) and ``chain_``.
        false_v: V beats where the reference has none, by the plain chain and the chain.
        unreadable_s: seconds marked as unreadable.
        lost: reference beats in them.
    """

    kind: str
    snr_db: float
    statistics: dict[str, Ratio]
    false_v: tuple[int, int]
    unreadable_s: float
    lost: Ratio


def _stressed(job: tuple[Path, str, str, float]) -> list[Counts]:
    folder, record, half, minutes = job
    path = folder / "mitdb" / record
    whole = read(path)
    clean, reference = beginning(whole, read_annotations(path, "atr", fs_hz=whole.fs_hz), minutes=minutes)
    found = [_scored(clean, reference, "none", np.inf)]
    for kind in KINDS:
        noise = half_of(read(folder / "nstdb" / kind).signal, half)
        found += [_scored(noisy(clean, reference, noise, snr), reference, kind, snr) for snr in SNR_DB]
    return found


def beginning(
    recording: Recording, reference: Annotations, *, minutes: float
) -> tuple[Recording, Annotations]:
    """Give the first minutes of a recording with its annotations."""
    n_samples = min(round(60 * minutes * recording.fs_hz), recording.n_samples)
    inside = reference.sample < n_samples
    columns = (reference.sample, reference.symbol, reference.subtype, reference.aux_note)
    short = Recording(
        recording.signal[:n_samples], fs=recording.fs_hz, leads=recording.leads, name=recording.name
    )
    return short, Annotations(*(column[inside] for column in columns), reference.fs_hz)


def half_of(noise: NDArray[np.float32], half: str) -> NDArray[np.float32]:
    """Give the first or the second half of a noise record."""
    middle = len(noise) // 2
    return noise[:middle] if half == "first" else noise[middle:]


def noisy(
    clean: Recording,
    reference: Annotations,
    noise: NDArray[np.float32],
    snr_db: float,
    *,
    start_s: float = START_S,
    stretch_s: float = STRETCH_S,
) -> Recording:
    """Add noise ``(time, lead)`` to a recording from a time on, in every other stretch."""
    signal = clean.signal.copy()
    gain = gains(signal, reference, noise, snr_db, fs_hz=clean.fs_hz)
    hop = round(stretch_s * clean.fs_hz)
    at = 0
    for start in range(round(start_s * clean.fs_hz), len(signal), 2 * hop):
        part = signal[start : start + hop]
        rows = np.arange(at, at + len(part)) % len(noise)
        part += (gain * noise[rows, : signal.shape[1]]).astype(np.float32)
        at += len(part)
    return Recording(signal, fs=clean.fs_hz, leads=clean.leads, name=clean.name)


def gains(
    signal: NDArray[np.float32],
    reference: Annotations,
    noise: NDArray[np.float32],
    snr_db: float,
    *,
    fs_hz: float,
) -> NDArray[np.float64]:
    """Give what the noise of each lead is multiplied by, ``(lead,)``."""
    reach, second = round(_QRS_S * fs_hz), round(fs_hz)
    normal = reference.sample[np.isin(reference.symbol, list("NLR"))]
    normal = normal[(normal > reach) & (normal < len(signal) - reach)][:_BEATS]
    if not len(normal):
        normal = reference.sample[np.isin(reference.symbol, list("V/"))][1 : _BEATS + 1]
    around = signal[normal[:, None] + np.arange(-reach, reach + 1)]
    s = np.square(_trimmed_mean(np.ptp(around, axis=1))) / 8
    blocks = noise[: len(noise) // second * second, : signal.shape[1]].reshape(-1, second, signal.shape[1])
    rms = blocks.std(axis=1)
    n = np.square(_trimmed_mean(rms))
    return np.asarray(np.sqrt(s / n * 10 ** (-snr_db / 10)))


def _trimmed_mean(values: NDArray[np.float32]) -> NDArray[np.float64]:
    ordered = np.sort(np.asarray(values, np.float64), axis=0)
    cut = int(_TRIMMED * len(ordered))
    return np.asarray(ordered[cut : len(ordered) - cut].mean(axis=0))


def _scored(recording: Recording, reference: Annotations, kind: str, snr_db: float) -> Counts:
    model = load_model("beats")
    sample = find_beats_of(recording, model.preprocessing)
    symbols, unreadable = np.zeros(0, "<U1"), np.zeros((0, 2), np.int64)
    if len(sample):
        found, quality = beats_and_quality(model, recording, sample, batch_size=1024)
        symbols = np.array(model.scheme.classes)[found.logits.argmax(axis=1)]
        unreadable = unreadable_stretches(recording, sample, quality)
    kept = outside(sample, unreadable)
    marked = {
        "detector": (np.full(len(sample), "N"), sample, unreadable[:0]),
        "plain": (symbols, sample, unreadable[:0]),
        "chain": (symbols[kept], sample[kept], unreadable),
    }
    statistics: dict[str, Ratio] = {}
    for name, marks in marked.items():
        test = marked_beats(*marks, fs_hz=recording.fs_hz)
        scored = compare_beats(reference, test, fs_hz=recording.fs_hz, start_s=START_S).statistics
        statistics |= {f"{name}_{figure}": ratio for figure, ratio in scored.items()}
    beats = reference.sample[np.isin(reference.symbol, sorted(BEAT_SYMBOLS))]
    beats = beats[beats >= START_S * recording.fs_hz]
    v = [statistics[f"{name}_veb_positive_predictivity"] for name in ("plain", "chain")]
    length = np.diff(np.maximum(unreadable, round(START_S * recording.fs_hz)), axis=1).sum()
    lost = ~outside(beats, unreadable)
    return Counts(
        kind,
        snr_db,
        statistics,
        (v[0].total - v[0].hits, v[1].total - v[1].hits),
        float(length / recording.fs_hz),
        Ratio(int(lost.sum()), len(lost)),
    )


_FIGURES = {
    f"{name}_{what}_{short}": f"{name}_{what}_{of}"
    for name, kinds in (("detector", ("qrs",)), ("plain", ("veb",)), ("chain", ("qrs", "veb", "sveb")))
    for what in kinds
    for short, of in (("se", "sensitivity"), ("pp", "positive_predictivity"))
}


def table(found: Sequence[Counts]) -> list[dict[str, str | float]]:
    """Add up records: a row for each noise and ratio."""
    rows: list[dict[str, str | float]] = []
    for kind, snr in [("none", np.inf), *product(KINDS, SNR_DB)]:
        chosen = [one for one in found if one.kind == kind and one.snr_db == snr]
        if not chosen:
            continue
        figures = {name: _percent([one.statistics[of] for one in chosen]) for name, of in _FIGURES.items()}
        rows.append(
            {
                "noise": kind,
                "snr_db": "" if np.isinf(snr) else snr,
                **figures,
                "plain_false_v": sum(one.false_v[0] for one in chosen),
                "chain_false_v": sum(one.false_v[1] for one in chosen),
                "unreadable_s": round(sum(one.unreadable_s for one in chosen)),
                "lost": _percent([one.lost for one in chosen]),
            }
        )
    return rows


def _percent(ratios: Sequence[Ratio]) -> float:
    total = sum(one.total for one in ratios)
    return round(100 * sum(one.hits for one in ratios) / total, 2) if total else float("nan")


def drawing(rows: Sequence[dict[str, str | float]]) -> str:
    """Draw QRS and V figures against the signal-to-noise ratio."""
    from io import StringIO

    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.4), sharey=True, layout="constrained")
    titles = {
        "detector_qrs": "QRS, detector",
        "plain_veb": "V, nothing left out",
        "chain_veb": "V, whole chain",
    }
    for axis, (what, title) in zip(axes, titles.items(), strict=True):
        for kind, colour in zip(KINDS, ("tab:blue", "tab:green", "tab:red"), strict=True):
            own = [row for row in rows if row["noise"] == kind]
            for of, style in (("se", "-"), ("pp", "--")):
                x, y = [row["snr_db"] for row in own], [row[f"{what}_{of}"] for row in own]
                label = f"{kind} {'Se' if of == 'se' else '+P'}"
                axis.plot(x, y, style, color=colour, marker=".", label=label)
        axis.invert_xaxis()
        axis.set(title=title, xlabel="signal-to-noise ratio in dB", xticks=SNR_DB)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("%")
    axes[0].legend(fontsize=7, ncols=2)
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


if __name__ == "__main__":
    main()
