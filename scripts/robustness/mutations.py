"""Ways to damage a file: bits, bytes, pieces, lines, and numbers and names that no file should hold."""

import random
import re
from collections.abc import Callable, Sequence

NUMBERS = (
    *("0", "-1", "1", "2", "65536", "2147483648", "-2147483649", "4294967296", "1000000000000", "9" * 400),
    *("1e9", "1e-300", "1e309", "-1e309", "nan", "inf", "-inf", "1e-45", "0.5", "1" * 4301, "²", "16x0", ""),
    *("16x1000000000", "0x10", "1_000", "½", "٣", "1,5", "--1", "+", ".", "true", "null", "212:1000000000"),
)
"""Numbers that are none, or that nobody means."""

WORDS = (
    *("../../../../etc/passwd", "/etc/passwd", "~", ".", "..", "x" * 300, "x" * 5000, "x\0y", "a/b", "a\\b"),
    *("<img src=x onerror=alert(1)>", "=1+1", "@SUM(A1)", '"', "'", "{", "[" * 10_000, "*a", "&a [*a,*a]"),
    *(
        "${oc.env:HOME}",
        "!!python/object:os.system",
        "\u202e",
        "\ufeff",
        "é" * 200,
        "CON",
        "%s%n",
        "\r",
        "\n",
    ),
)
"""Texts that mean something elsewhere."""

_TOKEN = re.compile(rb"[^\s,;:/()=\[\]{}\"<>]+")
_LONGEST = 4_000_000
"""Bytes: no damaged file is made longer."""

Mutation = Callable[[bytes, random.Random, Sequence[bytes]], bytes]


def flip_bits(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Flip a few bits."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 40))):
        changed[_place(changed, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_bytes(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Put other bytes in the place of some."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 2, 4, 16))):
        at = _place(changed, rng)
        size = rng.choice((1, 1, 2, 4, 8))
        fill = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80", bytes([rng.randrange(256)])))
        changed[at : at + size] = (fill * size)[: len(changed[at : at + size])]
    return bytes(changed)


def delete(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Leave a piece out."""
    at = _place(content, rng)
    return content[:at] + content[at + _size(content, rng) :]


def insert(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Put noise, or a piece of the file, in between."""
    at, size = _place(content, rng), _size(content, rng)
    begin = _place(content, rng)
    piece = rng.choice((rng.randbytes(min(size, 1000)), content[begin : begin + size], b"\0" * size))
    return content[:at] + piece + content[at:]


def cut(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Cut the end off."""
    return content[: rng.choice((0, 1, _place(content, rng), len(content) - 1, len(content) // 2))]


def lengthen(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Put something behind the end."""
    return content + rng.choice((b"\0", b"\n", rng.randbytes(rng.randrange(1, 600)), content[-200:]))


def zero(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Zero a piece, as a disk does that lost a block."""
    at, size = _place(content, rng), _size(content, rng)
    return content[:at] + bytes(len(content[at : at + size])) + content[at + size :]


def splice(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Go on as another file does."""
    other = rng.choice(others) if others else content
    return content[: _place(content, rng)] + other[_place(other, rng) :] if other else content


def repeat(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Repeat a piece very often."""
    at = _place(content, rng)
    piece = content[at : at + rng.choice((1, 4, 30))] or b"["
    return content[:at] + piece * rng.choice((50, 1000, 10_000)) + content[at:]


def number(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Put a number that nobody means in the place of a word or number."""
    return _token(content, rng, rng.choice(NUMBERS))


def word(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Put a text that means something elsewhere in the place of a word or number."""
    return _token(content, rng, rng.choice(WORDS))


def lines(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Leave out, repeat or exchange lines."""
    parts = content.split(b"\n")
    at, to = rng.randrange(len(parts)), rng.randrange(len(parts))
    match rng.randrange(4):
        case 0:
            del parts[at]
        case 1:
            parts.insert(to, parts[at])
        case 2:
            parts[at], parts[to] = parts[to], parts[at]
        case _:
            parts[at : at + 1] = [parts[at]] * rng.choice((2, 100, 5000))
    return b"\n".join(parts)


MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bits, set_bytes, delete, insert, cut, lengthen, zero, splice, repeat, number, word, lines),
)
_OF_TEXT: tuple[Mutation, ...] = (number, word, lines)


def mutated(content: bytes, rng: random.Random, others: Sequence[bytes]) -> tuple[bytes, str]:
    """Damage a file in one or several ways.

    Args:
        content: what the file held.
        rng: draws the ways and the places.
        others: contents of other files, for pieces of them.

    Returns:
        What it holds now, and the names of the ways.
    """
    text = b"\0" not in content[:2000]
    ways = []
    changed = content
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        way = rng.choice(_OF_TEXT) if text and rng.random() < 0.5 else rng.choice(MUTATIONS)
        if changed:
            changed = way(changed, rng, others)[:_LONGEST]
            ways.append(way.__name__)
    return changed, "+".join(ways)


def _place(content: bytes | bytearray, rng: random.Random) -> int:
    """Draw a place, half of them in the first bytes, where headers are."""
    if len(content) < 2:
        return 0
    return rng.randrange(min(len(content), 600)) if rng.random() < 0.5 else rng.randrange(len(content))


def _size(content: bytes, rng: random.Random) -> int:
    return rng.choice((1, 2, 3, 16, 100, max(len(content) // 4, 1)))


def _token(content: bytes, rng: random.Random, new: str) -> bytes:
    head = content[: 3000 if rng.random() < 0.7 else 200_000]
    found = list(_TOKEN.finditer(head))
    if not found:
        return content + new.encode()
    old = rng.choice(found)
    return content[: old.start()] + new.encode("utf-8", "surrogatepass") + content[old.end() :]
