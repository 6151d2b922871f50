"""What an annotation file holds, in a few words: for messages about files without beats."""

from collections import Counter

from ecgrnn.signals.annotations import Annotations
from ecgrnn.signals.symbols import BEAT_SYMBOLS

_NAMES = {
    "+": "rhythm changes",
    "~": "signal quality",
    "|": "artefacts",
    "s": "ST changes",
    "T": "T wave changes",
    '"': "comments",
    "=": "measurements",
    "(": "wave onsets",
    ")": "wave ends",
    "p": "P wave peaks",
    "t": "T wave peaks",
    "u": "U wave peaks",
    "!": "flutter waves",
    "x": "blocked P waves",
    "[": "starts of ventricular flutter",
    "]": "ends of ventricular flutter",
    "^": "pacemaker spikes",
}
_MOST = 5


def kinds_of(annotations: Annotations) -> str:
    """Count annotations by kind, the commonest first.

    Returns:
        Such as ``2 annotations: 2 '+' (rhythm changes)``.
    """
    counted = Counter(annotations.symbol.tolist()).most_common()
    kinds = [f"{count:,} {symbol!r}{_meaning(symbol)}" for symbol, count in counted[:_MOST]]
    more = f" and {len(counted) - _MOST} kinds more" if len(counted) > _MOST else ""
    total = f"{len(annotations.symbol):,} annotation{'' if len(annotations.symbol) == 1 else 's'}"
    return f"{total}: {', '.join(kinds)}{more}" if kinds else "no annotation"


def _meaning(symbol: str) -> str:
    known = "beats" if symbol in BEAT_SYMBOLS else _NAMES.get(symbol, "no standard symbol")
    return f" ({known})"
