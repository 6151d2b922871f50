"""Annotations written as they come: lines of text or JSON, or a WFDB annotation file; each is flushed."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from ecgrnn.errors import ConfigError, DataError, reason_of
from ecgrnn.inference.streaming.stream import Beat
from ecgrnn.options.choices import BeatOutput
from ecgrnn.signals.formats.wfdb.annotation_format import encode_annotations

_END = b"\0\0"
"""Ends a WFDB annotation file."""


class Writer(Protocol):
    """Writes beats."""

    def write(self, beats: Sequence[Beat]) -> None:
        """Write beats, which come in order of time, and hand them on at once.

        Raises:
            DataError: they cannot be written.
            BrokenPipeError: nobody reads them any more.
        """

    def close(self) -> None:
        """End what is written."""


def open_writer(
    output: BeatOutput, out: str, *, standard: IO[str], about: dict[str, Any], classes: Sequence[str]
) -> Writer:
    """Open what beats are written to.

    Args:
        output: the format.
        out: a new file, or ``-`` for standard output.
        standard: standard output.
        about: what a line of JSON says of the stream, first of all; ``fs_hz`` among it.
        classes: the classes.

    Raises:
        ConfigError: the file is there already, or the format needs one.
        DataError: it cannot be written.
    """
    path = Path(out).expanduser()
    with _explained(out):
        if output is BeatOutput.wfdb:
            if out == "-":
                raise ConfigError(
                    "output=wfdb is written to a file: give one with out=, such as out=bed7.ecg"
                )
            return _Wfdb(path.open("xb"), out, fs_hz=about["fs_hz"])
        stream = standard if out == "-" else path.open("x", encoding="utf-8", newline="\n")
    if output is BeatOutput.jsonl:
        return _Lines(stream, out, [json.dumps({"kind": "stream", **about})], _json)
    head = " ".join([f"{'# time_s':>12} {'sample':>10} class", *(f"{f'p_{name}':>8}" for name in classes)])
    return _Lines(stream, out, [head], _text)


@contextmanager
def _explained(out: str) -> Iterator[None]:
    """Say which file cannot be written, and why.

    Raises:
        ConfigError: it is there already.
        DataError: it cannot be written.
        BrokenPipeError: nobody reads it any more.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except FileExistsError:
        raise ConfigError(f"out={out} is there already, and no file is overwritten; name a new one") from None
    except OSError as error:
        raise DataError(f"out={out} cannot be written ({reason_of(error)}); name another file") from error


def _text(beat: Beat) -> str:
    chances = " ".join(f"{p:8.6f}" for p in beat.p.values())
    return f"{beat.time_s:12.4f} {beat.sample:10d} {beat.label:>5} {chances}"


def _json(beat: Beat) -> str:
    chances = {f"p_{name}": round(p, 6) for name, p in beat.p.items()}
    return json.dumps(
        {
            "kind": "beats",
            "sample": beat.sample,
            "time_s": round(beat.time_s, 6),
            "class": beat.label,
            **chances,
        }
    )


class _Lines:
    def __init__(self, stream: IO[str], name: str, head: list[str], line: Callable[[Beat], str]) -> None:
        self._stream, self._name, self._line = stream, name, line
        self._put(head)

    def write(self, beats: Sequence[Beat]) -> None:
        """See `Writer.write`."""
        self._put([self._line(beat) for beat in beats])

    def close(self) -> None:
        """See `Writer.close`."""
        if self._name != "-":
            self._stream.close()

    def _put(self, lines: Sequence[str]) -> None:
        with _explained(self._name):
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()
        if getattr(self._stream, "broken", False):
            raise BrokenPipeError


class _Wfdb:
    """A WFDB annotation file that is whole after every beat: its end is written anew behind each."""

    def __init__(self, file: IO[bytes], name: str, *, fs_hz: float) -> None:
        self._file, self._name, self._last = file, name, 0
        self._put(_encoded([], 0, fs_hz=fs_hz))

    def write(self, beats: Sequence[Beat]) -> None:
        """See `Writer.write`."""
        if beats:
            self._put(_encoded(beats, self._last))
            self._last = beats[-1].sample

    def close(self) -> None:
        """See `Writer.close`."""
        self._file.close()

    def _put(self, content: bytes) -> None:
        with _explained(self._name):
            self._file.write(content)
            self._file.flush()
            self._file.seek(-len(_END), 1)


def _encoded(beats: Sequence[Beat], last: int, *, fs_hz: float | None = None) -> bytes:
    return encode_annotations(
        np.array([beat.sample - last for beat in beats], np.int64),
        # AAMI's letters are WFDB's symbols for these classes, too.
        np.array([beat.label for beat in beats], np.str_),
        subtype=np.zeros(len(beats), np.int64),
        aux_note=np.full(len(beats), ""),
        fs_hz=fs_hz,
    )
