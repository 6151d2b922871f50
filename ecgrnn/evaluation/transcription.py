"""The figures of a transcription on held-out patients: wrong symbols, and strips without any error."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.build import build_view
from ecgrnn.config import LoaderConfig
from ecgrnn.datasets.cache import CachedRecord
from ecgrnn.evaluation.files import Row, write_csv, write_json
from ecgrnn.evaluation.held_out import HeldOutRecords
from ecgrnn.evaluation.statistics import Resampling, by_patient, intervals, number
from ecgrnn.evaluation.summary import form_summary
from ecgrnn.inference.checkpoint import TrainedModel
from ecgrnn.inference.transcripts import transcribe
from ecgrnn.metrics.transcription import TranscriptionScore, score_strip, sum_transcriptions


def score_strips(
    model: TrainedModel, records: Sequence[CachedRecord], *, annotator: str
) -> dict[str, TranscriptionScore]:
    """Read all strips of held-out records and score each record against its beats."""
    view = build_view(model.task, annotator=annotator, scheme=model.scheme, loader=LoaderConfig())
    return {record.name: _score_record(model, record, view) for record in records}


def write_transcription(
    model: TrainedModel,
    held_out: HeldOutRecords,
    *,
    resampling: Resampling,
    run_dir: Path,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Score held-out records and write ``summary.json`` and ``records.csv``."""
    by_record = score_strips(model, held_out.test, annotator=held_out.annotator)
    total = sum_transcriptions(by_record.values())
    counts = by_patient(
        np.array([_counts(score) for score in by_record.values()]),
        [record.patient for record in held_out.test],
    )
    figures = {
        **_row(total),
        "resampling": resampling.described(),
        "intervals": intervals(counts, _STATISTICS, resampling),
    }
    summary = form_summary(model, held_out, figures, seconds=seconds)
    write_json(run_dir / "summary.json", summary)
    rows: list[Row] = [{"record": name, **_row(score)} for name, score in by_record.items()]
    write_csv(run_dir / "records.csv", rows)
    return summary


def _errors_per_symbol(counts: NDArray[Any]) -> NDArray[np.float64]:
    return _share(counts[..., 0], counts[..., 1])


def _exact_per_strip(counts: NDArray[Any]) -> NDArray[np.float64]:
    return _share(counts[..., 2], counts[..., 3])


def _share(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Divide; NaN where nothing is below the line."""
    undefined = np.full(np.shape(whole), np.nan)
    return np.asarray(np.divide(part, whole, out=undefined, where=np.asarray(whole) > 0))


_STATISTICS = {"token_error_rate": _errors_per_symbol, "exact_share": _exact_per_strip}


def _counts(score: TranscriptionScore) -> list[int]:
    return [score.errors, score.symbols, score.exact, score.strips]


def _score_record(model: TrainedModel, record: CachedRecord, view: Any) -> TranscriptionScore:
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
