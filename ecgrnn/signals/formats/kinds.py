"""The table of the kinds of files, and how each is known: by its content, whatever it is called."""

import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ecgrnn.errors import DataError, did_you_mean, reason_of
from ecgrnn.signals.formats.contents import Contents, Hints
from ecgrnn.signals.formats.wfdb.contents import record_of
from ecgrnn.signals.formats.wfdb.header import header_path

HEAD = 2**16
"""Bytes from a file's beginning that its kind is known by."""

Reader = Callable[[Path, Hints], Contents]


@dataclass(frozen=True)
class Kind:
    """A kind of files.

    Attributes:
        name: what messages call it.
        looks_like: whether a path, with the first bytes of the file, is of this kind.
        module: the module that reads it, below ``ecgrnn.signals.formats``; it has ``read_contents``.
        extra: the extra that installs what it needs; empty where it needs nothing.
    """

    name: str
    looks_like: Callable[[Path, bytes], bool]
    module: str
    extra: str = ""

    def reader(self) -> Reader:
        """Import the reader."""
        reader: Reader = import_module(f"ecgrnn.signals.formats.{self.module}").read_contents
        return reader


def _begins(*marks: bytes, at: int = 0) -> Callable[[Path, bytes], bool]:
    return lambda path, head: head[at:].startswith(marks)


def _is_wfdb(path: Path, head: bytes) -> bool:
    return record_of(path) is not None


def _is_numpy_archive(path: Path, head: bytes) -> bool:
    return any(name.endswith(".npy") for name in _in_archive(path, head))


def _in_archive(path: Path, head: bytes) -> list[str]:
    if not head.startswith(b"PK\x03\x04"):
        return []
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return []


def _is_scp(path: Path, head: bytes) -> bool:
    """SCP-ECG: checksum, length of the file, then section 0 with its checksum and number."""
    if len(head) < 32:
        return False
    length, number = struct.unpack_from("<I", head, 2)[0], struct.unpack_from("<H", head, 8)[0]
    return number == 0 and (head[16:22] == b"SCPECG" or length == path.stat().st_size)


def _xml(*roots: str) -> Callable[[Path, bytes], bool]:
    root = re.compile(rf"<(?:\w+:)?(?:{'|'.join(roots)})[\s>]", re.IGNORECASE)

    def looks_like(path: Path, head: bytes) -> bool:
        """Tell whether the root of an XML file is one of these."""
        text = decoded(head).lstrip()
        return text.startswith("<") and root.search(text) is not None

    return looks_like


def _is_kardia_json(path: Path, head: bytes) -> bool:
    text = decoded(head).lstrip()
    keys = ("recordedAt", "algorithmDetermination", "amplitudeResolution", "data12L")
    return text.startswith("{") and sum(f'"{key}"' in text for key in keys) >= 2


def _is_opensignals(path: Path, head: bytes) -> bool:
    return decoded(head).lstrip().startswith("# OpenSignals Text File Format")


def _is_apple_watch(path: Path, head: bytes) -> bool:
    from ecgrnn.signals.formats.text.apple_watch import looks_like

    return looks_like(decoded(head))


def _is_table(path: Path, head: bytes) -> bool:
    from ecgrnn.signals.formats.text.dialect import is_table

    text = decoded(head)
    return "\0" not in text and is_table(text, whole=len(head) < HEAD)


