"""What a checkpoint may ask for: no more than its file holds, however large its numbers are."""

import pickletools
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.overrides import TorchFunctionMode

_DEEPEST = 60
"""So deep tables and lists may lie in each other."""

_FEW_ENTRIES = 100_000
"""So many may be in any file; else at most one for each byte, since none takes less."""

_TEXT = 64
"""Characters that count as one more entry."""

_MOST_UNPACKED = 4
"""So many times the size of a file its parts may have together."""

_LONGEST_NAME = 1000
"""Letters of what plain data may be made of, such as the kind of a tensor."""

_SHARED = 4
"""A tensor may stand in several places: shared weights, and copies of the best ones."""


def archive_fault(path: Path) -> str:
    """Say what is wrong with the archive, by its own sizes and checksums; empty where nothing is.

    Raises:
        BadZipFile: it is none.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        # torch packs nothing, and our own models are packed little; a bomb is a thousand times as large.
        if sum(part.file_size for part in parts) > _MOST_UNPACKED * path.stat().st_size:
            return "its parts are far larger together than the file"
        if damaged := archive.testzip():
            return f"{damaged:.80} fails its checksum"
        return next(
            (_name_fault(archive.read(part)) for part in parts if part.filename.endswith("data.pkl")), ""
        )


def _name_fault(content: bytes) -> str:
    """Say whether a name in the plain data is no name: torch looks at it again and again for its message.

    Raises:
        ValueError: what stands there is none.
    """
    names = (str(given) for operation, given, _ in pickletools.genops(content) if operation.name == "GLOBAL")
    return "it has a name of thousands of letters" if any(len(name) > _LONGEST_NAME for name in names) else ""


def content_fault(content: Any, *, file_bytes: int) -> str:
    """Say what of the content stands for more than the file can hold; empty where nothing does."""
    left, room = max(file_bytes, _FEW_ENTRIES), _SHARED * file_bytes
    waiting: list[Iterator[Any]] = [iter((content,))]
    while waiting:
        value = next(waiting[-1], _END)
        if value is _END:
            waiting.pop()
            continue
        left -= 1 + (len(value) // _TEXT if isinstance(value, str | bytes | bytearray) else 0)
        if isinstance(value, Tensor):
            if not _is_plain(value):
                return f"it has a tensor of the kind {value.layout}, {value.device}"
            room -= value.numel() * value.element_size()
        elif isinstance(value, int) and value.bit_length() > 64:
            return f"it has a whole number of {value.bit_length()} bits"
        elif isinstance(value, Mapping):
            waiting.append(iter([part for pair in value.items() for part in pair]))
        elif isinstance(value, list | tuple | set | frozenset):
            waiting.append(iter(value))
        if left < 0 or room < 0 or len(waiting) > _DEEPEST:
            return "what it stands for is larger, or lies deeper, than the file can hold"
    return ""


@contextmanager
def no_larger_than(weights: Mapping[str, Any]) -> Iterator[None]:
    """Build a network inside that has about so many weights: options of a checkpoint can ask for any number.

    Raises:
        ValueError: it has far more.
    """
    tensors = [value for value in weights.values() if isinstance(value, Tensor)]
    with _Bounded(sum(tensor.numel() for tensor in tensors), len(tensors)):
        yield


_END = object()
_MAKERS = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.eye, torch.arange)
_PER_TENSOR = 1000
"""Weights that making a tensor counts for, so that a million layers of one weight end, too."""


class _Bounded(TorchFunctionMode):
    """Counts what is made, before memory is asked for."""

    def __init__(self, n_weights: int, n_tensors: int) -> None:
        super().__init__()
        self._left = 4 * (n_weights + (n_tensors + 100) * _PER_TENSOR)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Count, and call.

        Raises:
            ValueError: too much was made.
        """
        if func in _MAKERS:
            self._left -= _PER_TENSOR + _extent(args)
            if self._left < 0:
                raise ValueError("its options describe a far larger network than its weights")
        return func(*args, **(kwargs or {}))


def _extent(args: Any) -> int:
    sizes = [part for one in args for part in (one if isinstance(one, list | tuple) else (one,))]
    return prod(size for size in sizes if isinstance(size, int))


def _is_plain(tensor: Tensor) -> bool:
    kind = type(tensor) in (Tensor, Parameter) and tensor.layout is torch.strided
    return kind and tensor.device.type == "cpu" and not tensor.is_quantized and not tensor.is_nested
