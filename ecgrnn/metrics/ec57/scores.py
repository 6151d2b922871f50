"""Scores test against reference annotations by ANSI/AAMI EC57: beats, runs, episodes, text, JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.metrics.ec57.counts import (
    COLUMNS,
    ROWS,
    BeatComparison,
    Ratio,
    average,
    compare_beats,
    gross,
    line_counts,
    matrix_statistics,
    pooled_matrix,
    shutdown_ratios,
)
from ecgrnn.metrics.ec57.episodes import EpisodeComparison, compare_episodes, has_rhythm
from ecgrnn.metrics.ec57.pairing import CLASSES, BeatAnnotations
from ecgrnn.metrics.ec57.runs import RunComparison, RunKind, average_runs, compare_runs, gross_runs
from ecgrnn.metrics.ec57.text import (
    episode_line_text,
    episode_matrix_text,
    line_text,
    matrix_text,
    run_line_text,
    run_sumstats_text,
    shutdown_text,
    sumstats_text,
)


@dataclass(frozen=True)
class RecordToScore:
    """One record as two annotators see it.

    Attributes:
        name: record name, as printed.
        reference: annotations that are taken to be right.
        test: annotations that are scored.
        fs_hz: sampling frequency that both are written in.
        duration_s: length of the record, where it is known; an open rhythm episode lasts until then.
    """

    name: str
    reference: BeatAnnotations
    test: BeatAnnotations
    fs_hz: float
    duration_s: float | None = None


@dataclass(frozen=True)
class Ec57Scores:
    """Scores of several records.

    Attributes:
        reference_annotator: name printed for the reference.
        test_annotator: name printed for the annotator that is scored.
        start_s: beginning of the test period.
        stop_s: end of the test period; None is the end of each record.
        window_s: largest distance of two matching beats.
        beats: record name to its beat-by-beat comparison.
        af: record name to its atrial fibrillation episodes: records whose reference marks rhythms, where the
            test annotator marks rhythms in any record. One that it leaves unmarked has no episode there.
        vf: record name to its ventricular fibrillation episodes; records that one annotator marks some in.
        ve_runs: record name to its couplets and runs of ventricular beats.
        sve_runs: record name to its couplets and runs of supraventricular beats.
    """

    reference_annotator: str
    test_annotator: str
    start_s: float
    stop_s: float | None
    window_s: float
    beats: Mapping[str, BeatComparison]
    af: Mapping[str, EpisodeComparison]
    vf: Mapping[str, EpisodeComparison]
    ve_runs: Mapping[str, RunComparison]
    sve_runs: Mapping[str, RunComparison]

    def texts(self) -> dict[str, str]:
        """Print every report there is something to report in, file name to text."""
        reference, test = self.reference_annotator, self.test_annotator
        texts = {
            "line.txt": line_text(self.beats),
            "shutdown.txt": shutdown_text(self.beats),
            "matrix.txt": matrix_text(self.beats, reference_annotator=reference, test_annotator=test),
            "sumstats.txt": sumstats_text(self.beats),
        }
        if any(c.shutdown_s > 0 for c in self.beats.values()):
            texts["standard.txt"] = matrix_text(
                self.beats, reference_annotator=reference, test_annotator=test, shutdown=True
            )
        for kind, runs in (("ve", self.ve_runs), ("sve", self.sve_runs)):
            if any(c.n_runs for c in runs.values()):
                texts[f"runs-{kind}.line.txt"] = run_line_text(runs)
                texts[f"runs-{kind}.sumstats.txt"] = run_sumstats_text(runs)
        for kind, episodes in (("af", self.af), ("vf", self.vf)):
            if episodes:
                texts[f"rhythm-{kind}.line.txt"] = episode_line_text(episodes)
                texts[f"rhythm-{kind}.matrix.txt"] = episode_matrix_text(
                    episodes, reference_annotator=reference, test_annotator=test
                )
        return texts

    def to_dict(self) -> dict[str, object]:
        """Give every count and statistic as plain values for JSON; an undefined statistic is None."""
        records = list(self.beats.values())
        pooled = pooled_matrix(records)
        return {
            "reference_annotator": self.reference_annotator,
            "test_annotator": self.test_annotator,
            "start_s": self.start_s,
            "stop_s": self.stop_s,
            "window_s": self.window_s,
            "records": {name: beats_to_dict(c) for name, c in self.beats.items()},
            "gross": {name: _row(r) for name, r in gross(records).items()},
            "average": {name: _number(v) for name, v in average(records).items()},
            "pooled": {
                "matrix": _matrix(pooled),
                "statistics": {name: _row(r) for name, r in matrix_statistics(pooled).items()},
            },
            "rhythm_af": {name: episodes_to_dict(c) for name, c in self.af.items()},
            "rhythm_vf": {name: episodes_to_dict(c) for name, c in self.vf.items()},
            "runs_ve": _runs_to_dict(self.ve_runs),
            "runs_sve": _runs_to_dict(self.sve_runs),
        }


def score_records(
    records: Iterable[RecordToScore],
    *,
    reference_annotator: str = "atr",
    test_annotator: str = "test",
    start_s: float = 300.0,
    stop_s: float | None = None,
    window_s: float = 0.15,
) -> Ec57Scores:
    """Score records beat by beat and, where there are rhythm marks, episode by episode.

    Args:
        records: records to score, in the order to print.
        reference_annotator: name printed for the reference.
        test_annotator: name printed for the annotator that is scored.
        start_s: beginning of the test period; EC57 wants the first five minutes left out.
        stop_s: end of the test period; None is the end of each record.
        window_s: largest distance of two matching beats.

    Raises:
        DataError: no record, a record twice, or inconsistent annotations.
    """
    records = list(records)
    # An annotator of beats alone has no rhythm to be scored by; one that marks rhythms missed those it does
    # not mark.
    marks_af = any(has_rhythm(r.test, kind="AF") for r in records)
    beats: dict[str, BeatComparison] = {}
    af: dict[str, EpisodeComparison] = {}
    vf: dict[str, EpisodeComparison] = {}
    runs: dict[RunKind, dict[str, RunComparison]] = {"VE": {}, "SVE": {}}
    for r in records:
        if r.name in beats:
            raise DataError(f"record {r.name} is given twice; score each record once")
        stop = min((s for s in (stop_s, r.duration_s) if s is not None), default=None)
        beats[r.name] = compare_beats(
            r.reference, r.test, fs_hz=r.fs_hz, start_s=start_s, stop_s=stop, window_s=window_s
        )
        for kind, compared in runs.items():
            compared[r.name] = compare_runs(
                r.reference,
                r.test,
                fs_hz=r.fs_hz,
                kind=kind,
                start_s=start_s,
                stop_s=stop,
                window_s=window_s,
            )
        if marks_af and has_rhythm(r.reference, kind="AF"):
            af[r.name] = compare_episodes(
                r.reference, r.test, fs_hz=r.fs_hz, kind="AF", start_s=start_s, stop_s=stop
            )
        if any(has_rhythm(a, kind="VF") for a in (r.reference, r.test)):
            vf[r.name] = compare_episodes(
                r.reference, r.test, fs_hz=r.fs_hz, kind="VF", start_s=start_s, stop_s=stop
            )
    if not beats:
        raise DataError("there is no record to score; name at least one")
    return Ec57Scores(
        reference_annotator,
        test_annotator,
        start_s,
        stop_s,
        window_s,
        beats,
        af,
        vf,
        ve_runs=runs["VE"],
        sve_runs=runs["SVE"],
    )


def beats_to_dict(c: BeatComparison) -> dict[str, object]:
    """Give every count and statistic of one record's beats as plain values for JSON."""
    return {
        "matrix": _matrix(c.matrix),
        "line": line_counts(c.matrix),
        "statistics": {name: _row(r) for name, r in c.statistics.items()},
        "rr_error": {
            "rms_ms": _number(c.rr_error_ms),
            "sum_of_squares_ms2": c.rr_error_sum_ms2,
            "intervals": c.rr_error_count,
        },
        "shutdown_s": c.shutdown_s,
        "missed_in_shutdown": _missed_in_shutdown(c.matrix),
    }


