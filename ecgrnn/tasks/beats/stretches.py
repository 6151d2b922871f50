"""The beats of a recording, stretch by stretch: a day's windows in the memory of a few minutes."""

import dataclasses
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgrnn.data.windows import BareSignal, BeatTable, table_of_positions
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.filters.resample import resampled_length
from ecgrnn.signals.preprocessing import PreparedRecord
from ecgrnn.signals.recording import Recording
from ecgrnn.signals.stretches import PreparedStretch, prepare_stretches, with_last


@dataclass(frozen=True)
class BeatStretch:
    """Beats that follow each other, with as much of the prepared signal as their windows reach.

    Attributes:
        record: the part of the prepared record.
        table: the beats whose windows lie in it, their ``sample`` counted from its beginning.
        scored: the rows of ``table`` that this stretch answers for: all but the ``context`` on either side.
            Joined over the stretches they are every beat of the record once, in order.
    """

    record: PreparedRecord
    table: BeatTable
    scored: slice


def beat_stretches(
    recording: Recording,
    config: PreprocessingConfig,
    sample: NDArray[np.int64],
    *,
    reach_s: float,
    context: int = 0,
    stretch_s: float = 600.0,
) -> Iterator[BeatStretch]:
    """Go through the beats of a recording in stretches whose windows equal those of the whole record.

    Everything that depends on positions alone (the RR features) is computed from all beats at once; only the
    signal comes in stretches.

    Args:
        recording: the recording.
        config: how the signal is prepared.
        sample: ``(beat,)``, positions at the recording's sampling frequency, rising, at least one.
        reach_s: how far from a beat its window reaches, at most.
        context: how many beats, at least, come along on either side of those that are scored. The first of
            them is a multiple of it, so that a dataset whose sequences begin every so many beats, a divisor
            of ``context``, cuts them as in the whole record.
        stretch_s: length of the stretches that are read.

    Yields:
        The stretches that have beats to judge, in order.

    Raises:
        DataError: the recording cannot be read, or a lead has no sample at all.
        ConfigError: the options do not fit the recording.
    """
    table = _whole_table(recording, config, sample)
    buffer = _Buffer()
    scored = 0
    for stretch, is_last in with_last(prepare_stretches(recording, config, stretch_s=stretch_s)):
        buffer.append(stretch)
        reach = int(np.ceil(reach_s * stretch.record.fs_hz)) + 1
        whole = len(table) if is_last else int(np.searchsorted(table.sample, buffer.stop - reach))
        until = len(table) if is_last else max(whole - context, scored)
        first = _first(scored, context)
        if until > scored:
            part = _rows(table, first, min(until + context, len(table)), origin=buffer.start)
            yield BeatStretch(buffer.record, part, slice(scored - first, until - first))
        scored = until
        done = scored == len(table)  # behind the last beat nothing is kept
        buffer.drop_before(buffer.stop if done else int(table.sample[_first(scored, context)]) - reach)


def _first(scored: int, context: int) -> int:
    """Give the first beat that comes along when the beats from ``scored`` on are scored."""
    return max(scored // context - 1, 0) * context if context else scored


class _Buffer:
    """The part of the prepared record that windows still to come may reach."""

    def __init__(self) -> None:
        self.start = 0
        self._record: PreparedRecord | None = None

    @property
    def record(self) -> PreparedRecord:
        """What is kept, as a record."""
        if self._record is None:
            raise RuntimeError("nothing has been appended")
        return self._record

    @property
    def stop(self) -> int:
        """Index in the whole recording behind the last sample kept."""
        return self.start + len(self.record.signal)

    def append(self, stretch: PreparedStretch) -> None:
        """Keep the next stretch behind what is kept."""
        kept = [] if self._record is None else [self._record.signal]
        signal = np.concatenate([*kept, stretch.record.signal])
        self._record = dataclasses.replace(stretch.record, signal=signal)

    def drop_before(self, index: int) -> None:
        """Forget the samples before this index in the whole recording."""
        cut = min(max(index, self.start), self.stop)
        self._record = dataclasses.replace(self.record, signal=self.record.signal[cut - self.start :].copy())
        self.start = cut


def _whole_table(recording: Recording, config: PreprocessingConfig, sample: NDArray[np.int64]) -> BeatTable:
    fs_hz = recording.fs_hz if config.fs_hz is None else config.fs_hz
    n_samples = resampled_length(recording.n_samples, fs_hz=recording.fs_hz, to_hz=fs_hz)
    zeros = np.broadcast_to(np.float32(0), (n_samples, 1))  # only their number counts, and takes no memory
    return table_of_positions([BareSignal(zeros, fs_hz, ("",), recording.fs_hz)], [sample])


def _rows(table: BeatTable, first: int, last: int, *, origin: int) -> BeatTable:
    part = {
        field.name: getattr(table, field.name)[first:last]
        for field in dataclasses.fields(table)
        if isinstance(getattr(table, field.name), np.ndarray)
    }
    return dataclasses.replace(table, **{**part, "sample": part["sample"] - origin})


_Item = TypeVar("_Item")


def one_ahead(items: Iterable[_Item]) -> Iterator[_Item]:
    """Give items in their order, each made in a thread of its own while the one before it is in use.

    Two items are in memory at a time. What goes wrong in making one is raised where it would have been given.

    Example:
        >>> list(one_ahead(n * n for n in range(4)))
        [0, 1, 4, 9]
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(_next, iterator)
        while (made := coming.result()) is not None:
            coming = maker.submit(_next, iterator)
            yield made[0]


def _next(iterator: Iterator[_Item]) -> tuple[_Item] | None:
    """Make one item; None where there is none any more, since StopIteration cannot come out of a thread."""
    for item in iterator:
        return (item,)
    return None
