"""Trained models that come with the package: each a folder with a checkpoint, its card and its facts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgrnn.errors import CheckpointError, did_you_mean

FOLDER = Path(__file__).resolve().parent
CHECKPOINT, CARD, FACTS = "model.ckpt", "MODEL_CARD.md", "facts.json"
"""What the folder of a model holds."""

_ONE_LEAD = {"beats": "beats_one_lead"}
"""A name that stands for two files: which one serves a recording of one lead."""


@dataclass(frozen=True)
class Shipped:
    """A model that comes with the package.

    Attributes:
        name: its name, which stands wherever the path of a checkpoint may.
        kind: what it marks: ``beats``, ``waves`` or ``rhythms``.
        summary: what it is for, one line.
        facts: what its card says, as plain data.
    """

    name: str
    kind: str
    summary: str
    facts: dict[str, Any]

    @property
    def checkpoint(self) -> Path:
        """Its checkpoint."""
        return FOLDER / self.name / CHECKPOINT

    @property
    def card(self) -> Path:
        """Its model card."""
        return FOLDER / self.name / CARD


def shipped() -> list[Shipped]:
    """List the models that come with the package, by name."""
    found = []
    for name in names():
        facts = json.loads((FOLDER / name / FACTS).read_text(encoding="utf-8"))
        found.append(Shipped(name, facts["kind"], facts["summary"], facts))
    return found


def names() -> list[str]:
    """List the names of the models that come with the package."""
    return sorted(file.parent.name for file in FOLDER.glob(f"*/{CHECKPOINT}"))


def is_name(place: str | Path) -> bool:
    """Tell whether a text names a model that comes with the package; a file of that name comes first."""
    return str(place) in names() and not Path(place).is_file()


def checkpoint_path(place: str | Path) -> Path:
    """Give the checkpoint that a name or a path stands for.

    Raises:
        CheckpointError: it is a bare word that is neither.
    """
    if is_name(place):
        return FOLDER / str(place) / CHECKPOINT
    path = Path(place)
    if path.name == str(place) and not path.suffix and not path.exists():
        raise CheckpointError(
            f"{place} is neither the path of a checkpoint, such as RUN_DIR/checkpoints/best.ckpt, nor one of "
            f"the models that come with the package: {', '.join(names())}{did_you_mean(str(place), names())}"
        )
    return path


def for_leads(name: str, n_leads: int) -> str:
    """Give the name of the file that serves a recording of so many leads.

    >>> for_leads("beats", 1), for_leads("beats", 12), for_leads("waves", 1)
    ('beats_one_lead', 'beats', 'waves')
    """
    return _ONE_LEAD.get(name, name) if n_leads == 1 else name
