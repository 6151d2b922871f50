"""Exceptions a user can act on: each says what was expected, what came, and what to do."""

import difflib
import unicodedata
from collections.abc import Iterable, Sequence


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6, prefix: str = "") -> str:
    """Give the end of an error message that names the nearest right word; empty where none is near.

    Args:
        word: what came.
        known: what would have been right.
        cutoff: how alike the two must be, from 0 to 1.
        prefix: what the user writes before either.
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {prefix + close[0]!r}?" if close else ""


def some_of(names: Sequence[str], *, most: int = 5) -> str:
    """Name the first few of many, for an error message."""
    return ", ".join(names[:most]) + (" ..." if len(names) > most else "")


def names_there(name: str, there: Sequence[str], what: str) -> str:
    """Give the end of an error message that lists the names that are there, and the nearest one to ``name``.

    Args:
        name: what came.
        there: what would have been right, at least as written.
        what: what they are, in the plural.
    """
    if not there:
        return f"there are no {what} there"
    listed = ", ".join(there[:12]) + (f", ... ({len(there)} in all)" if len(there) > 12 else "")
    by_fold = {other.casefold(): other for other in there}
    close = difflib.get_close_matches(name.casefold(), list(by_fold), n=1, cutoff=0.5)
    hint = f"; did you mean {by_fold[close[0]]}?" if close else ""
    return f"{what} that are there: {listed}{hint}"


def reason_of(error: OSError) -> str:
    """Say why the operating system refused; NumPy says only how much of an array it wrote."""
    return error.strerror or f"{error}; the disk may be full"


def nearest(name: str, choices: Iterable[str]) -> str:
    """Give the end of an error message that names the nearest right choice, or lists some of them."""
    known = sorted(choices)
    return did_you_mean(name, known) or f"; there are {some_of(known, most=8)}"


def harmless_text(text: str) -> str:
    r"""Give a text in which what would steer a terminal, or turn its letters round, is written as an escape.

    >>> harmless_text("lead \x1b[2J\u202eII")
    'lead \\x1b[2J\\u202eII'
    """
    if text.isprintable():
        return text
    return "".join(letter if _is_harmless(letter) else ascii(letter)[1:-1] for letter in text)


def _is_harmless(letter: str) -> bool:
    return letter in "\n\t" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs"}


def shortened(message: str, *, most: int = 1500) -> str:
    """Cut a message in the middle, so that what it is about and what is to be done stay.

    >>> shortened("the file " + 100 * "x" + " is damaged", most=40)
    'the file xxxxxxxxxxxxxx ... x is damaged'
    """
    if len(message) <= most:
        return message
    head = (most - 5) * 2 // 3
    return f"{message[:head]} ... {message[head + 5 - most :]}"


class Interrupted(BaseException):
    """A signal asked the program to stop, and what can be saved is saved; nobody is at fault.

    Attributes:
        signal_number: the signal; the exit status is 128 more.
        advice: how to go on, one line; empty where starting again is all there is.
        agreed: whether all processes that work together stop by themselves.
    """

    def __init__(self, signal_number: int, advice: str = "", *, agreed: bool = False) -> None:
        super().__init__(signal_number, advice)
        self.signal_number = signal_number
        self.advice = advice
        self.agreed = agreed


class EcgrnnError(Exception):
    """Base of every error that is the input's fault and not the program's; the command line exits with 2.

    What came may be long, and of several lines: a message is one line, cut in the middle, where that stands.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(shortened(harmless_text(" ".join(message.splitlines()))))


class ConfigError(EcgrnnError):
    """An option is unknown, of the wrong type, or does not go together with another one."""


class DataError(EcgrnnError):
    """A record, an annotation file or a database is missing, damaged, or not what it was said to be."""


class MisfitError(DataError):
    """A record does not fit the filters it is to be prepared with.

    Attributes:
        reason: record, filter and frequency, without advice: in training the filter is an option, later not.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; change it, or set it to null")
        self.reason = reason


class SplitError(EcgrnnError):
    """A split is empty, names what is not there, or has the same patient in two subsets."""


class DivergedError(EcgrnnError):
    """A loss, a gradient or a weight is not finite any more, so further training is pointless."""


class CheckpointError(EcgrnnError):
    """A file is not a checkpoint of this application, or does not fit what it is used for."""
