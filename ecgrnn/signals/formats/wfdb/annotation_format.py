"""Decode and encode WFDB annotation files in the MIT format, a record in less than a thousandth of a second.

The format is described in the manual page annot(5) of the WFDB Software Package: words of 16 bits,
little-endian, of which the upper 6 bits are a code and the lower 10 a number, mostly the time since the
annotation before.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError

SYMBOLS = ' NLRaVFJASEj/Q~\0|\0sT*D"=pB^t+u?![]en@xf()r' + "\0" * 8
"""The symbol of each annotation code 0 to 49; NUL where a code has none."""

_FREE = range(42, 50)
"""Codes for whoever writes a file to use; without a definition in it, 42 is called ``[42]``, as by WFDB."""


@dataclass(frozen=True)
class Decoded:
    """The annotations of a file, one entry each.

    Attributes:
        sample: time in samples.
        symbol: what was marked.
        subtype: the number that goes with it, -128 to 127.
        aux_note: the text that goes with it, or "".
        fs_hz: the time resolution that the file itself states; None where it states none.
    """

    sample: NDArray[np.int64]
    symbol: NDArray[np.str_]
    subtype: NDArray[np.int64]
    aux_note: NDArray[np.str_]
    fs_hz: float | None


def decode_annotations(file: Path) -> Decoded:
    """Decode an annotation file.

    Raises:
        DataError: the file cannot be read, is cut short, or is not in the MIT format.
    """
    words = _words(file)
    codes = (words >> 10).astype(np.int64)
    numbers = (words & 0x3FF).astype(np.int64)
    skips, notes, end = _scan(words, codes, numbers, file=file)
    is_word = np.ones(end, bool)
    for at in skips:
        is_word[at : at + 3] = False
    for at, length in notes:
        is_word[at : at + 1 + (length + 1) // 2] = False
    marks = np.flatnonzero(is_word & (codes[:end] < _SKIP))
    steps = np.zeros(end, np.int64)
    steps[marks] = numbers[marks]
    for at in skips:
        steps[at] = _long(words[at + 1], words[at + 2])
    sample = np.cumsum(steps)[marks]
    subtype = np.zeros(len(marks), np.int64)
    subtypes = np.flatnonzero(is_word & (codes[:end] == _SUB))
    subtype[_owner(marks, subtypes, file=file)] = (numbers[subtypes] & 0xFF).astype(np.int8)
    aux_note = _aux_notes(words, marks, notes, file=file)
    return _interpreted(sample, codes[marks], subtype=subtype, aux_note=aux_note, file=file)


def encode_annotations(
    sample: NDArray[np.int64],
    symbol: NDArray[np.str_],
    *,
    subtype: NDArray[np.int64],
    aux_note: NDArray[np.str_],
    fs_hz: float | None = None,
) -> bytes:
    """Encode annotations as the content of an annotation file.

    Args:
        sample: ``(annotation,)``, from 0 on and in order.
        symbol: ``(annotation,)``, symbols that have a code.
        subtype: ``(annotation,)``, -128 to 127.
        aux_note: ``(annotation,)``, up to 255 characters of Latin-1.
        fs_hz: what the file says that its times count; None where they count the record's frames.

    Raises:
        DataError: one of them is not so.
    """
    steps = np.diff(sample, prepend=0)
    if (steps < 0).any():
        raise DataError("expected annotations from sample 0 on in the order of time, got others; sort them")
    if ((subtype < -128) | (subtype > 127)).any():
        raise DataError("expected subtypes of -128 to 127, got others; change them")
    # Code 0 ends a file, so that its symbol, a blank, cannot be written.
    codes = {mark: code for code, mark in enumerate(SYMBOLS) if code and mark != "\0"}
    if unknown := set(symbol.tolist()) - set(codes):
        raise DataError(
            f"the MIT format has no code for {sorted(unknown)}; expected symbols of {''.join(codes)}"
        )
    pieces = []
    if fs_hz is not None:
        pieces.append(_word(_NOTE, 0) + _encoded_note(f"{_STATED}{fs_hz:.12g}"))
    for step, mark, number, text in zip(
        steps.tolist(), symbol.tolist(), subtype.tolist(), aux_note.tolist(), strict=True
    ):
        if step > _LONGEST_STEP:
            pieces.append(_word(_SKIP, 0) + _word(0, step >> 16) + _word(0, step & 0xFFFF))
            step = 0
        pieces.append(_word(codes[mark], step))
        if number:
            pieces.append(_word(_SUB, number & 0xFF))
        if text:
            pieces.append(_encoded_note(text))
    return b"".join(pieces) + b"\0\0"


_SKIP, _SUB, _AUX = 59, 61, 63
_LONGEST_STEP = 0x3FF
_NOTE = 22
_STATED = "## time resolution: "
_RESOLUTION = re.compile(_STATED + r"(\d+\.?\d*)")
_DEFINITION = re.compile(r"(\d+) (\S+) .+")


def _word(code: int, number: int) -> bytes:
    return (code << 10 | number).to_bytes(2, "little")


def _encoded_note(text: str) -> bytes:
    try:
        content = text.encode("latin-1")
        return _word(_AUX, bytes([len(content)])[0]) + content + b"\0" * (len(content) % 2)
    except ValueError:
        raise DataError(f"expected notes of up to 255 characters of Latin-1, got {text[:80]!r}") from None


def _words(file: Path) -> NDArray[np.uint16]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(
            f"{file} cannot be read: {error.strerror}; check the path and its permissions"
        ) from error
    if len(content) % 2 or len(content) < 2:
        raise DataError(
            f"{file} is not an MIT annotation file: expected words of two bytes, got {len(content)} bytes"
        )
    return np.frombuffer(content, "<u2")


def _scan(
    words: NDArray[np.uint16], codes: NDArray[np.int64], numbers: NDArray[np.int64], *, file: Path
) -> tuple[list[int], list[tuple[int, int]], int]:
    """Walk over the words that carry data behind them, and find the end mark.

    Returns:
        Where the SKIP words are, where the AUX words are with the length of their text, and the end.
    """
    skips: list[int] = []
    notes: list[tuple[int, int]] = []
    behind = 0
    for at in np.flatnonzero((words == 0) | (codes == _SKIP) | (codes == _AUX)).tolist():
        if at < behind:  # part of a text or of a long interval
            continue
        if words[at] == 0:
            return skips, notes, at
        if codes[at] == _SKIP:
            skips.append(at)
            behind = at + 3
        else:
            notes.append((at, int(numbers[at]) & 0xFF))
            behind = at + 1 + (notes[-1][1] + 1) // 2
    raise DataError(f"{file} is cut short: expected a word of zeros at its end, got none; fetch it again")


def _long(high: np.uint16, low: np.uint16) -> int:
    value = int(high) << 16 | int(low)
    return value - 2**32 if value >= 2**31 else value


def _owner(marks: NDArray[np.int64], extras: NDArray[np.int64], *, file: Path) -> NDArray[np.int64]:
    """Give the index of the annotation that each extra word follows."""
    owner = np.searchsorted(marks, extras) - 1
    if (owner < 0).any():
        raise DataError(
            f"{file} is damaged: expected an annotation before its first subtype or note, got none; "
            "fetch it again"
        )
    return owner


def _aux_notes(
    words: NDArray[np.uint16], marks: NDArray[np.int64], notes: list[tuple[int, int]], *, file: Path
) -> NDArray[np.str_]:
    texts = [
        words[at + 1 : at + 1 + (length + 1) // 2].tobytes()[:length].decode("latin-1")
        for at, length in notes
    ]
    aux_note = np.zeros(len(marks), f"<U{max(map(len, texts), default=0) or 1}")
    if notes:
        aux_note[_owner(marks, np.array([at for at, _ in notes]), file=file)] = texts
    return aux_note


def _interpreted(
    sample: NDArray[np.int64],
    codes: NDArray[np.int64],
    *,
    subtype: NDArray[np.int64],
    aux_note: NDArray[np.str_],
    file: Path,
) -> Decoded:
    """Turn codes into symbols, and take out the notes at sample 0 where these describe the file."""
    at_0 = np.flatnonzero((sample == 0) & (codes == _NOTE))
    descriptions = aux_note[at_0].tolist()
    keep = codes != 0
    table, fs_hz = np.array(list(SYMBOLS.ljust(_SKIP, "\0"))), None
    if any(text.startswith("## ") for text in descriptions):
        keep[at_0] = False
        table, fs_hz = _described(descriptions, table)
    for code in set(codes[keep].tolist()).intersection(_FREE):
        table = _defined(table, code, str(table[code]) or f"[{code}]")
    symbol = table[codes[keep]]
    if (unknown := symbol == "").any():
        code = codes[keep][unknown][0]
        raise DataError(
            f"{file} has an annotation of code {code}, which has no symbol; it is damaged, fetch it again"
        )
    return Decoded(
        sample=sample[keep], symbol=symbol, subtype=subtype[keep], aux_note=aux_note[keep], fs_hz=fs_hz
    )


def _described(descriptions: list[str], table: NDArray[np.str_]) -> tuple[NDArray[np.str_], float | None]:
    """Read a time resolution and codes of its own from what a file says about itself."""
    fs_hz = None
    for text in descriptions:
        if match := _RESOLUTION.match(text):
            fs_hz = float(match[1])
        elif (match := _DEFINITION.fullmatch(text)) and int(match[1]) < _SKIP:
            table = _defined(table, int(match[1]), match[2])
    return table, fs_hz


def _defined(table: NDArray[np.str_], code: int, symbol: str) -> NDArray[np.str_]:
    table = table.astype(np.promote_types(table.dtype, f"<U{len(symbol)}"))
    table[code] = symbol
    return table
