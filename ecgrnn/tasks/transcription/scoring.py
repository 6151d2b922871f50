"""The figures of a transcription on held-out patients: wrong symbols, and strips without any error."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.ranks import rank
from ecgrnn.metrics.ratios import ratios
from ecgrnn.metrics.statistics import by_patient, few_patients, intervals, number
from ecgrnn.metrics.transcription import TranscriptionScore, score_strip, sum_transcriptions
from ecgrnn.options.spec import Row
from ecgrnn.reports.files import write_csv, write_json, write_text
from ecgrnn.reports.render import render
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.summary import form_summary
from ecgrnn.tasks.task import Evaluation, Scored
from ecgrnn.tasks.transcription.prediction import transcribe
from ecgrnn.tasks.transcription.report import transcription_lines, transcription_report
from ecgrnn.tasks.transcription.view import TranscriptView


def score_transcription(evaluation: Evaluation) -> Scored:
    """Score held-out strips and write all that is told of them; one process does it."""
    if rank() != 0:
        return Scored([])
    model, held_out, audit = evaluation.model, evaluation.held_out, evaluation.audit
    run_dir, resampling = evaluation.run_dir, evaluation.resampling
    by_record = score_strips(model, held_out.test, annotator=held_out.annotator)
    total = sum_transcriptions(by_record.values())
    counts = by_patient(
        np.array([_counts(score) for score in by_record.values()]),
        [record.patient for record in held_out.test],
    )
    figures = {
        **_row(total),
        "resampling": resampling.described(),
        "interval_note": few_patients(len(counts)),
        "intervals": intervals(counts, _STATISTICS, resampling),
    }
    summary = form_summary(model, held_out, figures, audit=audit, seconds=evaluation.seconds)
    rows: list[Row] = [
        {"record": record.name, "patient": record.patient, **_row(by_record[record.name])}
        for record in held_out.test
    ]
    write_json(run_dir / "summary.json", summary)
    write_csv(run_dir / "records.csv", rows)
    write_json(run_dir / "audit.json", audit.to_dict())
    write_text(run_dir / "MODEL_CARD.md", _card(summary, title=held_out.title))
    write_text(run_dir / "report.html", transcription_report(summary, rows, title=held_out.title))
    return Scored(transcription_lines(summary))


def score_strips(
    model: TrainedModel, records: Sequence[CachedRecord], *, annotator: str
) -> dict[str, TranscriptionScore]:
    """Read all strips of held-out records and score each record against its beats."""
    view = cast("TranscriptView", model.view(annotator=annotator))
    return {record.name: _score_record(model, record, view) for record in records}


def _card(summary: Mapping[str, Any], *, title: str) -> str:
    template = Path(__file__).parent / "templates" / "card.md"
    return render(template, summary=summary, title=title)


def _errors_per_symbol(counts: NDArray[Any]) -> NDArray[np.float64]:
    return ratios(counts[..., 0], counts[..., 1])


def _exact_per_strip(counts: NDArray[Any]) -> NDArray[np.float64]:
    return ratios(counts[..., 2], counts[..., 3])


_STATISTICS = {"token_error_rate": _errors_per_symbol, "exact_share": _exact_per_strip}


def _counts(score: TranscriptionScore) -> list[int]:
    return [score.errors, score.symbols, score.exact, score.strips]


def _score_record(model: TrainedModel, record: CachedRecord, view: TranscriptView) -> TranscriptionScore:
    found = transcribe(model, np.asarray(record.signal))
    reference = view.dataset([record], training=False).symbols
    return sum_transcriptions(
        score_strip([symbol for symbol in row if symbol >= 0], one.symbols)
        for row, one in zip(reference.tolist(), found, strict=True)
    )


def _row(score: TranscriptionScore) -> dict[str, int | float | None]:
    return {
        "strips": score.strips,
        "symbols": score.symbols,
        "substituted": score.substituted,
        "deleted": score.deleted,
        "inserted": score.inserted,
        "token_error_rate": number(score.token_error_rate),
        "exact_share": number(score.exact_share),
    }