KINDS = (
    Kind("WFDB", _is_wfdb, "wfdb.contents"),
    Kind("EDF", _begins(b"0       "), "edf"),
    Kind("BDF", _begins(b"\xffBIOSEMI"), "edf"),
    Kind("NumPy", _begins(b"\x93NUMPY"), "numpy_file"),
    Kind("NumPy archive", _is_numpy_archive, "numpy_file"),
    Kind("Parquet", _begins(b"PAR1"), "parquet", "parquet"),
    Kind("DICOM", _begins(b"DICM", at=128), "dicom", "dicom"),
    Kind("ISHNE Holter", _begins(b"ISHNE1.0"), "ishne"),
    Kind("AliveCor ATC", _begins(b"ALIVE\0\0\0"), "alivecor"),
    Kind("SCP-ECG", _is_scp, "clinical", "formats"),
    Kind("HL7 aECG", _xml("AnnotatedECG"), "clinical", "formats"),
    Kind("GE MUSE XML", _xml("RestingECG"), "clinical", "formats"),
    Kind("Philips XML", _xml("restingecgdata"), "clinical", "formats"),
    Kind("Kardia JSON", _is_kardia_json, "clinical", "formats"),
    Kind("OpenSignals text", _is_opensignals, "text.opensignals"),
    Kind("Apple Watch CSV", _is_apple_watch, "text.apple_watch"),
    Kind("table of numbers", _is_table, "text.delimited"),
)
"""The kinds, in the order in which they are tried."""

_NOT_READ = (
    (_begins(b"%PDF"), "a PDF, a picture of an ECG; export the recording as data"),
    (_begins(b"\x1f\x8b", b"BZh", b"\xfd7zXZ"), "compressed; unpack it first"),
    (_begins(b"PK\x03\x04"), "a ZIP archive (Excel sheets are, too); unpack it, or save the sheet as CSV"),
    (_begins(b"MATLAB", b"\x89HDF"), "a MATLAB or HDF5 file; save the signal as .npy or CSV"),
    (_begins(b"ANN  1.0"), "a file of ISHNE annotations; give the ECG beside it"),
    (_begins(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"), "a picture; export the data instead"),
)
"""What people have that holds no signal, or not so that it can be read."""


def kind_of(path: Path) -> Kind:
    """Find out the kind of a file.

    Raises:
        DataError: it is missing, empty, or of no kind that is read.
    """
    if _is_wfdb(path, b""):
        return KINDS[0]
    if path.is_dir():
        raise DataError(f"{path} is a folder; give one recording, or use a command that takes folders")
    if not path.exists():
        if path.suffix:
            beside = [file.name for file in path.parent.glob("*")]
            raise DataError(f"{path} is not there; expected a recording{did_you_mean(path.name, beside)}")
        header_path(path)  # says what is there
    head = _head(path)
    if not head:
        raise DataError(f"{path} is empty; expected a recording, fetch it again")
    kind = known_kind(path, head)
    if kind is not None:
        return kind
    for looks_like, what in _NOT_READ:
        if looks_like(path, head):
            raise DataError(f"{path} is {what}")
    raise DataError(
        f"{path} is not a file that can be read: expected {', '.join(kind.name for kind in KINDS[:-1])} "
        f"or a {KINDS[-1].name}"
    )


def known_kind(path: Path, head: bytes | None = None) -> Kind | None:
    """Give the kind of a file that is there, or None where it is of none."""
    head = _head(path) if head is None else head
    return next((kind for kind in KINDS if kind.looks_like(path, head)), None)


def decoded(content: bytes) -> str:
    """Decode text, or the beginning of it."""
    return coding_of(content)[0]


def coding_of(content: bytes) -> tuple[str, str]:
    """Decode text in UTF-8, UTF-16 or else Windows-1252, and say which; a byte order mark is dropped."""
    even = content[: len(content) // 2 * 2]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return even.decode("utf-16", errors="replace"), "utf-16"
    if _is_utf16(content):
        coding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
        return even.decode(coding, errors="replace"), coding
    try:
        return content.decode("utf-8-sig"), "utf-8-sig"
    except UnicodeDecodeError as error:
        if error.start >= len(content) - 3:  # cut in a character
            return content[: error.start].decode("utf-8-sig"), "utf-8-sig"
        return content.decode("cp1252", errors="replace"), "cp1252"


def _is_utf16(content: bytes) -> bool:
    """Tell UTF-16 without a mark, of which every other byte is 0."""
    part = content[:400]
    return len(part) >= 4 and (not any(part[1::2][:100]) or not any(part[::2][:100]))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason_of(error)}; check its permissions") from error
