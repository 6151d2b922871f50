"""What was found in a recording: tables for a notebook, and the files that are made of them."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.families.families import FORMATS, Families, families_of
from ecgrnn.inference.episodes import annotate_episodes
from ecgrnn.inference.json_lines import json_lines
from ecgrnn.signals.annotations import Annotations, write_annotations
from ecgrnn.signals.formats.wfdb.writer import write_signal
from ecgrnn.signals.recording import Recording
from ecgrnn.tasks.annotated import Annotated, Columns, safe_name, write_columns

if TYPE_CHECKING:
    from pandas import DataFrame

    from ecgrnn.inference.corrections.making import Corrected
    from ecgrnn.reports.strip_figure import StripFigure

_INT, _FLOAT, _TEXT = np.zeros(0, np.int64), np.zeros(0, np.float64), np.zeros(0, "<U1")

KINDS: Mapping[str, Columns] = MappingProxyType(
    {
        "beats": {
            "sample": _INT,
            "time_s": _FLOAT,
            "class": _TEXT,
            **{f"p_{name}": _FLOAT for name in ("N", "S", "V", "F", "Q")},
        },
        "waves": {
            "lead": _TEXT,
            "wave": _TEXT,
            **dict.fromkeys(("onset", "peak", "offset"), _INT),
            **{f"{name}_s": _FLOAT for name in ("onset", "peak", "offset")},
        },
        "rhythms": {
            **dict.fromkeys(("onset", "offset"), _INT),
            **{f"{name}_s": _FLOAT for name in ("onset", "offset")},
            "rhythm": _TEXT,
            **{f"p_{name}": _FLOAT for name in ("N", "A", "O", "~")},
        },
        "episodes": {
            **dict.fromkeys(("onset", "offset"), _INT),
            **{f"{name}_s": _FLOAT for name in ("onset", "offset")},
            "rhythm": _TEXT,
            "beats": _INT,
            "bpm": _FLOAT,
        },
    }
)
"""The tables of a result, without a row: what they are where no model marked them."""


@dataclass(frozen=True)
class Result:
    """What ``ecgrnn.annotate`` found in a recording.

    Attributes:
        recording: the recording.
        models: kind of annotation (``beats``, ``waves``, ``rhythms``) to the model that marked it.
        notes: what was left out, and why, one line each.
        found: kind of annotation to the tables and marks as the model gave them; ``episodes`` follow from
            the beats.
        corrected: how a person corrected the beats; None where nobody did.
    """

    recording: Recording
    models: Mapping[str, str]
    notes: tuple[str, ...] = ()
    found: Mapping[str, Annotated] = field(default_factory=dict, repr=False)
    corrected: "Corrected | None" = None

    @cached_property
    def beats(self) -> "DataFrame":
        """The beats: sample, time_s, class (N S V F Q of AAMI EC57), and the probability of each class."""
        return self._frame("beats")

    @cached_property
    def waves(self) -> "DataFrame":
        """The waves: lead, wave (P, QRS, T), onset, peak and offset in samples and in seconds."""
        return self._frame("waves")

    @cached_property
    def rhythms(self) -> "DataFrame":
        """The rhythms: onset and offset (half-open), rhythm (N A O ~ of CinC 2017), and probabilities."""
        return self._frame("rhythms")

    @cached_property
    def episodes(self) -> "DataFrame":
        """The episodes of rhythm, pauses among them, with their beats and mean heart rate in bpm.

        Rhythms are AFIB, VT, IVR, B, T, SVTA, SBR, STACH, N and NOISE, as ``signals.rhythms.definitions`` has
        them; onset and offset are half-open.
        """
        return self._frame("episodes")

    @cached_property
    def beat_families(self) -> Families | None:
        """The beats in families, with templates; None where no model marked beats.

        Raises:
            DataError: the recording cannot be read.
        """
        if self.corrected is not None:
            return self.corrected.families
        found = self.found.get("beats")
        if found is None or found.evidence is None:
            return None
        return families_of(self.recording, found.evidence)

    @cached_property
    def families(self) -> "DataFrame":
        """The families of beats, one a row, the one first that is most worth an answer: see ``Families``."""
        from pandas import DataFrame

        families = self.beat_families
        return DataFrame({} if families is None else dict(families.columns), columns=list(FORMATS))

    def correct(self, corrections: str | Path | Mapping[int, str], *, by: str = "") -> "Result":
        """Correct the beats: their families get the classes that were answered, and like beats follow.

        Args:
            corrections: the file that the page saves, an annotation file that was edited elsewhere, or the
                answer to each family: N, S, V, F, Q, ``noise`` (no beat is there) or ``mixed``.
            by: who corrected, where no file says it.

        Returns:
            A new result; this one stays as it is.

        Raises:
            DataError: the file is damaged, or is of another recording or of other positions.
            ConfigError: no beats were found, or they are corrected already, or there is no such family.
        """
        from ecgrnn.inference.corrections.making import correct_beats
        from ecgrnn.inference.corrections.reading import corrections_of, read_corrections

        families = self.beat_families
        if families is None:
            raise ConfigError(f"{self.recording.place}: no beats were found, so there is nothing to correct")
        if self.corrected is not None:
            raise ConfigError(
                "this result is corrected already; correct the first one with all answers at once"
            )
        if isinstance(corrections, str | Path):
            read = read_corrections(Path(corrections), self.recording, families)
        else:
            read = corrections_of(corrections, by=by)
        beats, corrected = correct_beats(self.found["beats"], families, read)
        found = {**self.found, "beats": beats}
        if "episodes" in found:
            found["episodes"] = annotate_episodes(self.recording, found)
        return replace(self, found=found, corrected=corrected)

    def columns(self, kind: str) -> Columns:
        """Give a table as arrays, column by column; without a row where no model marked the kind."""
        return self.found[kind].columns if kind in self.found else KINDS[kind]

    def plot(self, start_s: float = 0.0, seconds: float = 10.0) -> "StripFigure":
        """Draw some seconds of every lead with beats, waves and rhythms, as on ECG paper.

        Args:
            start_s: where the drawing begins, in seconds from the recording's beginning.
            seconds: how much is drawn.

        Raises:
            ConfigError: that is not within the recording, or more than can be seen.
        """
        from ecgrnn.inference.plot import plot_result

        return plot_result(self, start_s=start_s, seconds=seconds)

    def to_wfdb(
        self, folder: str | Path, *, extension: str = "ecg", signal: bool | None = None
    ) -> list[Path]:
        """Write WFDB annotation files: beats and changes of rhythm in one, the waves of each lead in another.

        Args:
            folder: where they go; it is created where it is missing.
            extension: extension of the file with the beats.
            signal: whether the signal is written beside them; None does so where the recording was not
                read from a WFDB record.

        Returns:
            The annotation files.

        Raises:
            DataError: the folder cannot be written to.
        """
        stem = _folder(folder) / safe_name(self.recording)
        if signal or (signal is None and not _is_wfdb(self.recording)):
            self._write_signal(stem)
        rhythm = "rhythms" if len(self.columns("rhythms")["onset"]) == 1 else "episodes"
        rhythm = rhythm if rhythm in self.found else "rhythms"
        of_beats = [self.found[kind] for kind in (rhythm, "beats") if kind in self.found]
        merged = [mark.annotations for one in of_beats for mark in one.marks]
        files = [(extension, _in_order(merged, self.recording.fs_hz))] if merged else []
        if "waves" in self.found:
            files += [
                (mark.extension + ("waves" if mark.extension == extension else ""), mark.annotations)
                for mark in self.found["waves"].marks
            ]
        frame_hz = self.recording.frame_hz
        return [write_annotations(stem, name, marks, frame_hz=frame_hz) for name, marks in files]

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write a table per kind: ``NAME_beats.csv`` and ``NAME_families.csv``, ``NAME_waves.csv`` and so on.

        Raises:
            DataError: the folder cannot be written to.
        """
        place, name = _folder(folder), safe_name(self.recording)
        files = []
        for kind in self.found:
            columns = self.columns(kind)
            file = place / f"{name}_{kind}.csv"
            write_columns(file, columns, {column: _format(column) for column in columns})
            files.append(file)
        if (families := self.beat_families) is not None:
            file = place / f"{name}_families.csv"
            write_columns(file, families.columns, FORMATS)
            files.append(file)
        return files

    def to_jsonl(self, path: str | Path) -> Path:
        """Write a line of JSON for the recording, then one for each beat, wave and rhythm.

        Raises:
            DataError: the file cannot be written.
        """
        file = Path(path)
        try:
            with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as beside:
                whole = Path(beside) / file.name
                with whole.open("w", encoding="utf-8", newline="\n") as lines:
                    lines.writelines(self._lines())
                whole.replace(file)
        except OSError as error:
            raise DataError(f"{file} cannot be written ({error.strerror}); choose another folder") from error
        return file

    def to_html(self, path: str | Path) -> Path:
        """Write a page to read: findings, strips and the whole recording, all in one file.

        Raises:
            DataError: the recording cannot be read, or the file cannot be written.
        """
        from ecgrnn.inference.page import write_page

        file = Path(path)
        write_page(_Plain(self), file)
        return file

    def lines(self) -> list[str]:
        """Report what was found."""
        said = [line for one in self.found.values() for line in one.lines]
        return [*said, *(f"note           {note}" for note in self.notes)]

    def _frame(self, kind: str) -> "DataFrame":
        from pandas import DataFrame

        return DataFrame(dict(self.columns(kind)))

    def _lines(self) -> Iterator[str]:
        one = self.recording
        head = {
            "kind": "recording",
            "name": one.name,
            "fs_hz": one.fs_hz,
            "leads": list(one.leads),
            "n_samples": one.n_samples,
            "start": None if one.start is None else one.start.isoformat(),
            "models": dict(self.models),
            "notes": list(self.notes),
        }
        yield json.dumps(head, allow_nan=False) + "\n"
        for kind in self.found:
            yield from json_lines(kind.removesuffix("s"), self.columns(kind))

    def _write_signal(self, stem: Path) -> None:
        signal = self.recording.signal
        write_signal(stem, signal.astype(np.float64), fs_hz=self.recording.fs_hz, leads=self.recording.leads)


