"""Something that is damaged: files that are whole, what reads them, and what must be noticed."""

import dataclasses
import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

Files = dict[str, bytes]
Use = Callable[[Path], object]


@dataclasses.dataclass(frozen=True)
class Subject:
    """Files of one kind.

    Attributes:
        name: what it is called.
        files: path below a folder to content, of files that are whole.
        damaged: those that are damaged, one at a time.
        use: reads the files in a folder and gives what came out, in numbers and texts.
        sure: whether damage may give no other result in silence: the files carry checksums.
        pack: what is written in the place of ``files``, for archives that are damaged inside.
        weight: how often it is drawn, relative to the others.
        slow: whether it needs torch.
    """

    name: str
    files: Files
    damaged: tuple[str, ...]
    use: Use
    sure: bool = False
    pack: Callable[[Files], Files] = dict
    weight: float = 1.0
    slow: bool = False


def fingerprint(value: object) -> str:
    """Hash numbers and texts, however they lie in each other."""
    digest = hashlib.blake2b(digest_size=12)
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: "hashlib._Hash", value: object) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Mapping):
        _feed(digest, list(value.items()))
    elif isinstance(value, list | tuple):
        digest.update(f"[{len(value)}".encode())
        for part in value:
            _feed(digest, part)
    else:
        digest.update(repr(value).encode("utf-8", "backslashreplace"))


def zipped(files: Files, below: str = "") -> bytes:
    """Put files into an archive, with right checksums."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, part in files.items():
            archive.writestr(below + name, part)
    return content.getvalue()
