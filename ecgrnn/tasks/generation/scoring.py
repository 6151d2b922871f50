"""The figures of a generator on held-out patients: how near what it writes is to their beats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ecgrnn.data.beats import BeatDataset
from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.ranks import rank
from ecgrnn.metrics.statistics import number
from ecgrnn.networks.generator import Generator
from ecgrnn.options.spec import Row
from ecgrnn.reports.charts import Series, line_chart
from ecgrnn.reports.files import write_csv, write_json, write_text
from ecgrnn.reports.render import render
from ecgrnn.reports.terminal import Summary, cell
from ecgrnn.tasks.generation.module import beat_losses
from ecgrnn.tasks.generation.prediction import beat_shape
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.summary import form_summary
from ecgrnn.tasks.task import Evaluation, Scored


@dataclass(frozen=True)
class ClassFit:
    """How one class of held-out beats is met.

    Attributes:
        name: the class.
        row: its figures.
        written: ``(time, lead)`` in mV, what the generator writes.
        quartiles: ``(3, time, lead)`` in mV, of the held-out beats at each sample.
        time_s: ``(time,)``, from the beat's mark.
    """

    name: str
    row: Row
    written: NDArray[np.float64]
    quartiles: NDArray[np.float64]
    time_s: NDArray[np.float64]


def score_generation(evaluation: Evaluation) -> Scored:
    """Compare with held-out beats and write all that is told of them; one process does it."""
    if rank() != 0:
        return Scored([])
    model, held_out, audit, run_dir = (
        evaluation.model,
        evaluation.held_out,
        evaluation.audit,
        evaluation.run_dir,
    )
    fits = fit_classes(model, held_out.test, annotator=held_out.annotator)
    figures = {"classes": {fit.name: dict(fit.row) for fit in fits}}
    summary = form_summary(model, held_out, figures, audit=audit, seconds=evaluation.seconds)
    write_json(run_dir / "summary.json", summary)
    write_csv(run_dir / "classes.csv", [{"class": fit.name, **fit.row} for fit in fits])
    write_json(run_dir / "audit.json", audit.to_dict())
    write_text(run_dir / "MODEL_CARD.md", _card(summary, title=held_out.title))
    report = generation_report(summary, fits, leads=held_out.test[0].leads, title=held_out.title)
    write_text(run_dir / "report.html", report)
    return Scored(generation_lines(summary))


def fit_classes(model: TrainedModel, records: Sequence[CachedRecord], *, annotator: str) -> list[ClassFit]:
    """Compare what a generator writes with held-out beats, for each class that it was trained on.

    ``rmse_mv`` is the root of the mean square of a beat less what was written; ``mean_beat_rmse_mv`` is the
    same for the mean of these held-out beats themselves, which no single shape can better. ``explained`` is
    the share of the beats' power that is gone when the written shape is taken away. ``log_likelihood`` is the
    mean of a sample in nats, where a spread was learned.
    """
    view = model.view(annotator=annotator, in_memory_mb=0.0)
    dataset = cast("BeatDataset", view.dataset(records, training=False))
    trained_on = model.trained.counts["train"]
    return [
        _fit(model, dataset, index)
        for index, name in enumerate(model.scheme.classes)
        if trained_on[name] and (dataset.table.label == index).any()
    ]


_MOST_BEATS = 20_000
"""Beats of a class that are compared; of more, every k-th."""


def _fit(model: TrainedModel, dataset: BeatDataset, index: int) -> ClassFit:
    rows = np.flatnonzero(dataset.table.label == index)
    batch = dataset.__getitems__(rows[:: -(-len(rows) // _MOST_BEATS)].tolist())
    beats = batch.signal.double().numpy()
    name = model.scheme.classes[index]
    shape = beat_shape(model, name)
    network = cast("Generator", model.network)
    with torch.inference_mode():
        losses, _ = beat_losses(network, batch.label, batch.signal)
    patients = {dataset.records[record].patient for record in dataset.table.record[rows].tolist()}
    square = float(np.mean((beats - shape.mean) ** 2))
    row: Row = {
        "beats": len(rows),
        "patients": len(patients),
        "rmse_mv": square**0.5,
        "mean_beat_rmse_mv": float(np.mean((beats - beats.mean(axis=0)) ** 2)) ** 0.5,
        "explained": number(_explained(beats, square)),
        "correlation": number(_correlation(np.median(beats, axis=0).ravel(), shape.mean.ravel())),
        "log_likelihood": None if network.spread is None else -float(losses.mean()),
    }
    time_s = (np.arange(len(shape.mean)) - shape.before) / model.signal.fs_hz
    return ClassFit(name, row, shape.mean, np.quantile(beats, (0.25, 0.5, 0.75), axis=0), time_s)


def _explained(beats: NDArray[np.float64], square: float) -> float:
    power = float(np.mean(beats**2))
    return 1 - square / power if power > 0 else float("nan")


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    varies = np.ptp(first) > 0 and np.ptp(second) > 0
    return float(np.corrcoef(first, second)[0, 1]) if varies else float("nan")


def _card(summary: Mapping[str, Any], *, title: str) -> str:
    template = Path(__file__).parent / "templates" / "card.md"
    return render(template, summary=summary, title=title)


def generation_report(
    summary: Mapping[str, Any], fits: Sequence[ClassFit], *, leads: Sequence[str], title: str
) -> str:
    """Write the page.

    Args:
        summary: content of ``summary.json``.
        fits: how each class is met.
        leads: names of the leads.
        title: full name of the database.
    """
    return render(
        Path(__file__).parent / "templates" / "report.html",
        summary=summary,
        title=title,
        charts={fit.name: [_chart(fit, lead, name) for lead, name in enumerate(leads)] for fit in fits},
    )


_UNNAMED = ""
"""The upper quartile is named in the legend together with the lower one."""


def _chart(fit: ClassFit, lead: int, name: str) -> str:
    low, middle, high = fit.quartiles[..., lead]
    curves = {"generated": fit.written[:, lead], "median beat": middle, "quartiles": low, _UNNAMED: high}
    style = {"generated": 1, "median beat": 0, "quartiles": 4, _UNNAMED: 4}
    span = np.concatenate(list(curves.values()))
    margin = 0.05 * float(np.ptp(span))
    return line_chart(
        [
            Series(label, list(zip(fit.time_s.tolist(), curve.tolist(), strict=True)), style=style[label])
            for label, curve in curves.items()
        ],
        x_label="time from the beat's mark, s",
        y_label=f"{name}, mV",
        x_range=(float(fit.time_s[0]), float(fit.time_s[-1])),
        y_range=(float(span.min()) - margin, float(span.max()) + margin),
    )


def generation_lines(summary: Summary) -> list[str]:
    """Give the table of a generator: how near its beats are to held-out ones."""
    lines = [f"{'class':<6} {'beats':>8} {'patients':>9} {'RMSE mV':>8} {'least mV':>9} {'explained %':>12}"]
    for name, row in summary["classes"].items():
        rmse, least = (cell(row[key], 1, digits=3) for key in ("rmse_mv", "mean_beat_rmse_mv"))
        lines.append(
            f"{name:<6} {row['beats']:>8,} {row['patients']:>9,} {rmse:>8} {least:>9} "
            f"{cell(row['explained'], digits=1):>12}"
        )
    return lines
