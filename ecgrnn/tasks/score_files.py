"""Scores annotation files of any software against reference annotation files, record by record, by EC57."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ecgrnn.data.databases.record_names import checked_name, headers_in
from ecgrnn.errors import DataError
from ecgrnn.metrics.ec57.pairing import ScoredAnnotations
from ecgrnn.metrics.ec57.scores import Ec57Scores, RecordToScore
from ecgrnn.options.spec import LabelScheme
from ecgrnn.reports.files import write_json, write_text
from ecgrnn.signals.annotations import Annotations, read_annotations
from ecgrnn.signals.formats.wfdb.header import Header, read_header

BXB_GROUPING = "bxb"
"""Name of the scheme in which the scoring engine itself groups symbols."""


def read_pairs(
    reference: Path,
    test: Path,
    *,
    annotators: tuple[str, str],
    records: Sequence[str] | None = None,
    start_s: float = 0.0,
) -> list[RecordToScore]:
    """Read both annotators of each record.

    Args:
        reference: folder of the reference annotations.
        test: folder of the annotations to score.
        annotators: extension of the reference files and of the test files.
        records: records below both folders; None takes all that both have annotated.
        start_s: beginning of the test period, which must lie inside every record.

    Raises:
        DataError: a record, its header or an annotation file is missing, damaged, or ends before ``start_s``.
    """
    for folder, what in ((reference, "reference"), (test, "test")):
        if not folder.is_dir():
            raise DataError(f"{what}={folder} is not a folder; give the one that holds the annotation files")
    names = _shared_records(reference, test, annotators) if records is None else list(records)
    return [_read_pair(reference, test, name, annotators=annotators, start_s=start_s) for name in names]


def in_scheme(pairs: Sequence[RecordToScore], scheme: LabelScheme) -> list[RecordToScore]:
    """Group the beats of both annotators by a label scheme: each beat's symbol becomes its class's letter.

    The scoring engine groups symbols as ``bxb`` does; the letters N, S, V, F and Q are themselves in it.
    """
    if scheme.name == BXB_GROUPING:
        return list(pairs)
    return [
        RecordToScore(
            pair.name,
            _grouped(pair.reference, scheme),
            _grouped(pair.test, scheme),
            pair.fs_hz,
            pair.duration_s,
        )
        for pair in pairs
    ]


def write_scores(folder: Path, scores: Ec57Scores) -> list[str]:
    """Write every report and ``score.json``, and give the files' names."""
    texts = scores.texts()
    for name, text in texts.items():
        write_text(folder / name, text)
    write_json(folder / "score.json", scores.to_dict())
    return [*texts, "score.json"]


def _shared_records(reference: Path, test: Path, annotators: tuple[str, str]) -> list[str]:
    """List the records that both annotators have a file of, in the folder of either header."""
    known = dict.fromkeys((*headers_in(reference), *headers_in(test)))
    shared = [
        name
        for name in sorted(known)
        if (reference / f"{name}.{annotators[0]}").is_file() and (test / f"{name}.{annotators[1]}").is_file()
    ]
    if not shared:
        raise DataError(
            f"no record has both {annotators[0]!r} annotations in {reference} and {annotators[1]!r} "
            f"annotations in {test}; check reference_annotator and test_annotator"
        )
    return shared


def _read_pair(
    reference: Path, test: Path, name: str, *, annotators: tuple[str, str], start_s: float
) -> RecordToScore:
    name = checked_name(name, source="records")
    header = _header(reference, test, name)
    duration_s = header.n_samples / header.fs_hz if header.n_samples else None
    if duration_s is not None and start_s >= duration_s:
        raise DataError(
            f"record {name} lasts {duration_s:g} s and scoring would begin at {start_s:g} s; "
            "set start_s=0, or leave the record out of records"
        )
    frame_hz = header.frame_hz
    return RecordToScore(
        name=name,
        reference=read_annotations(reference / name, annotators[0], fs_hz=header.fs_hz, frame_hz=frame_hz),
        test=read_annotations(test / name, annotators[1], fs_hz=header.fs_hz, frame_hz=frame_hz),
        fs_hz=header.fs_hz,
        duration_s=duration_s,
    )


def _header(reference: Path, test: Path, name: str) -> Header:
    """Read the record's header, which may lie with either annotator."""
    in_test = (test / f"{name}.hea").is_file() and not (reference / f"{name}.hea").is_file()
    return read_header((test if in_test else reference) / name)


def _grouped(annotations: object, scheme: LabelScheme) -> ScoredAnnotations:
    if not isinstance(annotations, Annotations):
        raise TypeError("only annotations read from files are grouped")
    symbols, which = np.unique(annotations.symbol, return_inverse=True)
    letters = np.array([scheme.symbols.get(symbol, symbol) for symbol in symbols.tolist()], dtype=np.str_)
    return ScoredAnnotations(
        sample=annotations.sample,
        symbol=letters[which] if len(which) else annotations.symbol,
        subtype=annotations.subtype,
        aux_note=annotations.aux_note,
    )
