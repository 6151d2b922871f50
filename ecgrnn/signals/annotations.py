"""Read and write WFDB annotation files, and turn them into beats, rhythms and waves."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError, names_there
from ecgrnn.options.spec import LabelScheme
from ecgrnn.signals.formats.wfdb.annotation_format import (
    Decoded,
    decode_annotations,
    encode_annotations,
)
from ecgrnn.signals.symbols import WAVES


@dataclass(frozen=True)
class Annotations:
    """What an annotator marked in a record, in the order of time.

    Attributes:
        sample: ``(annotation,)``, index into the record.
        symbol: ``(annotation,)``, what was marked, e.g. ``V``.
        subtype: ``(annotation,)``, a number that goes with it, -128 to 127, mostly 0.
        aux_note: ``(annotation,)``, a text that goes with it, e.g. ``(AFIB``, mostly empty.
        fs_hz: sampling frequency that ``sample`` counts at.
    """

    sample: NDArray[np.int64]
    symbol: NDArray[np.str_]
    subtype: NDArray[np.int64]
    aux_note: NDArray[np.str_]
    fs_hz: float

    def __post_init__(self) -> None:
        lengths = {len(self.sample), len(self.symbol), len(self.subtype), len(self.aux_note)}
        if len(lengths) > 1:
            raise DataError(
                f"annotations must have as many samples, symbols, subtypes and notes, got {sorted(lengths)}"
            )


@dataclass(frozen=True)
class Beats:
    """The beats of a record and their classes.

    Attributes:
        sample: ``(beat,)``, index into the record.
        symbol: ``(beat,)``, the annotation's symbol.
        label: ``(beat,)``, index into the scheme's classes.
    """

    sample: NDArray[np.int64]
    symbol: NDArray[np.str_]
    label: NDArray[np.int8]


@dataclass(frozen=True)
class Rhythms:
    """The rhythms of a record, one after the other.

    Attributes:
        start: ``(rhythm,)``, first sample.
        stop: ``(rhythm,)``, sample behind the last one.
        name: ``(rhythm,)``, e.g. ``AFIB``: a key of ``symbols.RHYTHMS`` in the databases known here.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    name: NDArray[np.str_]


@dataclass(frozen=True)
class Waves:
    """The waves of a record.

    Attributes:
        onset: ``(wave,)``, first sample; -1 where it is not marked.
        peak: ``(wave,)``, sample of the peak.
        offset: ``(wave,)``, last sample; -1 where it is not marked.
        kind: ``(wave,)``, ``P``, ``QRS``, ``T`` or ``U``.
    """

    onset: NDArray[np.int64]
    peak: NDArray[np.int64]
    offset: NDArray[np.int64]
    kind: NDArray[np.str_]


def read_annotations(
    path: Path, annotator: str, *, fs_hz: float, frame_hz: float | None = None, before: bool = False
) -> Annotations:
    """Read the annotations of a record.

    Args:
        path: the record's path without a suffix.
        annotator: suffix of the annotation file, e.g. ``atr``.
        fs_hz: sampling frequency of the record, at which the annotations are given back.
        frame_hz: frames per second of the record, which the file counts unless it says otherwise; None where
            a frame is a sample.
        before: give also what lies before the record begins.

    Raises:
        DataError: the file is missing or damaged, its annotations are not in order or before the record, or
            it was made for another sampling frequency.
    """
    file = annotation_file(path, annotator)
    if not file.is_file():
        raise DataError(
            f"record {path} has no annotations {annotator!r} ({file} is missing); {_annotators(path)}"
        )
    decoded = decode_annotations(file)
    _check_order(decoded, file, before=before)
    return Annotations(
        sample=_at_samples(decoded, file, fs_hz=fs_hz, frame_hz=frame_hz),
        symbol=decoded.symbol,
        subtype=decoded.subtype,
        aux_note=decoded.aux_note,
        fs_hz=fs_hz,
    )


def write_annotations(
    path: Path, annotator: str, annotations: Annotations, *, frame_hz: float | None = None
) -> Path:
    """Write an annotation file in the MIT format, beside its place, and rename it when it is whole.

    Args:
        path: the record's path without a suffix.
        annotator: suffix of the file, letters only, e.g. ``ecg``.
        annotations: what to write; indices at the record's own sampling frequency.
        frame_hz: frames per second of the record, where they are fewer than its samples: the file then says
            what it counts.

    Returns:
        The file.

    Raises:
        DataError: the annotations cannot be encoded, or the folder cannot be written to.
    """
    file = annotation_file(path, annotator)
    fs_hz = None if frame_hz is None or np.isclose(frame_hz, annotations.fs_hz) else annotations.fs_hz
    content = encode_annotations(
        annotations.sample,
        annotations.symbol,
        subtype=annotations.subtype,
        aux_note=annotations.aux_note,
        fs_hz=fs_hz,
    )
    try:
        with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=path.parent) as beside:
            (Path(beside) / file.name).write_bytes(content)
            (Path(beside) / file.name).replace(file)
    except OSError as error:
        raise DataError(
            f"{file} cannot be written: {error.strerror}; check the folder and its permissions"
        ) from error
    return file


