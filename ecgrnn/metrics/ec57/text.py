"""Prints EC57 scores in the formats of the WFDB software's ``bxb``, ``rxr``, ``sumstats`` and ``epicmp``."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ecgrnn.metrics.ec57.counts import (
    COLUMNS,
    LINE_CELLS,
    ROWS,
    BeatComparison,
    Ratio,
    average,
    cells,
    gross,
    line_counts,
    pooled_matrix,
    shutdown_ratios,
)
from ecgrnn.metrics.ec57.episodes import EpisodeComparison
from ecgrnn.metrics.ec57.pairing import CLASSES
from ecgrnn.metrics.ec57.runs import RunComparison, average_runs, gross_runs

_PRINTED = {
    "qrs_sensitivity": "QRS sensitivity",
    "qrs_positive_predictivity": "QRS positive predictivity",
    "veb_sensitivity": "VEB sensitivity",
    "veb_positive_predictivity": "VEB positive predictivity",
    "sveb_sensitivity": "SVEB sensitivity",
    "sveb_positive_predictivity": "SVEB positive predictivity",
}
_TOTALS = {"QRS complexes": "NSVFQ", "VEBs": "V", "SVEBs": "S"}
_LINE_HEADER = (
    "Record Nn' Sn' Vn' Fn' On'  Ns  Ss  Vs  Fs' Os' Nv  Sv   Vv  Fv' Ov' No' So' Vo' Fo'"
    "  Q Se   Q +P   V Se   V +P   S Se   S +P RR err\n"
)
_SHUTDOWN_HEADER = (
    "Record Nx   Sx   Vx   Fx   Qx  % beats  % N    % S    % V    % F   Total Shutdown\n"
    "                                missed missed missed missed missed      Time\n"
)
_EPISODE_HEADER = "Record  TPs   FN  TPp   FP  ESe E+P DSe D+P  Ref duration  Test duration \n"
_RUN_HEADER = "Record CTs CFN CTp CFP STs SFN STp SFP LTs LFN LTp LFP  CSe C+P SSe S+P LSe L+P\n"
_RUN_PREFIX = 6 + 12 * 4 + 1
# wide counts have wider columns: normal beats called normal, and ventricular beats called ventricular
_WIDTHS = {"Nn'": 6, "Vv": 5}
_PREFIX = 4 + sum(_WIDTHS.get(name, 4) for name in LINE_CELLS)


def line_text(comparisons: Mapping[str, BeatComparison]) -> str:
    """Print one line for each record: counts, Se and +P in %, RMS RR error in ms.

    Args:
        comparisons: record name to comparison, in the order to print.
    """
    return _LINE_HEADER + "".join(_line(name, c) for name, c in comparisons.items())


def shutdown_text(comparisons: Mapping[str, BeatComparison]) -> str:
    """Print one line for each record: beats lost to shutdown, their share in %, its length, and all beats.

    Args:
        comparisons: record name to comparison, in the order to print.
    """
    return _SHUTDOWN_HEADER + "".join(_shutdown_line(name, c) for name, c in comparisons.items())


def matrix_text(
    comparisons: Mapping[str, BeatComparison],
    *,
    reference_annotator: str,
    test_annotator: str,
    shutdown: bool = False,
) -> str:
    """Print the matrix and the statistics of each record.

    Args:
        comparisons: record name to comparison, in the order to print.
        reference_annotator: name printed for the reference.
        test_annotator: name printed for the annotator that is scored.
        shutdown: add what was missed during shutdown, as the whole standard report of ``bxb -S`` does.
    """
    annotators = f"Reference annotator: {reference_annotator}\n     Test annotator: {test_annotator}\n\n"
    return "".join(
        f"Beat-by-beat comparison results for record {name}\n{annotators}{_matrix(c)}\n{_statistics(c)}"
        + (_shutdown_statistics(c) if shutdown else "")
        for name, c in comparisons.items()
    )


def sumstats_text(comparisons: Mapping[str, BeatComparison]) -> str:
    """Print the line format followed by sums, gross and average statistics over the records.

    Args:
        comparisons: record name to comparison, in the order to print.
    """
    records = list(comparisons.values())
    pooled, ratios, means = pooled_matrix(records), gross(records), average(records)
    totals = {name: int(cells(pooled, f"[{rows}][nsvfqox]")) for name, rows in _TOTALS.items()}
    lines = [
        "_" * (_PREFIX + 7 * (len(_PRINTED) + 1)),
        "Sum " + _counts(line_counts(pooled)),
        "Gross".ljust(_PREFIX) + "".join(_percent(ratios[name].percent) for name in _PRINTED),
        "Average".ljust(_PREFIX) + "".join(_percent(means[name]) for name in (*_PRINTED, "rr_error_ms")),
        "  ".join(f"Total {name}: {total}" for name, total in totals.items()),
        "",
        f"Summary of results from {len(records)} records",
    ]
    return line_text(comparisons) + "\n".join(lines) + "\n"


def episode_line_text(comparisons: Mapping[str, EpisodeComparison]) -> str:
    """Print one line for each record: episode counts, Se and +P in %, durations.

    Args:
        comparisons: record name to comparison of one kind of rhythm, in the order to print.
    """
    kinds = {c.kind for c in comparisons.values()}
    header = "".join(f"({kind} detection)\n" for kind in sorted(kinds)) + _EPISODE_HEADER
    return header + "".join(_episode_line(name, c) for name, c in comparisons.items())


def episode_matrix_text(
    comparisons: Mapping[str, EpisodeComparison], *, reference_annotator: str, test_annotator: str
) -> str:
    """Print the episode statistics of each record with their numerators and denominators.

    Args:
        comparisons: record name to comparison of one kind of rhythm, in the order to print.
        reference_annotator: name printed for the reference.
        test_annotator: name printed for the annotator that is scored.
    """
    annotators = f"Reference annotator: {reference_annotator}\n     Test annotator: {test_annotator}\n\n"
    return "".join(
        f"{c.kind} episode-by-episode comparison results for record {name}\n{annotators}{_episode_matrix(c)}"
        for name, c in comparisons.items()
    )


def run_line_text(comparisons: Mapping[str, RunComparison]) -> str:
    """Print one line for each record: run counts, then Se and +P in %, of couplets, short runs and long runs.

    Args:
        comparisons: record name to comparison of one kind of run, in the order to print.
    """
    kinds = {c.kind for c in comparisons.values()}
    header = "".join(f"({kind} run detection)\n" for kind in sorted(kinds)) + _RUN_HEADER
    return header + "".join(_run_line(name, c.statistics) for name, c in comparisons.items())


def run_sumstats_text(comparisons: Mapping[str, RunComparison]) -> str:
    """Print the line format followed by sums, gross and average statistics over the records.

    Args:
        comparisons: record name to comparison of one kind of run, in the order to print.
    """
    records = list(comparisons.values())
    ratios, means = gross_runs(records), average_runs(records)
    lines = [
        "_" * (len(_RUN_HEADER) - 1),
        _run_line("Sum", ratios)[:_RUN_PREFIX],
        "Gross".ljust(_RUN_PREFIX) + "".join(f"{_whole_percent(r.percent):>4}" for r in ratios.values()),
        "Average".ljust(_RUN_PREFIX) + "".join(f"{_whole_percent(v):>4}" for v in means.values()),
        "",
        f"Summary of results from {len(records)} records",
    ]
    return run_line_text(comparisons) + "\n".join(lines) + "\n"


def duration_text(samples: int, *, fs_hz: float) -> str:
    """Write a duration as minutes, seconds and thousandths, with hours before them if there are any.

    >>> duration_text(3600, fs_hz=360.0), duration_text(360 * 3661, fs_hz=360.0)
    ('0:10.000', '1:01:01.000')
    """
    ms = int(1000.0 * samples / fs_hz + 0.5)
    minutes, rest = divmod(ms, 60_000)
    seconds = f"{rest // 1000:02d}.{rest % 1000:03d}"
    return f"{minutes}:{seconds}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{seconds}"


def _line(name: str, c: BeatComparison) -> str:
    statistics = c.statistics
    shares = "".join(_percent(statistics[key].percent) for key in _PRINTED)
    rr_error = _percent(c.rr_error_ms) if c.rr_error_count else "     -"
    return f"{name:>4}" + _counts(line_counts(c.matrix)) + shares + rr_error + "\n"


def _counts(counts: Mapping[str, int]) -> str:
    return "".join(f" {count:{_WIDTHS.get(name, 4) - 1}d}" for name, count in counts.items())


def _percent(value: float) -> str:
    return "      -" if np.isnan(value) else f" {value:6.2f}"


def _shutdown_line(name: str, c: BeatComparison) -> str:
    lost = shutdown_ratios(c.matrix)
    shares = "".join(_percent(r.percent) for r in (_beats_without_s(lost), *lost[:4]))
    return (
        f"{name:>4}"
        + "".join(f" {r.hits:4d}" for r in lost)
        + f"  {shares} {_seconds(c):4d} seconds "
        + " ".join(str(r.total) for r in lost)
        + "\n"
    )


def _shutdown_statistics(c: BeatComparison) -> str:
    lost = shutdown_ratios(c.matrix)
    ratios = {"Beats": _beats_without_s(lost)} | dict(zip("NSVF", lost, strict=False))
    rows = [_statistic(f"{name} missed in shutdown", ratio) for name, ratio in ratios.items()]
    return "\n" + "".join(rows) + f"{'Total shutdown time':>26}:  {_seconds(c):4d} seconds\n"


def _beats_without_s(lost: Sequence[Ratio]) -> Ratio:
    # bxb counts lost S beats among all beats but not among the lost ones; its text is reproduced as it is
    return Ratio(sum(r.hits for r in lost) - lost[CLASSES.index("S")].hits, sum(r.total for r in lost))


def _seconds(c: BeatComparison) -> int:
    return math.floor(c.shutdown_s + 0.5)


def _matrix(c: BeatComparison) -> str:
    head = "               Algorithm\n        n    s    v    f    q    o    x\n   " + "_" * 36 + "\n"
    rows = []
    for k, row in enumerate(ROWS):
        n_columns = len(COLUMNS) if row in CLASSES else len(CLASSES)
        rows.append(f" {row} |" + "".join(f" {v:4d}" for v in c.matrix[k, :n_columns]) + "\n")
    return head + "".join(rows)


def _statistics(c: BeatComparison) -> str:
    lines = [_statistic(title, c.statistics[key]) for key, title in _PRINTED.items()]
    unit = " ms" if c.rr_error_count else ""
    return "".join(lines) + f"{'RMS RR interval error':>26}:{_percent(c.rr_error_ms)}{unit}\n"


def _statistic(title: str, ratio: Ratio) -> str:
    return (
        f"{title:>26}:{_percent(ratio.percent)}{'%' if ratio.total else ' '} ({ratio.hits}/{ratio.total})\n"
    )


def _run_line(name: str, ratios: Mapping[str, Ratio]) -> str:
    counts = "".join(f"{r.hits:4d}{r.total - r.hits:4d}" for r in ratios.values())
    shares = "".join(f"{_whole_percent(r.percent):>4}" for r in ratios.values())
    return f"{name:>6}{counts} {shares}\n"


def _episode_line(name: str, c: EpisodeComparison) -> str:
    counts = (c.found, len(c.reference) - c.found, c.right, len(c.test) - c.right)
    return (
        f"{name:>6}"
        + "".join(f"{n:5d}" for n in counts)
        + " "
        + "".join(f"{_whole_percent(r.percent):>4}" for r in c.statistics.values())
        + f"{duration_text(c.reference_samples, fs_hz=c.fs_hz):>14}"
        + f"{duration_text(c.test_samples, fs_hz=c.fs_hz):>15}\n"
    )


def _episode_matrix(c: EpisodeComparison) -> str:
    found, right, covered, correct = c.statistics.values()
    overlap, reference, test = (
        duration_text(n, fs_hz=c.fs_hz) for n in (c.overlap, c.reference_samples, c.test_samples)
    )
    rows = [
        ("Episode sensitivity", found, f"{found.hits}/{found.total}"),
        ("Episode positive predictivity", right, f"{right.hits}/{right.total}"),
        ("Duration sensitivity", covered, f"{overlap}/{reference}"),
        ("Duration positive predictivity", correct, f"{overlap}/{test}"),
    ]
    shares = "".join(
        f"{title:>30}: {_whole_percent(r.percent):>3}{'%' if r.total else ' '} ({text})\n"
        for title, r, text in rows
    )
    return (
        shares
        + f"{'Duration of reference episodes':>30}:{reference:>14}\n"
        + f"{'Duration of test episodes':>30}:{test:>14}\n"
    )


def _whole_percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.0f}"
