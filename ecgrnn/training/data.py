"""What a training learns from: records as its task reads them, split by patient, and the facts about them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl

from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.collection import annotation_notes
from ecgrnn.data.datamodule import EcgDataModule
from ecgrnn.data.splits.audit import Audit, audit_subsets
from ecgrnn.errors import DataError, some_of
from ecgrnn.networks.build import check_frame
from ecgrnn.options.choices import Subset
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.networks import plain_network
from ecgrnn.options.spec import SignalSpec
from ecgrnn.options.training import TaskConfig
from ecgrnn.tasks.facts import Facts, contents_of
from ecgrnn.tasks.summary import versions
from ecgrnn.tasks.task import ModuleInputs, Task
from ecgrnn.training.continued import Last, continued
from ecgrnn.training.trainer_values import check_batches


@dataclass(frozen=True)
class TrainingData:
    """The records of a training.

    Attributes:
        task: what the network is trained for.
        datamodule: the records, prepared and split.
        facts: what every checkpoint of the training will say.
    """

    task: Task[TaskConfig]
    datamodule: EcgDataModule
    facts: Facts

    def lines(self) -> list[str]:
        """Say for a terminal what is in each subset, and which annotations were left out."""
        lines = []
        for subset in Subset:
            items = "  ".join(f"{name} {count:,}" for name, count in self.facts.counts[subset.value].items())
            lines.append(f"{subset.value:<11} {len(self.datamodule.records(subset)):>4} records  {items}")
        return [*lines, *annotation_notes(self.datamodule.all_records)]

    def check_batches(self, keys: Mapping[str, Any]) -> None:
        """Make sure that there is enough to train and validate on, for ``trainer`` and for each process.

        Raises:
            ConfigError: nothing would be trained or validated on, or an epoch ends before its validation.
            DataError: a subset has fewer items than there are processes.
        """
        self.datamodule.check_shares()
        train, validation = self.datamodule.train_dataloader(), self.datamodule.val_dataloader()
        check_batches(keys, train=len(train), validation=len(validation))

    def check_scored(self) -> None:
        """Make sure that there is something to score when the training is over.

        Raises:
            DataError: the test records have no item of any class.
        """
        if not sum(self.facts.counts[Subset.test.value].values()):
            names = some_of([record.name for record in self.datamodule.records(Subset.test)])
            raise DataError(
                f"the test records ({names}) have nothing of {', '.join(self.facts.scheme.classes)} to "
                "score; choose others (data.split), or train with evaluate_test=false"
            )

    def audit(self) -> Audit:
        """Look for a patient, record, signal or window that is in two subsets."""
        return audit_subsets(
            self.datamodule.split,
            {subset.value: self.datamodule.records(subset) for subset in Subset},
            view=self.datamodule.view,
            counts=self.facts.counts,
            fitted=self.task.fitted,
            quick=True,
        )

    def module(self, options: TrainConfig) -> pl.LightningModule:
        """Build the network and the LightningModule around it.

        Raises:
            ConfigError: when the network does not fit the task, a class that is to be scored has no training
                item, or a frame is no whole number of samples.
        """
        facts = self.facts
        network = self.task.network(options.network, signal=facts.signal, n_classes=len(facts.scheme.classes))
        check_frame(options.network.encoder, facts.signal.fs_hz)
        return self.task.module(
            ModuleInputs(
                train=options,
                network=network,
                signal=facts.signal,
                scheme=facts.scheme,
                counts=self.datamodule.class_counts(Subset.train),
                learned_counts=self.datamodule.learned_counts(),
            )
        )


def build_datamodule(options: TrainConfig, task: Task[TaskConfig]) -> EcgDataModule:
    """Build the data module of a training; nothing is opened yet."""
    view = task.training_view(options)
    return EcgDataModule(
        options.data, options.preprocessing, loader=options.loader, view=view, seed=options.seed
    )


def open_data(
    options: TrainConfig, task: Task[TaskConfig], *, last: Last | None, precision: str
) -> TrainingData:
    """Find or fetch the database of a training, prepare its records and split them.

    Args:
        options: the options of the training.
        task: what the network is trained for.
        last: the checkpoint the training continues from; None for a new training.
        precision: what it is trained in.

    Raises:
        ConfigError: what is trained on is not what was trained on up to ``last``.
        DataError: the database is not to be had, or a record is missing or damaged.
        SplitError: a subset is empty, or a patient would be in two of them.
    """
    scheme = task.scheme(options.data)
    datamodule = build_datamodule(options, task)
    datamodule.open()
    training = datamodule.records(Subset.train)
    any_number = task.reads_any_leads(options.network)
    signal = _signal(training[0], options.preprocessing.leads, any_number=any_number)
    contents = contents_of(datamodule.all_records)
    counts = {
        subset.value: dict(zip(scheme.classes, datamodule.class_counts(subset), strict=True))
        for subset in Subset
    }
    facts = Facts(
        signal=signal,
        scheme=scheme,
        task=task.plain(),
        network=plain_network(options.network),
        data=options.data,
        preprocessing=options.preprocessing,
        split=datamodule.split,
        counts=counts,
        fingerprint=datamodule.fingerprint,
        seed=options.seed,
        versions=versions(),
        trained_leads=_trained_leads(training),
        contents=contents,
        precision=precision,
    )
    return TrainingData(task, datamodule, continued(facts, last, run_dir=options.run_dir))


def _signal(record: CachedRecord, wanted: Sequence[str] | None, *, any_number: bool) -> SignalSpec:
    """What the network reads: named leads where they were asked for, else any, of a number or of none."""
    leads = () if any_number else tuple(wanted or ("",) * len(record.leads))
    return SignalSpec(fs_hz=record.fs_hz, leads=leads)


def _trained_leads(records: Sequence[CachedRecord]) -> tuple[tuple[str, ...], ...]:
    """Give the names that each lead has in the training records, the commonest first."""
    columns: Iterable[Iterable[str]] = zip(*(record.leads for record in records), strict=False)
    if len({len(record.leads) for record in records}) > 1:  # no lead has a place then
        columns = [[name for record in records for name in record.leads]]
    return tuple(tuple(name for name, _ in Counter(column).most_common()) for column in columns)
