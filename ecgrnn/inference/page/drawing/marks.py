"""Beats and waves for the enlarged view, stored compactly: bytes that resemble each other stand together."""

import base64
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecgrnn.inference.page.annotated import Beats, Waves

KINDS = ("P", "QRS", "T")

TICK_S = 0.008
"""Ends of waves are stored in such ticks: 0.2 mm on paper."""

_BYTES = 3
"""Of a time, the lowest first: ticks of more than a day."""


def encode_beats(beats: Beats) -> dict[str, object]:
    """Store beats in order as the ms between them, 32 bit each, and their labels, by zlib and Base64."""
    ms = np.rint(beats.time_s * 1000.0).astype(np.int64)
    steps = ms - np.concatenate([[0], ms[:-1]])[: len(ms)]
    return {
        "n": len(beats),
        "ms": _text(_planes(steps, 4)),
        "labels": _text("".join(beats.label.tolist()).encode()),
    }


def encode_waves(waves: Waves, leads: Sequence[str]) -> list[dict[str, object]]:
    """Store the waves of each lead that have both ends, in order.

    First the kind of each wave, 0 for P, 1 for QRS, 2 for T; then for each kind the ticks from the end of the
    wave before, of whatever kind, to its onset, with the sign in the lowest bit, and its ticks to the offset.
    """
    stored = []
    both = np.isfinite(waves.onset_s) & np.isfinite(waves.offset_s) & np.isin(waves.kind, KINDS)
    for lead in leads:
        chosen = np.flatnonzero(both & (waves.lead == lead))
        chosen = chosen[np.argsort(waves.onset_s[chosen], kind="stable")]
        onset, offset = (
            np.rint(ends[chosen] / TICK_S).astype(np.int64) for ends in (waves.onset_s, waves.offset_s)
        )
        gap = onset - np.concatenate([[0], offset[:-1]])[: len(onset)]
        coded, kinds = (gap << 1) ^ (gap >> 63), waves.kind[chosen]
        packed = np.searchsorted(KINDS, kinds).astype(np.uint8).tobytes()
        for kind in KINDS:
            of_kind = kinds == kind
            packed += _planes(coded[of_kind], _BYTES) + _planes((offset - onset)[of_kind], _BYTES)
        stored.append({"n": len(chosen), "bytes": _text(packed)})
    return stored


def _planes(values: NDArray[np.int64], n_bytes: int) -> bytes:
    """Give the lowest bytes of all values, then the next ones."""
    return values.astype("<u4").view(np.uint8).reshape(-1, 4).T[:n_bytes].tobytes()


def _text(packed: bytes) -> str:
    return base64.b64encode(zlib.compress(packed, 9)).decode("ascii")