def episodes_to_dict(c: EpisodeComparison) -> dict[str, object]:
    """Give every count and statistic of one record's episodes as plain values for JSON."""
    return {
        "reference_episodes": c.reference.tolist(),
        "test_episodes": c.test.tolist(),
        "reference_s": c.reference_samples / c.fs_hz,
        "test_s": c.test_samples / c.fs_hz,
        "overlap_s": c.overlap / c.fs_hz,
        "statistics": {name: _row(r) for name, r in c.statistics.items()},
    }


def runs_to_dict(c: RunComparison) -> dict[str, object]:
    """Give every count and statistic of one record's runs of one kind as plain values for JSON."""
    return {
        "reference_runs": c.reference.tolist(),
        "test_runs": c.test.tolist(),
        "statistics": {name: _row(r) for name, r in c.statistics.items()},
    }


def _runs_to_dict(comparisons: Mapping[str, RunComparison]) -> dict[str, object]:
    records = list(comparisons.values())
    return {
        "records": {name: runs_to_dict(c) for name, c in comparisons.items()},
        "gross": {name: _row(r) for name, r in gross_runs(records).items()},
        "average": {name: _number(v) for name, v in average_runs(records).items()},
    }


def _missed_in_shutdown(matrix: NDArray[np.int64]) -> dict[str, object]:
    lost = dict(zip(CLASSES, shutdown_ratios(matrix), strict=True))
    beats = Ratio(sum(r.hits for r in lost.values()), sum(r.total for r in lost.values()))
    return {name: _row(r) for name, r in ({"beats": beats} | lost).items()}


def _matrix(matrix: NDArray[np.int64]) -> dict[str, dict[str, int]]:
    counts = {row: dict(zip(COLUMNS, matrix[k].tolist(), strict=True)) for k, row in enumerate(ROWS)}
    for row in "OX":
        # no beat of either annotator is nothing to count
        del counts[row]["o"], counts[row]["x"]
    return counts


def _row(ratio: Ratio) -> dict[str, object]:
    return {"hits": ratio.hits, "total": ratio.total, "percent": _number(ratio.percent)}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