def annotation_file(path: Path, annotator: str) -> Path:
    """Give the file of an annotator.

    Raises:
        DataError: its name is not that of an annotator.
    """
    if not annotator.replace("_", "").isalnum():
        raise DataError(
            f"{annotator!r} is not the name of an annotator: expected letters and digits, "
            "such as atr, qrs or ecg"
        )
    return path.with_name(f"{path.name}.{annotator}")


def beats_of(annotations: Annotations, scheme: LabelScheme) -> Beats:
    """Keep the annotations that are beats in a scheme, with their classes."""
    symbols, which = np.unique(annotations.symbol, return_inverse=True)
    label = np.array([scheme.index(symbol) for symbol in symbols.tolist()], np.int8)[which]
    is_beat = label >= 0
    return Beats(sample=annotations.sample[is_beat], symbol=annotations.symbol[is_beat], label=label[is_beat])


def rhythms_of(annotations: Annotations, n_samples: int) -> Rhythms:
    """Give the rhythms between rhythm changes (``+`` with an aux_note such as ``(AFIB``).

    A rhythm lasts to the next change or to the record's end; a change to the same rhythm prolongs it. Before
    the first change the rhythm is not known and no entry is given.

    Args:
        annotations: all annotations of a record.
        n_samples: length of the record, where its last rhythm ends.
    """
    is_change = (annotations.symbol == "+") & np.char.startswith(annotations.aux_note, "(")
    start = annotations.sample[is_change]
    name = np.char.lstrip(annotations.aux_note[is_change], "(")
    is_new = np.ones(len(name), bool)
    is_new[1:] = name[1:] != name[:-1]
    start, name = start[is_new], name[is_new]
    stop = np.append(start[1:], n_samples)[: len(start)].astype(np.int64)
    return Rhythms(start=start, stop=stop, name=name)


def waves_of(annotations: Annotations) -> Waves:
    """Give the waves that are marked by a peak (``p``, a beat, ``t`` or ``u``) between ``(`` and ``)``.

    A peak's onset is the annotation just before it, where that is a ``(``, and its offset the one just after,
    where that is a ``)``; a wave without one of them keeps -1 there (some waves of LUDB), and a ``(`` or
    ``)`` without a peak beside it is left out.
    """
    symbol, sample = annotations.symbol, annotations.sample
    peaks = np.flatnonzero(np.isin(symbol, list(WAVES)))
    before = np.append("", symbol)[peaks]
    after = np.append(symbol, "")[peaks + 1]
    kind = np.array([WAVES[mark] for mark in symbol[peaks].tolist()], "<U3")
    return Waves(
        onset=np.where(before == "(", np.append(-1, sample)[peaks], -1),
        peak=sample[peaks],
        offset=np.where(after == ")", np.append(sample, -1)[peaks + 1], -1),
        kind=kind,
    )


_RECORD_FILES = {"hea", "dat", "mat", "edf", "txt", "csv", "md", "html"}


def _annotators(path: Path) -> str:
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist; check the path"
    there = {file.suffix[1:] for file in path.parent.glob(f"{path.name}.*")} - _RECORD_FILES
    return names_there("", sorted(there), "annotators")


def _at_samples(decoded: Decoded, file: Path, *, fs_hz: float, frame_hz: float | None) -> NDArray[np.int64]:
    """Give times in samples, whether the file counts samples or frames."""
    frame_hz = fs_hz if frame_hz is None else frame_hz
    counts = frame_hz if decoded.fs_hz is None else decoded.fs_hz
    if np.isclose(counts, fs_hz, rtol=1e-6):
        return decoded.sample
    if np.isclose(counts, frame_hz, rtol=1e-6):
        return decoded.sample * round(fs_hz / frame_hz)
    raise DataError(
        f"{file} counts at {counts:g} Hz, its record is sampled at {fs_hz:g} Hz; annotate the record again"
    )


def _check_order(decoded: Decoded, file: Path, *, before: bool) -> None:
    sample = decoded.sample
    if len(sample) and sample[0] < 0 and not before:
        raise DataError(f"{file} begins at sample {sample[0]}, before its record; fetch it again")
    if (backwards := np.flatnonzero(np.diff(sample) < 0)).size:
        at = int(backwards[0])
        raise DataError(
            f"{file} is not in the order of time: annotation {at} lies at sample {sample[at]}, the next "
            f"at {sample[at + 1]}; sort the file or fetch it again"
        )
