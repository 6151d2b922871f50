"""Fit the rule for atrial fibrillation, and score episodes of rhythm on mitdb as `epicmp` does.

    python scripts/experiments/rhythm_episodes.py fit --data DIR
    python scripts/experiments/rhythm_episodes.py score --data DIR [--records DS1]

DIR holds `cinc2017` or `mitdb`. `fit` finds the beats of every strip of CinC 2017 outside fold 0 but noise,
takes windows of 24 RR intervals a third of a window apart, and fits the logistic regression of
`ecgrnn.signals.rhythms.fibrillation` (A against N and O). `score` annotates records by `beats` and `rhythm`
and prints, record by record and over all, seconds of AF in the reference, in the test and in both from 300 s
on, then what is called AF of atrial flutter, and sensitivity and positive predictivity by episodes and by
duration; the paced records come apart.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ecgrnn.data.databases.cinc2017 import CINC2017
from ecgrnn.data.databases.mitdb import DS1, DS2, MITDB
from ecgrnn.errors import DataError
from ecgrnn.inference.annotate import annotate
from ecgrnn.metrics.ec57.episodes import EpisodeComparison, compare_episodes, gross_episodes
from ecgrnn.signals.annotations import read_annotations, rhythms_of
from ecgrnn.signals.formats import read
from ecgrnn.signals.rhythms.fibrillation import LONGEST_RR_S, SHORTEST_RR_S, WINDOW, rr_numbers

START_S = 300.0


def main() -> None:
    """Fit or score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("fit", "score"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--records", nargs="*", help="names, or DS1 or DS2; all three groups by default")
    options = parser.parse_args()
    if options.what == "fit":
        fit(options.data / "cinc2017")
        return
    groups = {"DS1": DS1, "DS2": DS2, "paced": tuple(MITDB.exclusions)}
    for name in options.records or groups:
        score(options.data / "mitdb", name, groups.get(name, (name,)))


def fit(folder: Path) -> None:
    """Fit the weights and print them."""
    database = CINC2017.read(CINC2017, folder) if CINC2017.read else CINC2017
    labels, folds = CINC2017.strip_labels(folder), CINC2017.fixed_folds()
    numbers, fibrillation = [], []
    for name in database.records:
        (label,) = labels[name]
        if folds[name] == 0 or label == "~":
            continue
        try:
            beats = annotate(read(folder / name), "beats").columns("beats")
        except DataError:
            continue
        x = _log_rr(beats["time_s"], beats["class"])
        if len(x) >= WINDOW:
            numbers.append(rr_numbers(sliding_window_view(x, WINDOW)[:: WINDOW // 3]))
            fibrillation.append(np.full(len(numbers[-1]), label == "A"))
    weights = _fitted(np.concatenate(numbers), np.concatenate(fibrillation))
    print(
        f"{sum(map(len, numbers))} windows; weights {weights[:-1].round(3).tolist()}, bias {weights[-1]:.3f}"
    )


def _log_rr(time_s: NDArray[np.float64], label: NDArray[np.str_]) -> NDArray[np.float64]:
    rr, ectopic = np.diff(time_s), np.isin(label, ("V", "F", "Q"))
    return np.log(rr[~(ectopic[1:] | ectopic[:-1]) & (rr > SHORTEST_RR_S) & (rr < LONGEST_RR_S)])


def _fitted(x: NDArray[np.float64], y: NDArray[np.bool_]) -> NDArray[np.float64]:
    X = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    w = np.zeros(X.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-X @ w))
        w -= np.linalg.solve((X * (p * (1 - p))[:, None]).T @ X + 1e-6 * np.eye(len(w)), X.T @ (p - y))
    return w


def score(folder: Path, title: str, records: Sequence[str]) -> None:
    """Score the records of one group."""
    found: list[EpisodeComparison] = []
    flutter_s = 0.0
    for name in records:
        recording = read(folder / name)
        fs_hz = recording.fs_hz
        marks = annotate(recording, ["beats", "rhythm"]).found["episodes"].marks[0].annotations
        reference = read_annotations(folder / name, "atr", fs_hz=fs_hz)
        found.append(compare_episodes(reference, marks, fs_hz=fs_hz, stop_s=recording.duration_s))
        rhythms = rhythms_of(reference, recording.n_samples)
        is_flutter = rhythms.name == "AFL"
        spans = np.stack([rhythms.start[is_flutter], rhythms.stop[is_flutter]], axis=1)
        flutter_s += _shared(np.maximum(spans, round(START_S * fs_hz)), found[-1].test) / fs_hz
        one = found[-1]
        if one.reference_samples or one.test_samples:
            seconds = [x / fs_hz for x in (one.reference_samples, one.test_samples, one.overlap)]
            print(f"  {name}: reference {seconds[0]:.0f} s, test {seconds[1]:.0f} s, both {seconds[2]:.0f} s")
    print(f"{title}: flutter called AF {flutter_s:.0f} s")
    for what, ratio in gross_episodes(found).items():
        share = f"{100 * ratio.hits / ratio.total:.1f} %" if ratio.total else "-"
        print(f"  {what:<32} {share} ({ratio.hits}/{ratio.total})")


def _shared(one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    both = np.minimum(one[:, None, 1], other[None, :, 1]) - np.maximum(one[:, None, 0], other[None, :, 0])
    return int(np.maximum(both, 0).sum())


if __name__ == "__main__":
    main()
