"""What the page of a recording reads: a recording with its annotations, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgrnn.signals.recording import Recording
from ecgrnn.signals.symbols import AAMI_CLASSES

BEATS, WAVES, RHYTHMS = "beats", "waves", "rhythms"
"""The kinds of annotation."""


class Table(Protocol):
    """A table of annotations, such as a ``pandas.DataFrame``: a column by its name."""

    def __getitem__(self, name: str, /) -> ArrayLike: ...

    def __contains__(self, name: object, /) -> bool: ...


class Families(Protocol):
    """Beats in families, such as ``ecgrnn.families.families.Families``, by what an answer is worth.

    Attributes:
        of_beat: ``(beat,)`` the family of each beat, -1 for none.
        columns: a row for each family: family, class, p, n, share, gain, settled, rr_before_s, rr_after_s,
            rr_before_ratio, first_s, last_s, middle (a sample).
        templates: ``(family, time, lead)`` in mV.
        spread: standard deviation, as ``templates``.
        fs_hz: sampling frequency of the templates.
        before: samples of a template before the mark of the beat.
        leads: leads of the templates.
        members: for each family, beats that are drawn over its template.
        nearest: for each family, the beats nearest to its middle, the nearest first.
        farthest: for each family, the beats farthest from it, the farthest first.
        positions: digest of the beats' positions and families.
    """

    @property
    def of_beat(self) -> NDArray[np.int32]:
        """The family of each beat."""

    @property
    def columns(self) -> Mapping[str, ArrayLike]:
        """A row for each family."""

    @property
    def templates(self) -> NDArray[np.float32]:
        """The templates."""

    @property
    def spread(self) -> NDArray[np.float32]:
        """Their standard deviation."""

    @property
    def fs_hz(self) -> float:
        """Sampling frequency of the templates."""

    @property
    def before(self) -> int:
        """Samples of a template before the mark."""

    @property
    def leads(self) -> tuple[str, ...]:
        """Leads of the templates."""

    @property
    def members(self) -> Sequence[NDArray[np.int64]]:
        """Beats drawn over the template."""

    @property
    def nearest(self) -> Sequence[NDArray[np.int64]]:
        """Beats nearest to the middle."""

    @property
    def farthest(self) -> Sequence[NDArray[np.int64]]:
        """Beats farthest from the middle."""

    @property
    def positions(self) -> str:
        """Digest of positions and families."""


class Corrected(Protocol):
    """How a person corrected the beats.

    Attributes:
        by: who, as free text; may be empty.
        at: when, by ISO 8601.
        n_seen: beats that the person saw.
        n_followed: other beats whose class followed from that.
    """

    @property
    def by(self) -> str:
        """Who corrected."""

    @property
    def at(self) -> str:
        """When."""

    @property
    def n_seen(self) -> int:
        """Beats seen."""

    @property
    def n_followed(self) -> int:
        """Beats that followed."""


class Annotated(Protocol):
    """A recording with its annotations, such as ``ecgrnn.inference.result.Result``.

    It may also have ``families`` (``Families``), ``corrected`` (``Corrected``) and ``notes`` (lines of text).

    Attributes:
        recording: the recording.
        models: kind of annotation (beats, waves, rhythms) to the model that gave it.
        beats: sample, class and, with a probability for each class, ``p_N`` and so on.
        waves: lead, wave (P, QRS, T), onset, peak and offset in samples, negative where there is none.
        rhythms: onset and offset in samples, half-open, and rhythm (N, A, O, ~), with ``p_N`` and so on.
    """

    @property
    def recording(self) -> Recording:
        """The recording."""

    @property
    def models(self) -> Mapping[str, str]:
        """Kind of annotation to the model that gave it."""

    @property
    def beats(self) -> Table:
        """The beats."""

    @property
    def waves(self) -> Table:
        """The waves."""

    @property
    def rhythms(self) -> Table:
        """The rhythms."""


RHYTHM_CLASSES = ("N", "A", "O", "~")


@dataclass(frozen=True)
class Beats:
    """The beats of a recording, in their order.

    Attributes:
        time_s: ``(beat,)`` from the recording's beginning.
        label: ``(beat,)`` AAMI class: N, S, V, F or Q.
        certainty: ``(beat,)`` probability of the beat's class; NaN where the model gave none.
    """

    time_s: NDArray[np.float64]
    label: NDArray[np.str_]
    certainty: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time_s)


@dataclass(frozen=True)
class Waves:
    """The waves of all leads.

    Attributes:
        lead: ``(wave,)`` name of the lead.
        kind: ``(wave,)`` P, QRS or T.
        onset_s: ``(wave,)`` from the recording's beginning; NaN where it was not marked.
        offset_s: ``(wave,)`` as ``onset_s``.
    """

    lead: NDArray[np.str_]
    kind: NDArray[np.str_]
    onset_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class Rhythms:
    """Stretches of the recording with the rhythm that each was called.

    Attributes:
        start_s: ``(stretch,)`` from the recording's beginning.
        stop_s: ``(stretch,)`` where it ends.
        label: ``(stretch,)`` N, A, O or ~.
        certainty: ``(stretch,)`` probability of the rhythm; NaN where the model gave none.
    """

    start_s: NDArray[np.float64]
    stop_s: NDArray[np.float64]
    label: NDArray[np.str_]
    certainty: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.label)


def families_of(result: Annotated) -> Families | None:
    """Give the families of a result that has such."""
    families: Families | None = getattr(result, "families", None)
    return families


def corrected_of(result: Annotated) -> Corrected | None:
    """Say how a person corrected a result; None where nobody did."""
    corrected: Corrected | None = getattr(result, "corrected", None)
    return corrected


def notes_of(result: Annotated) -> list[str]:
    """Give what there is to say about a result: notes of reading first, each once."""
    of_result: Sequence[str] = getattr(result, "notes", ())
    return list(dict.fromkeys([*result.recording.notes, *of_result]))


def beats_of(result: Annotated) -> Beats:
    """Give the beats of a result."""
    table, label = result.beats, _words(result.beats, "class")
    return Beats(
        _seconds(table, "sample", result.recording.fs_hz), label, _certainty(table, label, AAMI_CLASSES)
    )


def waves_of(result: Annotated) -> Waves:
    """Give the waves of a result."""
    table, fs_hz = result.waves, result.recording.fs_hz
    return Waves(
        _words(table, "lead"),
        _words(table, "wave"),
        _marked(_seconds(table, "onset", fs_hz)),
        _marked(_seconds(table, "offset", fs_hz)),
    )


def rhythms_of(result: Annotated) -> Rhythms:
    """Give the rhythms of a result."""
    table, fs_hz = result.rhythms, result.recording.fs_hz
    label = _words(table, "rhythm")
    return Rhythms(
        _seconds(table, "onset", fs_hz),
        _seconds(table, "offset", fs_hz),
        label,
        _certainty(table, label, RHYTHM_CLASSES),
    )


def _seconds(table: Table, name: str, fs_hz: float) -> NDArray[np.float64]:
    seconds: NDArray[np.float64] = np.asarray(table[name], np.float64) / fs_hz
    return seconds


def _words(table: Table, name: str) -> NDArray[np.str_]:
    # through a list: an empty column has no type of its own
    return np.array([str(word) for word in np.asarray(table[name]).tolist()], np.str_)


def _marked(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(seconds < 0, np.nan, seconds)


def _certainty(table: Table, label: NDArray[np.str_], classes: tuple[str, ...]) -> NDArray[np.float64]:
    certainty = np.full(len(label), np.nan)
    for name in classes:
        if f"p_{name}" in table:
            chosen = label == name
            certainty[chosen] = np.asarray(table[f"p_{name}"], np.float64)[chosen]
    return certainty
