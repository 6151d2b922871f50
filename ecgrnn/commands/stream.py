"""Command ``stream``: annotate beats while the signal is still coming."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import FrameType

from ecgrnn.commands.threads import on_threads
from ecgrnn.inference.streaming.samples import decoder
from ecgrnn.inference.streaming.session import Account, Quantiles, Session
from ecgrnn.inference.streaming.sources import open_source
from ecgrnn.inference.streaming.stream import BeatStream
from ecgrnn.inference.streaming.writers import open_writer
from ecgrnn.options.recordings import StreamConfig


@on_threads
def run(options: StreamConfig) -> None:
    """Stream as the options say, until the source ends, a signal asks to stop, or nobody reads any more.

    Raises:
        CheckpointError: a checkpoint that cannot be read.
        ConfigError: an option is not possible, or the model marks no beats.
        DataError: the source cannot be read, or the annotations not written.
    """
    stream = BeatStream(
        options.checkpoint,
        fs=options.fs,
        leads=options.leads,
        unit=options.unit,
        read=options.read,
        look_ahead=options.look_ahead,
    )
    about = {"fs_hz": stream.fs_hz, "leads": list(stream.leads), "model": stream.model}
    tell(f"leads          {stream.leads_read}")
    samples = decoder(options.format, n_leads=len(stream.leads), gain=options.gain)
    account = Account()
    try:
        with (
            _until_stopped() as stopped,
            closing(open_source(options.source, wait_s=options.wait_s)) as source,
            closing(
                open_writer(
                    options.output, options.out, standard=sys.stdout, about=about, classes=stream.classes
                )
            ) as writer,
        ):
            Session(source, samples, stream, writer, account=account, tell=tell).run(stopped)
    except BrokenPipeError:
        tell("stopped        nobody reads the annotations any more")
    for line in _lines(account, stream.fs_hz):
        tell(line)


def tell(line: str) -> None:
    """Tell the user one line, beside the annotations on standard output."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _lines(account: Account, fs_hz: float) -> list[str]:
    counts = ", ".join(f"{name} {count}" for name, count in sorted(account.classes.items()))
    n_beats = account.classes.total()
    lines = [
        f"beats          {n_beats} in {account.n_samples / fs_hz:.1f} s of signal"
        + f" ({counts})" * bool(n_beats)
    ]
    if n_beats:
        late, behind = account.latency_s, account.delay_s
        lines += [
            f"latency        {_shown(late, 1000, 'ms')}, from what decided a beat to its annotation",
            f"delay          {_shown(behind, 1, 's')}, of signal behind a beat when it was decided",
        ]
    if account.gaps:
        lines.append(f"gaps           {account.gaps}, {account.missing / fs_hz:.1f} s in all")
    return lines


def _shown(quantiles: Quantiles, scale: float, unit: str) -> str:
    median, late = (scale * quantiles.quantile(share) for share in (0.5, 0.99))
    return f"{median:.1f} {unit} median, {late:.1f} {unit} 99th percentile"


@contextmanager
def _until_stopped() -> Iterator[Callable[[], bool]]:
    """Give what tells whether Ctrl-C or SIGTERM has asked to stop; a second one stops at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def heard(number: int, frame: FrameType | None) -> None:
        """Remember the signal, and let the next one do what it did."""
        asked.set()
        signal.signal(number, before[signal.Signals(number)])

    try:
        for number in before:
            signal.signal(number, heard)
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
