"""A classifier of whole strips scored on held-out records: what its files and its report are made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.splits.audit import Audit
from ecgrnn.metrics.statistics import Resampling
from ecgrnn.options.spec import Row
from ecgrnn.tasks.model import HeldOutRecords, TrainedModel
from ecgrnn.tasks.strips.options import SuperclassConfig
from ecgrnn.tasks.strips.prediction import strip_logits, strip_probabilities
from ecgrnn.tasks.strips.view import StripDataset
from ecgrnn.tasks.summary import LIMITS, describe_model, versions
from ecgrnn.tasks.task import Evaluation


@dataclass(frozen=True)
class StripResults:
    """The held-out strips as a model reads them.

    Attributes:
        model: the model.
        held_out: the records.
        dataset: the strips that have a label.
        logits: ``(strip, class)``.
        audit: who is in which subset.
        resampling: how intervals are made.
        seconds: time each stage of the training took; empty where that is not known.
    """

    model: TrainedModel
    held_out: HeldOutRecords
    dataset: StripDataset
    logits: NDArray[np.float32]
    audit: Audit
    resampling: Resampling
    seconds: Mapping[str, float]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the logits."""
        return self.model.scheme.classes

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """``(strip, class)``."""
        several = isinstance(self.model.task.options, SuperclassConfig)
        return strip_probabilities(self.logits, several=several)

    @cached_property
    def patients(self) -> list[str]:
        """Patient of each strip."""
        return [self.held_out.split.patients[record.name] for record in self.records]

    @property
    def records(self) -> list[Any]:
        """The record of each strip."""
        return list(self.dataset.records)


def read_strips(evaluation: Evaluation) -> StripResults:
    """Let a model read the held-out strips that have a label."""
    model, held_out = evaluation.model, evaluation.held_out
    dataset = cast("StripDataset", model.view().dataset(held_out.test, training=False))
    # Strips are a hundred times longer than the beats whose batch size is the default.
    logits = strip_logits(model.network, dataset, batch_size=min(evaluation.options.batch_size, 64))
    return StripResults(
        model, held_out, dataset, logits, evaluation.audit, evaluation.resampling, evaluation.seconds
    )


def strip_summary(results: StripResults, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Put the figures of a classifier of strips between what every summary says."""
    return {
        "database": results.held_out.database,
        "split": results.held_out.split.name,
        "scheme": results.model.scheme.name,
        "records": len(results.dataset),
        "patients": len(set(results.patients)),
        **figures,
        "audit": results.audit.to_dict(),
        "model": describe_model(results.model),
        "limits": LIMITS,
        "seconds": dict(results.seconds),
        "versions": versions(),
    }


def strip_rows(results: StripResults) -> list[Row]:
    """Give one row per strip: its length, its reference, what it was called, and every probability."""
    return [_row(results, k) for k in range(len(results.dataset))]


def _row(results: StripResults, k: int) -> Row:
    record, chance = results.records[k], results.probabilities[k]
    called = {}
    if not isinstance(results.model.task.options, SuperclassConfig):
        called = {"predicted": results.classes[int(chance.argmax())]}
    return {
        "record": record.name,
        "patient": results.patients[k],
        "duration_s": round(record.source_samples / record.source_fs_hz, 3),
        "reference": " ".join(name for name in results.classes if name in record.labels),
        **called,
        **{f"p_{name}": float(p) for name, p in zip(results.classes, chance, strict=True)},
    }
