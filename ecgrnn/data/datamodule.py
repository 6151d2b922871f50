"""The LightningDataModule: a database prepared once, split by patient, and served as batches."""

import signal
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from ecgrnn.data.buckets import BucketBatches, LengthBatches
from ecgrnn.data.cache import CachedRecord, data_fingerprint
from ecgrnn.data.collection import Collection, open_collection, split_collection
from ecgrnn.data.order import OrderedShare, TrainingBatches
from ecgrnn.data.ranks import first_then_others, rank, world_size
from ecgrnn.data.splits.build import Split, check_split_name
from ecgrnn.data.view import Items, ItemsByLength, SimulatedItems, View
from ecgrnn.errors import DataError
from ecgrnn.options.choices import Subset
from ecgrnn.options.data import DataConfig, LoaderConfig, PreprocessingConfig

Batch = TypeVar("Batch")


_NOT_SET_UP = "EcgDataModule.setup() has not been called"


class EcgDataModule(pl.LightningDataModule):
    """Serves one task's batches from one database, to each rank its own part of them.

    Args:
        data: which database, and who is in which subset.
        preprocessing: how signals are prepared.
        loader: how batches are made.
        view: what the task makes of records.
        seed: seed of the order of the training batches.
    """

    def __init__(
        self,
        data: DataConfig,
        preprocessing: PreprocessingConfig,
        *,
        loader: LoaderConfig,
        view: View,
        seed: int,
    ) -> None:
        super().__init__()
        self.data = data
        self.preprocessing = preprocessing
        self.loader = loader
        self.view = view
        self.seed = seed
        self._collection: Collection | None = None
        self._split: Split | None = None
        self._counts: Mapping[str, NDArray[Any]] = {}
        self._datasets: dict[Subset, Items] = {}
        self._begin = (0, 0)

    def prepare_data(self) -> None:
        """Fill the cache; one process does it while the others wait."""
        self._open()

    def open(self) -> None:
        """Prepare and set up outside a Trainer, in every one of the processes that work together."""
        first_then_others(self.prepare_data)
        self.setup()

    def setup(self, stage: str | None = None) -> None:
        """Open the cache and split it, in every process."""
        if self._split is None:
            collection = self._open()
            self._counts = self.view.counts(list(collection.records.values()))
            self._split = split_collection(collection, self.data, self._counts)

    @property
    def collection(self) -> Collection:
        """The prepared database."""
        if self._collection is None:
            raise RuntimeError(_NOT_SET_UP)
        return self._collection

    @property
    def split(self) -> Split:
        """Who is in which subset."""
        if self._split is None:
            raise RuntimeError(_NOT_SET_UP)
        return self._split

    @property
    def fingerprint(self) -> str:
        """Hash of the files of every record in any subset."""
        return data_fingerprint(self.all_records)

    @property
    def all_records(self) -> list[CachedRecord]:
        """The records in any subset."""
        return [record for subset in Subset for record in self.records(subset)]

    def records(self, subset: Subset) -> list[CachedRecord]:
        """Give the records in one subset."""
        return self.collection.pick(getattr(self.split, subset.value))

    def class_counts(self, subset: Subset) -> list[int]:
        """Count the items of each class in one subset."""
        counts = [self._counts[record.name] for record in self.records(subset)]
        return [int(count) for count in np.sum(counts, axis=0)]

    def learned_counts(self) -> list[int]:
        """Count the training items of each class as the loss meets them: with simulated copies, if there are.

        A class that copies make common needs no more weight than any other common class.
        """
        counts = self.class_counts(Subset.train)
        if not self.view.simulates:
            return counts
        return cast("SimulatedItems", self.dataset(Subset.train)).counts(len(counts))

    def dataset(self, subset: Subset) -> Items:
        """Give the dataset of one subset, made at first use."""
        if subset not in self._datasets:
            training = subset is Subset.train
            self._datasets[subset] = self.view.dataset(self.records(subset), training=training)
        return self._datasets[subset]

    def state_dict(self) -> dict[str, int]:
        """Say which epoch and which batch of it come next."""
        if self.trainer is None:
            return {}
        loop = self.trainer.fit_loop
        done = loop.epoch_loop.batch_progress.current.ready
        whole = done >= self.trainer.num_training_batches
        epochs: Any = loop.epoch_progress.current  # Lightning declares a narrower kind than it keeps
        return {"epoch": epochs.processed, "batches": 0 if whole else done}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Begin with that batch."""
        self._begin = (state_dict["epoch"], state_dict["batches"])

    def check_shares(self) -> None:
        """Make sure that each process has something to train and validate on: others would wait for it.

        Raises:
            DataError: a subset has fewer items than there are processes.
        """
        for subset in (Subset.train, Subset.validation):
            items = len(self.dataset(subset))
            if items < world_size():
                raise DataError(
                    f"{items} {subset.value} items cannot be shared by {world_size()} processes: set "
                    f"trainer.devices to at most {max(items, 1)}, or take more {subset.value} patients"
                )

    def train_dataloader(self) -> DataLoader[Any]:
        """Serve this rank's part of the training set in random order."""
        epoch, done = self._begin
        dataset = self.dataset(Subset.train)
        order = {
            "batch_size": self.loader.batch_size,
            "seed": self.seed,
            "rank": rank(),
            "ranks": world_size(),
            "epoch": epoch,
            "done": done,
        }
        batches: Sampler[list[int]]
        if self.view.by_length:
            batches = BucketBatches(cast("ItemsByLength", dataset).lengths, **order)
        else:
            batches = TrainingBatches(len(dataset), **order)
        return self._loader(Subset.train, batch_sampler=batches)

    def val_dataloader(self) -> DataLoader[Any]:
        """Serve this rank's part of the validation set in the order of its records."""
        return self._in_order(Subset.validation)

    def _open(self) -> Collection:
        """Open the cache, filled where it is not: once, however many ask."""
        if self._collection is None:
            check_split_name(self.data.split)
            self._collection = open_collection(self.data, self.preprocessing, annotators=self.view.annotators)
        return self._collection

    def _in_order(self, subset: Subset) -> DataLoader[Any]:
        dataset, size = self.dataset(subset), self.loader.evaluation_batch_size
        if self.view.by_length:
            lengths = cast("ItemsByLength", dataset).lengths
            batches = LengthBatches(lengths, batch_size=size, rank=rank(), ranks=world_size())
            return self._loader(subset, batch_sampler=batches)
        part = OrderedShare(len(dataset), rank=rank(), ranks=world_size())
        return self._loader(subset, sampler=part, batch_size=size)

    def _loader(self, subset: Subset, **options: Any) -> DataLoader[Any]:
        return DataLoader(
            cast("Dataset[Any]", self.dataset(subset)),
            collate_fn=whole,
            num_workers=self.loader.workers,
            persistent_workers=self.loader.workers > 0,
            generator=torch.Generator().manual_seed(self.seed),  # seeds of loader processes
            worker_init_fn=_leave_sigterm_to_the_main_process,
            **options,
        )


def whole(batch: Batch) -> Batch:
    """Collate nothing: a dataset asked for a list of indices has made the batch already."""
    return batch


def _leave_sigterm_to_the_main_process(worker: int) -> None:
    """Ignore SIGTERM sent to a whole group: torch would end here, and the main process with an error.

    A loader process ends when the main process says so, or is gone.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
