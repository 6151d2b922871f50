"""The figures of a classifier whose classes do not exclude each other, on held-out strips."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.evaluation.files import write_csv, write_json
from ecgrnn.evaluation.statistics import Resampling, number
from ecgrnn.evaluation.strip_results import StripResults, strip_rows, strip_summary
from ecgrnn.metrics.multilabel import area_under_roc

_MOST_DRAWS = 1000
"""Each draw ranks all scores anew."""


def write_superclass(results: StripResults, *, run_dir: Path) -> dict[str, Any]:
    """Write ``summary.json``, ``records.csv`` and ``audit.json``."""
    summary = summarise_superclass(results)
    write_json(run_dir / "summary.json", summary)
    write_csv(run_dir / "records.csv", strip_rows(results))
    write_json(run_dir / "audit.json", results.audit.to_dict())
    return summary


def summarise_superclass(results: StripResults) -> dict[str, Any]:
    """Give all figures as plain data; the macro AUROC is the mean over the classes that have one."""
    label = results.dataset.label > 0
    areas = area_under_roc(results.logits, label)
    draws = _draws(results.logits, label, results.patients, results.resampling)
    defined = np.isfinite(areas)
    figures = {
        "macro_auroc": float(areas[defined].mean()) if defined.any() else None,
        "macro_auroc_interval": _ends(draws[:, defined].mean(axis=1), results.resampling.level)
        if defined.any()
        else None,
        "classes": {
            name: {
                "support": int(label[:, k].sum()),
                "auroc": number(float(areas[k])),
                "interval": _ends(draws[:, k], results.resampling.level),
            }
            for k, name in enumerate(results.classes)
        },
        "resampling": results.resampling.described() | {"method": "percentile", "resamples": len(draws)},
    }
    return strip_summary(results, figures)


def _draws(
    score: NDArray[np.float32], label: NDArray[np.bool_], patients: list[str], resampling: Resampling
) -> NDArray[np.float64]:
    """Give ``(draw, class)`` areas under the curves of strips whose patients were drawn with replacement."""
    rng = resampling.rng()
    _, patient = np.unique(patients, return_inverse=True)
    rows = [np.flatnonzero(patient == k) for k in range(int(patient.max()) + 1)]
    areas = []
    for _ in range(min(resampling.n_resamples, _MOST_DRAWS)):
        drawn = np.concatenate([rows[k] for k in rng.integers(len(rows), size=len(rows))])
        areas.append(area_under_roc(score[drawn], label[drawn]))
    return np.stack(areas)


def _ends(values: NDArray[np.float64], level: float) -> list[float] | None:
    """Give the percentile interval of the draws in which the figure is defined; None where in none."""
    defined = values[np.isfinite(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return [float(low), float(high)]
