"""Reads what a person corrected: the file that a page saves, or an annotation file edited elsewhere."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import DataError
from ecgrnn.families.answers import MIXED, NOISE, Answers
from ecgrnn.families.families import Families
from ecgrnn.reports.spreadsheets import harmless
from ecgrnn.signals.annotations import beats_of, read_annotations
from ecgrnn.signals.recording import Recording
from ecgrnn.signals.symbols import AAMI

COLUMNS = ("record", "positions", "kind", "family", "sample", "answer", "by", "at")
"""The columns of a file of corrections."""

_SAME_S = 0.05
"""A beat of an edited annotation file that is so near to one of ours is the same."""

_ENOUGH = 0.5
"""An edited file that has fewer of our beats is of another record, or of other positions."""

_MOST_BYTES = 64 * 2**20
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Corrections:
    """What a file of corrections says.

    Attributes:
        answers: the answers.
        by: who corrected, as free text; may be empty.
        at: when, by ISO 8601; empty where it is not known.
    """

    answers: Answers
    by: str = ""
    at: str = ""


def corrections_of(families: Mapping[int, str], *, by: str = "") -> Corrections:
    """Take answers about families that were given just now."""
    now = datetime.now(UTC).strftime(_TIME)
    return Corrections(Answers({int(one): str(answer) for one, answer in families.items()}), by=by, at=now)


def read_corrections(path: Path, recording: Recording, families: Families) -> Corrections:
    """Read a file of corrections, or an annotation file that was edited elsewhere.

    Args:
        path: ``corrections.csv`` as the page of the recording saves it, or a WFDB annotation file.
        recording: the recording that it must be of.
        families: the families that it must be about.

    Raises:
        DataError: the file is missing or damaged, or is of another record or of other positions.
    """
    if not path.is_file():
        raise DataError(
            f"corrections={path}: there is no such file; give the file that the page saves, or an annotation "
            "file that was edited"
        )
    if path.suffix.casefold() == ".csv":
        return _of_table(path, recording, families)
    return _of_annotations(path, recording, families)


def _of_table(path: Path, recording: Recording, families: Families) -> Corrections:
    rows = _rows(path)
    if not rows:
        raise DataError(
            f"{path} holds no answer; answer families on the page of the recording and save again"
        )
    of_family: dict[int, str] = {}
    of_beat: dict[int, str] = {}
    for line, row in rows:
        where = f"{path}, line {line}"
        _check_origin(where, row, recording, families)
        if row["kind"] == "family":
            family = _family(where, row, families)
            of_family[family] = _answer(where, row, (*families.evidence.classes, NOISE, MIXED))
        elif row["kind"] == "beat":
            beat = _beat(where, row, families)
            of_beat[beat] = _answer(where, row, (*families.evidence.classes, NOISE))
        else:
            raise DataError(f"{where}: kind is family or beat; this is {_shown(row['kind'])}")
    who = [row["by"].strip() for _, row in rows]
    when = [row["at"].strip() for _, row in rows]
    return Corrections(
        Answers(of_family, of_beat), by=", ".join(dict.fromkeys(filter(None, who))), at=max(when)
    )


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Read the rows with their line numbers."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} has more than {_MOST_BYTES >> 20} MiB, and is no file of corrections")
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), strict=True)
        found = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table in UTF-8 ({error}); save it again") from error
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise DataError(
            f"{path} lacks the column {missing[0]}; a file of corrections has {', '.join(COLUMNS)}, "
            "as the page of a recording saves it"
        )
    for line, row in found:
        if None in row or None in row.values():
            raise DataError(f"{path}, line {line}: expected {len(COLUMNS)} values; save the file again")
    return found


def _check_origin(where: str, row: Mapping[str, str], recording: Recording, families: Families) -> None:
    if row["record"] not in (recording.name, harmless(recording.name)):
        raise DataError(
            f"{where}: these corrections are of record {_shown(row['record'])}, and this is "
            f"{recording.name}; give the file that was saved on its page"
        )
    if row["positions"] != families.positions:
        raise DataError(
            f"{where}: these corrections are about other beats of {recording.name} (positions "
            f"{_shown(row['positions'])}, here {families.positions}); use the model, leads and annotator "
            "of the page they were made on"
        )


def _family(where: str, row: Mapping[str, str], families: Families) -> int:
    family, middle = _whole(where, row, "family"), families.columns["middle"]
    if not 0 <= family < len(middle) or int(middle[family]) != _whole(where, row, "sample"):
        raise DataError(
            f"{where}: there is no family {family} with its middle at {row['sample']}; save the file again"
        )
    return family


def _beat(where: str, row: Mapping[str, str], families: Families) -> int:
    sample, at = families.evidence.sample, _whole(where, row, "sample")
    beat = int(np.searchsorted(sample, at))
    if beat == len(sample) or int(sample[beat]) != at:
        raise DataError(f"{where}: there is no beat at sample {at}; save the file again")
    return beat


def _whole(where: str, row: Mapping[str, str], column: str) -> int:
    text = row[column]
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise DataError(f"{where}: {column} is a whole number; this is {_shown(text)}")
    return int(text)


def _answer(where: str, row: Mapping[str, str], known: Iterable[str]) -> str:
    if row["answer"] not in known:
        raise DataError(f"{where}: answer is one of {', '.join(known)}; this is {_shown(row['answer'])}")
    return row["answer"]


def _shown(text: str) -> str:
    return repr(text if len(text) < 40 else f"{text[:37]}...")


def _of_annotations(path: Path, recording: Recording, families: Families) -> Corrections:
    """Take what differs from ours in an annotation file as answers."""
    if path.stem != recording.name:
        raise DataError(
            f"corrections={path} is of record {_shown(path.stem)}, and this is {recording.name}; an "
            "annotation file is named after its record"
        )
    found = read_annotations(
        path.with_name(path.stem), path.suffix[1:], fs_hz=recording.fs_hz, frame_hz=recording.frame_hz
    )
    theirs, evidence = beats_of(found, AAMI), families.evidence
    ours, classes = evidence.sample, np.array(AAMI.classes)
    match = _matches(ours, theirs.sample, most=max(round(_SAME_S * recording.fs_hz), 1))
    if (match >= 0).sum() < _ENOUGH * len(ours):
        raise DataError(
            f"{path} has {int((match >= 0).sum())} of the {len(ours)} beats found in {recording.name}; "
            "it is of another record, or of other positions"
        )
    own = np.array(evidence.classes)[evidence.logits.argmax(axis=1)]
    label = np.where(match >= 0, classes[theirs.label[match]], NOISE)
    unmatched = np.setdiff1d(np.arange(len(theirs.sample)), match)
    answers = Answers(
        beats={int(k): str(label[k]) for k in np.flatnonzero(label != own)},
        added={int(theirs.sample[k]): str(classes[theirs.label[k]]) for k in unmatched},
    )
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime(_TIME)
    return Corrections(answers, by=path.name, at=at)


def _matches(ours: NDArray[np.int64], theirs: NDArray[np.int64], *, most: int) -> NDArray[np.int64]:
    """Give for each of our beats the index of theirs that is the same, -1 for none; each is taken once."""
    match = np.full(len(ours), -1, np.int64)
    if not len(theirs):
        return match
    right = np.clip(np.searchsorted(theirs, ours), 0, len(theirs) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(theirs[left] - ours) <= np.abs(theirs[right] - ours), left, right)
    distance = np.abs(theirs[nearest] - ours)
    order = np.argsort(distance, kind="stable")
    _, first = np.unique(nearest[order], return_index=True)
    taken = order[first]
    taken = taken[distance[taken] <= most]
    match[taken] = nearest[taken]
    return match
