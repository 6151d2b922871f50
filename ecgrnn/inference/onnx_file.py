"""An ONNX file read with suspicion, before anything is made of it and without a library that reads ONNX.

Only what `export` writes is let through: plain operations of a known kind, weights that are in the file and
finite, facts as text. Everything else is refused: weights in other files, graphs inside of nodes (loops),
functions, custom operations. A file's protocol buffers are walked through by their numbers (onnx.proto).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecgrnn.errors import CheckpointError

FACTS, ABOUT, DIGEST = "ecgrnn", "ecgrnn_export", "ecgrnn_digest"
"""Names of what stands beside the graph: the facts of the checkpoint and of the export, both as JSON, and the
hash by which a damaged file is known."""

READ = (FACTS, ABOUT)
"""What is read of it; all else, such as the card, is for readers."""

MOST_BYTES = 512_000_000
"""A larger file is not read: the largest networks of the recipes take 2 MB."""

_OPERATIONS = """
    Add Cast Concat Conv DequantizeLinear Div Erf Expand GRU Gather GatherND Greater Identity LSTM Less MatMul
    Max Mod Mul Pad RNN Range ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Shape Slice Softmax
    Squeeze Sub Tanh Transpose Unsqueeze Where
"""
OPERATIONS = frozenset(_OPERATIONS.split())
"""What `export` makes graphs of, all from ONNX itself."""

_MODEL, _NODE, _TENSOR, _ATTRIBUTE = "the model", "a node", "a tensor", "an attribute"
_KNOWN = {
    _MODEL: {1, 2, 3, 4, 5, 6, 7, 8, 14},
    "the graph": {1, 2, 5, 10, 11, 12, 13},
    _NODE: {1, 2, 3, 4, 5, 6, 7},
    _ATTRIBUTE: {1, 2, 3, 4, 7, 8, 9, 13, 20},
    _TENSOR: {1, 2, 4, 5, 7, 8, 9, 12},
}
"""Numbers of the fields that a message may have. A tensor's 13 and 14 would say that it lies in another file;
an attribute's 5, 6, 10 and 11 are tensors and graphs; the model's 25 are functions."""

_GRAPH_OF_MODEL, _FACT_OF_MODEL = 7, 14
_FLOAT, _MOST_DIMS = 1, 8
_BYTES = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 11: 8}
"""Kinds of numbers a weight may be of, and their bytes: float, uint8, int8, int32, int64, bool, double."""


class Field(NamedTuple):
    """A field of a message: its number, and a whole number or bytes."""

    number: int
    value: "int | memoryview"


@dataclass
class OnnxFile:
    """What a file holds.

    Attributes:
        content: the file itself.
        facts: what stands beside the graph, as texts.
        digest: hash of the graph, and of all that is read beside it.
    """

    content: bytes
    facts: dict[str, str] = field(default_factory=dict)
    digest: str = ""


def read_onnx(path: Path) -> OnnxFile:
    """Read a file and check all of it.

    Raises:
        CheckpointError: it is missing, too large, damaged, or holds what `export` never writes.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}; python -m ecgrnn export checkpoint=... writes one")
    if path.stat().st_size > MOST_BYTES:
        raise CheckpointError(f"{path} is larger than {MOST_BYTES / 1e6:.0f} MB; export writes no such file")
    found = OnnxFile(path.read_bytes())
    try:
        _walk_model(found)
    except (ValueError, IndexError) as error:
        raise CheckpointError(
            f"{path} is not a model that ecgrnn exported, or is damaged ({error}); nothing in it was run. "
            "Export it again: python -m ecgrnn export checkpoint=..."
        ) from error
    return found


def fields(message: memoryview) -> Iterator[Field]:
    """Give the fields of a message.

    Raises:
        ValueError: it is none.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield Field(number, value)
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if size > len(message) - at:
            raise ValueError("a field reaches beyond its end")
        yield Field(number, message[at : at + size])
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        byte = message[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise ValueError("a number of more than 64 bits")


def _known(message: memoryview, what: str) -> Iterator[Field]:
    for one in fields(message):
        if one.number not in _KNOWN[what]:
            raise ValueError(f"{what} has field {one.number}, which export never writes")
        yield one


def _part(one: Field) -> memoryview:
    if isinstance(one.value, int):
        raise ValueError(f"field {one.number} is a number, not a text or a part")
    return one.value


def _text(one: Field) -> str:
    return bytes(_part(one)).decode("utf-8")


def _walk_model(found: OnnxFile) -> None:
    graphs = []
    for one in _known(memoryview(found.content), _MODEL):
        if one.number == _GRAPH_OF_MODEL:
            graphs.append(_part(one))
        elif one.number == _FACT_OF_MODEL:
            texts = {part.number: _text(part) for part in fields(_part(one))}
            found.facts[texts.get(1, "")] = texts.get(2, "")
    if len(graphs) != 1:
        raise ValueError(f"it has {len(graphs)} graphs")
    for one in _known(graphs[0], "the graph"):
        if one.number == 1:
            _check_node(_part(one))
        elif one.number == 5:
            _check_tensor(_part(one))
    hashed = hashlib.blake2b(graphs[0], digest_size=16)
    for name in READ:
        hashed.update(found.facts.get(name, "").encode("utf-8"))
    found.digest = hashed.hexdigest()


def _check_node(node: memoryview) -> None:
    kind = domain = ""
    for one in _known(node, _NODE):
        if one.number == 4:
            kind = _text(one)
        elif one.number == 7:
            domain = _text(one)
        elif one.number == 5:
            for _ in _known(_part(one), _ATTRIBUTE):
                pass
    if kind not in OPERATIONS or domain:
        raise ValueError(f"export never writes an operation {kind[:40]!r} of {domain[:40] or 'ONNX'!r}")


def _check_tensor(tensor: memoryview) -> None:
    """Check that a tensor's numbers are in the file, as many as it says, and finite."""
    dims: list[int] = []
    kind, raw, name = 0, None, ""
    for one in _known(tensor, _TENSOR):
        if one.number == 1:
            dims += [one.value] if isinstance(one.value, int) else list(_varints(one.value))
        elif one.number == 2 and isinstance(one.value, int):
            kind = one.value
        elif one.number == 8:
            name = _text(one)
        elif one.number == 9:
            raw = _part(one)
    if kind not in _BYTES or len(dims) > _MOST_DIMS:
        raise ValueError(f"{name:.60} is of kind {kind} and has {len(dims)} axes")
    if raw is not None and len(raw) != prod(dims) * _BYTES[kind]:
        raise ValueError(f"{name:.60} has {len(raw)} bytes for the shape {dims}")
    if raw is None and prod(dims) > len(tensor):
        raise ValueError(f"{name:.60} has fewer numbers than its shape {dims}")
    if raw is not None and kind == _FLOAT and not np.isfinite(np.frombuffer(raw, "<f4")).all():
        raise ValueError(f"{name:.60} holds numbers that are not finite")


def _varints(packed: memoryview) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value
