"""A stream from its source to what is written: samples, beats, gaps, and how late each beat came."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.streaming.samples import Decoder
from ecgrnn.inference.streaming.sources import Source
from ecgrnn.inference.streaming.stream import Beat, BeatStream
from ecgrnn.inference.streaming.writers import Writer

GAP_S = 0.2
"""A shorter stretch without a sample is bridged, and nobody is told."""

_FILLED_S = 60.0
"""A long gap is filled up in pieces of this duration."""


class Quantiles:
    """Quantiles of positive numbers, to 2 %, in memory that does not grow."""

    _STEP = np.log(1.02)
    _LEAST = 1e-6

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, value: float) -> None:
        """Take one number."""
        self._counts[round(np.log(max(value, self._LEAST)) / self._STEP)] += 1

    def quantile(self, share: float) -> float:
        """Give the number that this share lies below; there is at least one."""
        left = share * self._counts.total()
        for step in sorted(self._counts):
            left -= self._counts[step]
            if left <= 0:
                break
        return float(np.exp(step * self._STEP))


@dataclass
class Account:
    """What came of a stream.

    Attributes:
        n_samples: samples read, missing ones included.
        classes: how many beats of each class.
        latency_s: from the arrival of the samples that decided a beat until it was written.
        delay_s: how much signal had come behind a beat when it was written.
        gaps: how many gaps there were.
        missing: samples in them.
    """

    n_samples: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    latency_s: Quantiles = field(default_factory=Quantiles)
    delay_s: Quantiles = field(default_factory=Quantiles)
    gaps: int = 0
    missing: int = 0


class Session:
    """Reads a source until it ends or is told to stop.

    Args:
        source: where the bytes come from.
        decoder: turns them into samples.
        stream: finds the beats.
        writer: writes them.
        account: is told what came of it.
        tell: is given one line for each gap.
    """

    def __init__(
        self,
        source: Source,
        decoder: Decoder,
        stream: BeatStream,
        writer: Writer,
        *,
        account: Account,
        tell: Callable[[str], None],
    ) -> None:
        self._source, self._decoder, self._stream, self._writer = source, decoder, stream, writer
        self.account = account
        self._gaps = _Gaps(stream.fs_hz, account, tell)

    def run(self, stopped: Callable[[], bool]) -> None:
        """Read, find and write, until the source ends or ``stopped`` says so; then write the last beats.

        Raises:
            DataError: the source cannot be read, or the annotations not written.
            BrokenPipeError: nobody reads the annotations any more.
        """
        while not stopped() and (data := self._source.read()) != b"":
            arrived = time.monotonic()
            if self._source.lost_s:
                self._decoder.restart()
                for missing in self._missing(self._source.lost_s):
                    self._gaps.because(f"{self._source.name} was away", range(len(missing)))
                    self._take(missing, arrived)
            if data:
                samples = self._decoder.push(data)
                self._gaps.because(f"no samples in {self._decoder.shown}", self._decoder.bad)
                self._take(samples, arrived)
        self._gaps.end()
        self._write(self._stream.finish(), time.monotonic())

    def _take(self, samples: NDArray[np.float32], arrived: float) -> None:
        self._gaps.push(samples)
        self.account.n_samples += len(samples)
        self._write(self._stream.push(samples), arrived)

    def _missing(self, seconds: float) -> Iterator[NDArray[np.float32]]:
        n, piece = max(round(seconds * self._stream.fs_hz), 1), round(_FILLED_S * self._stream.fs_hz)
        for start in range(0, n, piece):
            yield np.full((min(piece, n - start), len(self._stream.leads)), np.nan, np.float32)

    def _write(self, beats: list[Beat], arrived: float) -> None:
        if not beats:
            return
        self._writer.write(beats)
        latency_s = time.monotonic() - arrived
        for beat in beats:
            self.account.classes[beat.label] += 1
            self.account.latency_s.add(latency_s)
            self.account.delay_s.add((self.account.n_samples - beat.sample) / self._stream.fs_hz)


class _Gaps:
    """Tells of each stretch in which no lead has a sample, when it is over."""

    def __init__(self, fs_hz: float, account: Account, tell: Callable[[str], None]) -> None:
        self._fs_hz, self._account, self._tell = fs_hz, account, tell
        self._at = self._missing = 0
        self._why = ""
        self._reason: tuple[str, Sequence[int]] = "", ()

    def because(self, why: str, at: Sequence[int]) -> None:
        """Say why some of the samples that come next are missing."""
        self._reason = why, at

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples."""
        missing: NDArray[np.bool_] = np.asarray(np.isnan(samples).all(axis=1))
        begun = self._at
        if len(missing) and not missing[0]:
            self.end()
        for start, stop in _runs_of(missing):
            self._missing += stop - start
            if any(start <= place < stop for place in self._reason[1]):
                self._why = self._reason[0]
            self._at = begun + stop
            if stop < len(missing):
                self.end()
        self._at = begun + len(samples)

    def end(self) -> None:
        """Tell of the gap that has ended just here, if there is one."""
        if self._missing and (self._missing >= GAP_S * self._fs_hz or self._why):
            first_s, seconds = (self._at - self._missing) / self._fs_hz, self._missing / self._fs_hz
            because = f": {self._why}" if self._why else ""
            self._tell(f"gap            {seconds:.3g} s without a sample from {first_s:.2f} s on{because}")
            self._account.gaps += 1
            self._account.missing += self._missing
        self._missing, self._why = 0, ""


def _runs_of(missing: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
