"""Copies of training records with simulated ectopic beats, for a class that few patients show."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.windows import BeatTable, PreparedSignal, table_of_positions
from ecgrnn.errors import ConfigError
from ecgrnn.options.spec import LabelScheme
from ecgrnn.simulator.ectopy import ReplayPlan, plan_replay, play

_NORMAL, _ECTOPIC = "N", "S"


@dataclass(frozen=True)
class EctopicCopy:
    """A record played back in another rhythm, each time its signal is read: no copy stays in memory.

    Attributes:
        record: the record.
        plan: the rhythm, and the seed of what is drawn while it is played.
    """

    record: PreparedSignal
    plan: ReplayPlan

    @property
    def signal(self) -> NDArray[np.float32]:
        """``(time, lead)`` in mV, made anew and always the same."""
        return play(self.record.signal, self.plan, fs_hz=self.fs_hz)

    @property
    def n_samples(self) -> int:
        """Length of ``signal``, which is not made for that."""
        return self.plan.n_samples(self.fs_hz)

    @property
    def fs_hz(self) -> float:
        """Sampling frequency of ``signal``."""
        return self.record.fs_hz

    @property
    def leads(self) -> tuple[str, ...]:
        """Lead names."""
        return self.record.leads

    @property
    def source_fs_hz(self) -> float:
        """Sampling frequency of the positions of its beats."""
        return self.record.source_fs_hz


def ectopic_copies(
    records: Sequence[PreparedSignal],
    table: BeatTable,
    *,
    scheme: LabelScheme,
    rng: np.random.Generator,
    lasting: bool = False,
) -> tuple[list[EctopicCopy], BeatTable]:
    """Draw a copy of every record, see `plan_replay`, and list the beats of the copies.

    Beats that become ectopic are of class S; all others keep their class.

    Args:
        records: the records the table points into.
        table: their beats, record by record and in order of time.
        scheme: the classes of the labels.
        rng: source of every random draw.
        lasting: whether simulated rhythms last for up to 900 beats.

    Raises:
        ConfigError: a scheme without the classes N and S.
    """
    for name in (_NORMAL, _ECTOPIC):
        if name not in scheme.classes:
            raise ConfigError(
                f"task.simulated_ectopy needs a scheme with classes N and S; data.scheme={scheme.name} has "
                f"{', '.join(scheme.classes)}. Set task.simulated_ectopy=0, or take data.scheme=aami"
            )
    normal, ectopic = scheme.classes.index(_NORMAL), scheme.classes.index(_ECTOPIC)
    copies, positions, labels = [], [], []
    ends = np.cumsum(np.bincount(table.record, minlength=len(records)))
    for record, rows in zip(records, np.split(np.arange(len(table)), ends[:-1]), strict=True):
        if not len(rows):
            continue
        label = table.label[rows]
        time_s = table.source_sample[rows] / record.source_fs_hz
        plan = plan_replay(time_s, sinus=label == normal, rng=rng, lasting=lasting)
        copies.append(EctopicCopy(record, plan))
        positions.append(np.round(plan.time_s * record.source_fs_hz).astype(np.int64))
        labels.append(np.where(plan.ectopic, ectopic, label))
    beats = table_of_positions(copies, positions)
    return copies, replace(beats, label=np.concatenate(labels))
