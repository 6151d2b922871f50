"""The episodes of rhythm of an annotated recording: a table, and WFDB rhythm changes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ecgrnn.signals.annotations import Annotations
from ecgrnn.signals.recording import Recording
from ecgrnn.signals.rhythms.definitions import DEFINITIONS
from ecgrnn.signals.rhythms.episodes import Episodes, Opinion, find_episodes
from ecgrnn.tasks.annotated import Annotated, Columns, Marks

_RHYTHM, _COMMENT = "+", '"'
"""WFDB's symbols for a change of rhythm and for a comment."""


def annotate_episodes(
    recording: Recording, found: Mapping[str, Annotated], *, extension: str = "ecg"
) -> Annotated:
    """Find the episodes of a recording from its beats; the model of rhythms has a say in fibrillation.

    Args:
        recording: the recording.
        found: kind of annotation to what a model marked; ``beats`` is among them.
        extension: extension of the annotation file.
    """
    beats, fs_hz = found["beats"], recording.fs_hz
    rhythms = found["rhythms"].columns if "rhythms" in found else None
    episodes = find_episodes(
        beats.columns["sample"] / fs_hz,
        beats.columns["class"],
        duration_s=recording.duration_s,
        unreadable_s=beats.unreadable / fs_hz,
        opinion=None if rhythms is None or "p_A" not in rhythms else _opinion(rhythms),
    )
    onset = np.rint(episodes.start_s * fs_hz).astype(np.int64)
    offset = np.rint(episodes.stop_s * fs_hz).astype(np.int64)
    columns = {
        "onset": onset,
        "offset": offset,
        "onset_s": onset / fs_hz,
        "offset_s": offset / fs_hz,
        "rhythm": episodes.name,
        "beats": episodes.beats,
        "bpm": episodes.bpm,
    }
    decimals = {"onset_s": ".4f", "offset_s": ".4f", "bpm": ".1f"}
    return Annotated(
        kind="episodes",
        columns=columns,
        csv=columns,
        formats={name: decimals.get(name, "") for name in columns},
        table="table",
        marks=[Marks("annotations", extension, _marks(episodes, onset, fs_hz))],
        lines=_lines(episodes),
    )


def _opinion(rhythms: Columns) -> Opinion:
    return Opinion(rhythms["onset_s"], rhythms["offset_s"], rhythms["p_A"])


def _marks(episodes: Episodes, onset: NDArray[np.int64], fs_hz: float) -> Annotations:
    """Give changes of rhythm, none where the name stays, and pauses as comments."""
    pause = episodes.name == "PAUSE"
    notes = np.array([DEFINITIONS[name].note for name in episodes.name.tolist()], object)
    lasting_s = episodes.stop_s - episodes.start_s
    notes[pause] = [f"pause {seconds:.2f} s" for seconds in lasting_s[pause].tolist()]
    rhythm = np.flatnonzero(~pause)
    changes = rhythm[np.append(True, notes[rhythm][1:] != notes[rhythm][:-1])[: len(rhythm)]]
    kept = np.sort(np.concatenate([changes, np.flatnonzero(pause)]))
    return Annotations(
        sample=onset[kept],
        symbol=np.where(pause[kept], _COMMENT, _RHYTHM),
        subtype=np.zeros(len(kept), np.int64),
        aux_note=notes[kept].astype(str),
        fs_hz=fs_hz,
    )


def _lines(episodes: Episodes) -> list[str]:
    """Report how many episodes of each rhythm there are, and how long they last."""
    lasting_s = episodes.stop_s - episodes.start_s
    counts = {name: int((episodes.name == name).sum()) for name in DEFINITIONS}
    return [
        f"episodes       {len(episodes.name)}",
        *(
            f"  {name:<12} {count}, {lasting_s[episodes.name == name].sum():.0f} s"
            for name, count in counts.items()
            if count
        ),
    ]