class _Plain:
    """A result whose tables are arrays by name: a page needs no pandas."""

    def __init__(self, result: Result) -> None:
        self.recording = result.recording
        self.models = dict(result.models)
        self.notes = result.notes
        self.beats, self.waves, self.rhythms, self.episodes = (result.columns(kind) for kind in KINDS)
        self.families, self.corrected = result.beat_families, result.corrected


def _format(column: str) -> str:
    return ".6f" if column.startswith("p_") else ".4f" if column.endswith("_s") else ""


def _folder(folder: str | Path) -> Path:
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{place} cannot be made ({error.strerror}); choose another folder") from error
    return place


def _is_wfdb(recording: Recording) -> bool:
    return recording.path is not None and recording.path.with_name(f"{recording.path.name}.hea").is_file()


def _in_order(parts: list[Annotations], fs_hz: float) -> Annotations:
    """Merge annotations in the order of time; at one sample, those of the first part come first."""

    def joined(values: list[NDArray[Any]]) -> NDArray[Any]:
        """Join one column of all parts in the order of time."""
        return np.concatenate(values)[order]

    order = np.argsort(np.concatenate([part.sample for part in parts]), kind="stable")
    return Annotations(
        sample=joined([part.sample for part in parts]),
        symbol=joined([part.symbol for part in parts]),
        subtype=joined([part.subtype for part in parts]),
        aux_note=joined([part.aux_note for part in parts]),
        fs_hz=fs_hz,
    )
