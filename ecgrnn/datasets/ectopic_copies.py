"""Copies of training records with simulated ectopic beats, for a class that few patients show."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ecgrnn.datasets.large_arrays import GrowingArray
from ecgrnn.datasets.windows import BareSignal, BeatTable, PreparedSignal, table_of_positions
from ecgrnn.errors import ConfigError
from ecgrnn.signals.ectopy import replay
from ecgrnn.spec import LabelScheme

_NORMAL, _ECTOPIC = "N", "S"


def ectopic_copies(
    records: Sequence[PreparedSignal], table: BeatTable, *, scheme: LabelScheme, rng: np.random.Generator
) -> tuple[list[BareSignal], BeatTable]:
    """Play every record back once, see `replay`, and list the beats of the copies.

    Beats that become ectopic are of class S; all others keep their class.

    Args:
        records: the records the table points into.
        table: their beats, record by record and in order of time.
        scheme: the classes of the labels.
        rng: source of every random draw.

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
    played_back, positions, labels = [], [], []
    # Together copies are as large as the database: one file on disk holds all that are too many for memory.
    signals = GrowingArray(np.zeros((0, len(records[0].leads)), np.float32))
    ends = np.cumsum(np.bincount(table.record, minlength=len(records)))
    for record, rows in zip(records, np.split(np.arange(len(table)), ends[:-1]), strict=True):
        if not len(rows):
            continue
        label = table.label[rows]
        played = replay(
            record.signal,
            table.source_sample[rows] / record.source_fs_hz,
            fs_hz=record.fs_hz,
            sinus=label == normal,
            rng=rng,
        )
        played_back.append((record, len(played.signal)))
        signals.append(played.signal)
        positions.append(np.round(played.time_s * record.source_fs_hz).astype(np.int64))
        labels.append(np.where(played.ectopic, ectopic, label))
    stops = np.cumsum([length for _, length in played_back])
    copies = [
        BareSignal(signal, record.fs_hz, record.leads, record.source_fs_hz)
        for signal, (record, _) in zip(np.split(signals.joined(), stops[:-1]), played_back, strict=True)
    ]
    beats = table_of_positions(copies, positions)
    return copies, replace(beats, label=np.concatenate(labels))
