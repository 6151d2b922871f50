"""What a task works with: a trained network with its facts, and the records it is scored on."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.splits.split import Split
from ecgrnn.data.view import View
from ecgrnn.options.data import DataConfig, LoaderConfig, PreprocessingConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec
from ecgrnn.options.training import TaskConfig
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.recording import Recording
from ecgrnn.tasks.facts import Facts
from ecgrnn.tasks.running import Network
from ecgrnn.tasks.task import Task


@dataclass(frozen=True)
class TrainedModel:
    """A network with everything that prediction on a new record needs.

    Attributes:
        network: the network in evaluation mode, its weights loaded: of torch, or an exported one.
        task: what it was trained for, with its options.
        signal: the signal it reads.
        scheme: the classes it distinguishes.
        data: the database it was trained on.
        preprocessing: how its signals are prepared; its ``fs_hz`` is that of the training records where the
            training left theirs as it was.
        trained_leads: for each lead the network reads, the names it had in the training records, the
            commonest first; empty where an older checkpoint does not say.
        trained: all that its checkpoint says of how and on what it was trained.
        facts: the same as plain data, as the checkpoint holds it.
    """

    network: Network
    task: Task[TaskConfig]
    signal: SignalSpec
    scheme: LabelScheme
    data: DataConfig
    preprocessing: PreprocessingConfig
    trained_leads: tuple[tuple[str, ...], ...]
    trained: Facts
    facts: Mapping[str, Any]

    def preprocess(self, recording: Recording) -> NDArray[np.float32]:
        """Prepare a recording as the network reads it: leads chosen, gaps filled, filtered, resampled.

        Args:
            recording: the recording, which is read whole.

        Returns:
            ``(time, lead)`` at ``signal.fs_hz``.

        Raises:
            DataError: the recording cannot be read or does not fit the filters.
            ConfigError: it does not have the leads that the network reads.
        """
        config = self.preprocessing
        if not self.task.chooses_leads:
            config = replace(config, leads=None, n_leads=len(recording.leads), first_lead=None)
        return prepare_record(recording.stretch(), config).signal

    def view(
        self, *, annotator: str = "", scheme: LabelScheme | None = None, in_memory_mb: float = 1024.0
    ) -> View:
        """Build what the model's task makes of records, by default with the model's own classes."""
        loader = LoaderConfig(in_memory_mb=in_memory_mb)
        return self.task.view(annotator=annotator, scheme=scheme or self.scheme, loader=loader)


@dataclass(frozen=True)
class HeldOutRecords:
    """The records a model is scored on, and those it was made from where they are at hand.

    Attributes:
        database: name of the database scored on.
        title: its full name.
        folder: where its own files are.
        split: the split whose test set is scored.
        annotator: extension of the reference annotations.
        test: the records scored.
        own: ``train``, ``validation`` and ``test`` to the records of the model's own split; empty where they
            are not at hand.
        own_annotator: extension of their reference annotations.
        absent: why they are not at hand.
        of: how many records the test ones were chosen from: those asked for, or all of the database.
        left_out: why records that could have been scored are not, one line each.
        untold: classes that the reference annotations do not tell from others, so that no beat is taken for
            one of them.
    """

    database: str
    title: str
    folder: Path
    split: Split
    annotator: str
    test: Sequence[CachedRecord]
    own: dict[str, list[CachedRecord]]
    own_annotator: str
    absent: str = ""
    of: int = 0
    left_out: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()

    def lines(self, done: str = "scored") -> list[str]:
        """Say which records are scored (or what else is done), and out of which, for a terminal."""
        names = [record.name for record in self.test]
        shown = " ".join(names[:_MOST_NAMED]) + (" ..." if len(names) > _MOST_NAMED else "")
        text = f"{len(names)} of {self.of} records of {self.database}, split {self.split.name}: {shown}"
        scored = textwrap.wrap(text, width=_WIDTH, break_long_words=False, break_on_hyphens=False)
        head = [f"{done:<12}", *[" " * 12] * len(scored)]
        lines = [f"{left}{right}" for left, right in zip(head, scored, strict=False)]
        if self.untold:
            lines.append(
                f"classes     {', '.join(self.untold)} not told apart here: no beat is taken for one"
            )
        return [*lines, *(f"left out    {why}" for why in self.left_out)]


_MOST_NAMED = 60
"""Records named on a terminal; all of them are in ``summary.json``."""


_WIDTH = 68
"""Characters of a line behind its heading: 80 in all."""
