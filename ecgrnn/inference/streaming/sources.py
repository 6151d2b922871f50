"""Where the bytes of a stream come from: standard input, a file that grows, or a socket."""

import os
import select
import socket
import sys
import time
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ecgrnn.errors import ConfigError, DataError, reason_of

TICK_S = 0.2
"""No source is waited for longer at once, so that a signal to stop is heard."""

_MOST_BYTES = 65_536
_CONNECT_S = 5.0


class Source(Protocol):
    """Gives bytes as they come."""

    name: str
    lost_s: float
    """Seconds that nobody listened before the bytes given last; 0 where none were lost."""

    def read(self) -> bytes | None:
        """Wait a moment for bytes; None where none came, nothing at the end of the stream.

        Raises:
            DataError: the source cannot be read.
        """

    def close(self) -> None:
        """Let go of it."""


def open_source(source: str, *, wait_s: float) -> Source:
    """Open a source.

    Args:
        source: ``-`` for standard input, ``tcp://host:port``, or the path of a file.
        wait_s: how long a file may stop growing, or a socket be away, before the stream has ended.

    Raises:
        ConfigError: it is none of these.
        DataError: it cannot be opened.
    """
    if source == "-":
        return _Input()
    if source.startswith("tcp://"):
        return _Socket(source, wait_s=wait_s)
    if "://" in source:
        kind = source.partition("://")[0]
        raise ConfigError(f"source={source} is of kind {kind}; expected -, a file or tcp://host:port")
    return _File(Path(source).expanduser(), wait_s=wait_s)


class _Input:
    name, lost_s = "standard input", 0.0

    def __init__(self) -> None:
        try:
            self._number = sys.stdin.fileno()
        except (AttributeError, OSError, ValueError) as error:
            raise DataError("source=-: there is no standard input; give a file or tcp://host:port") from error

    def read(self) -> bytes | None:
        """See `Source.read`."""
        if not select.select([self._number], [], [], TICK_S)[0]:
            return None
        return os.read(self._number, _MOST_BYTES)

    def close(self) -> None:
        """See `Source.close`."""


class _File:
    lost_s = 0.0

    def __init__(self, path: Path, *, wait_s: float) -> None:
        self.name, self._wait_s = str(path), wait_s
        try:
            if path.is_dir():
                raise DataError(f"source={path} is a folder; give a file, - or tcp://host:port")
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise DataError(
                f"source={path}: {reason_of(error)}; give a file, - or tcp://host:port"
            ) from error
        self._grown = time.monotonic()

    def read(self) -> bytes | None:
        """See `Source.read`."""
        data = self._file.read(_MOST_BYTES)
        if data:
            self._grown = time.monotonic()
            return data
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            raise DataError(f"{self.name} became shorter while it was read; begin a new stream")
        left_s = self._grown + self._wait_s - time.monotonic()
        if left_s <= 0:
            return b""
        time.sleep(min(TICK_S, left_s))
        return None

    def close(self) -> None:
        """See `Source.close`."""
        self._file.close()


class _Socket:
    def __init__(self, address: str, *, wait_s: float) -> None:
        self.name, self.lost_s, self._wait_s = address, 0.0, wait_s
        self._host, self._port = _host_and_port(address)
        self._away_since: float | None = None
        try:
            self._connection: socket.socket | None = self._connect()
        except OSError as error:
            raise DataError(f"source={address}: {reason_of(error)}; check host and port") from error

    def read(self) -> bytes | None:
        """See `Source.read`."""
        self.lost_s = 0.0
        if self._connection is None:
            return self._again()
        try:
            data = self._connection.recv(_MOST_BYTES)
        except TimeoutError:
            return None
        except OSError:
            data = b""
        if data:
            return data
        self.close()
        self._away_since = time.monotonic()
        return None

    def close(self) -> None:
        """See `Source.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _again(self) -> bytes | None:
        away_s = time.monotonic() - (self._away_since or 0.0)
        if away_s >= self._wait_s:
            return b""
        try:
            self._connection = self._connect()
        except OSError:
            time.sleep(min(TICK_S, self._wait_s))
            return None
        self.lost_s = time.monotonic() - (self._away_since or 0.0)
        return None

    def _connect(self) -> socket.socket:
        connection = socket.create_connection((self._host, self._port), timeout=_CONNECT_S)
        connection.settimeout(TICK_S)
        return connection


def _host_and_port(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.path not in {"", "/"}:
        raise ConfigError(
            f"source={address} is no address; expected tcp://host:port, as tcp://localhost:5000"
        )
    return host, port
