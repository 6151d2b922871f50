"""A training that goes on from a checkpoint: it must be on the same data as before."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ecgrnn.data.splits.split import SUBSETS, Split, Stretch
from ecgrnn.errors import ConfigError, some_of
from ecgrnn.tasks.facts import Facts


@dataclass(frozen=True)
class Last:
    """The checkpoint that a training goes on from.

    Attributes:
        path: its file.
        facts: what it was trained on.
        step: how many steps were taken.
        seconds: how long that took.
    """

    path: Path
    facts: Facts
    step: int
    seconds: float


def continued(now: Facts, last: Last | None, *, run_dir: str) -> Facts:
    """Add what each stretch of a training was trained on: all stretches must be trained on the same.

    The options may be equal to the letter while the split file, the records or the label scheme behind them
    are not: patients who were trained on could be tested on.

    Args:
        now: what is trained on now.
        last: the checkpoint the training continues from; None for a new training.
        run_dir: the run folder.

    Raises:
        ConfigError: naming what differs.
    """
    first = Stretch(0, now.split.digest, now.fingerprint)
    if last is None:
        return replace(now, stretches=(first,))
    found = _difference(last.facts, now)
    if found:
        raise ConfigError(
            f"resume={run_dir} cannot continue: {found}. Restore the data it was trained on, or start "
            "a new run"
        )
    return replace(now, stretches=(*(last.facts.stretches or (first,)), replace(first, from_step=last.step)))


def _difference(before: Facts, now: Facts) -> str:
    """Say in what a training's data differ from those of its beginning; empty where in nothing."""
    if before.split.digest != now.split.digest:
        return f"the split differs from the one it was trained on: {_moved(before.split, now.split)}"
    if before.fingerprint != now.fingerprint:
        kept = before.contents
        names = [name for name, here in now.contents.items() if kept.get(name, here) != here]
        which = f": {some_of(names)}" if names else ""
        return f"the files of its records (or their labels) changed since it was trained on them{which}"
    scheme = _first_other("scheme", vars(before.scheme), vars(now.scheme))
    return scheme or _first_other("signal", vars(before.signal), vars(now.signal))


def _first_other(name: str, before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Name the first field that has another value than before; empty where none has."""
    for key, value in now.items():
        if value != before[key]:
            return f"{name}.{key} was {before[key]!r:.60} and is {value!r:.60} now"
    return ""


def _moved(before: Split, now: Split) -> str:
    """Name the first records that are in another subset, or another patient's, than they were."""
    where = [
        {name: (subset, one.patients[name]) for subset, names in one.subsets.items() for name in names}
        for one in (before, now)
    ]
    said = []
    for name in sorted({*where[0], *where[1]}):
        old, new = (one.get(name, ("not in it", name)) for one in where)
        if old[0] != new[0]:
            said.append(f"{name} was {_in(old[0])} and is {_in(new[0])} now")
        elif old[1] != new[1]:
            said.append(f"{name} was of patient {old[1]} and is of {new[1]} now")
    return some_of(said, most=3) or "its named overlaps changed"


def _in(subset: str) -> str:
    return subset if subset not in SUBSETS else f"in {subset}"
