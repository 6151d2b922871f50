"""Train the models that come with the package; write checkpoints, cards and the tables of models.

    python scripts/ship_models.py                               # all of them, from the data
    python scripts/ship_models.py --only waves                  # one of them
    python scripts/ship_models.py --only waves --from RUN_DIR   # from a training that is done
    python scripts/ship_models.py --only waves --from RUN_DIR --scored EVALUATION   # scored again since

The weights are those that the run scored. What prediction does not need is left out: the optimiser's state,
and, where the file would exceed 1 MB, the digests of the recordings, by which `audit` recognises them under
other names. They were trained on the training part of a published split, not on all that is at hand: the
figures of the card are measured on exactly these weights.
"""

import argparse
import csv
import io
import json
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

import results  # noqa: E402
from trainings import checked_out  # noqa: E402

from ecgrnn.data.databases import DATABASES  # noqa: E402
from ecgrnn.inference.checkpoint import load_model  # noqa: E402
from ecgrnn.models import CARD, CHECKPOINT, FACTS, FOLDER  # noqa: E402
from ecgrnn.tasks.checkpoint_file import DIGESTS  # noqa: E402

LARGEST = 1_000_000
"""Bytes of a checkpoint."""


@dataclass(frozen=True)
class Recipe:
    """How a model is made, and what its card says first."""

    kind: str
    summary: str
    words: tuple[str, ...]
    figures: tuple[str, ...]
    records: tuple[str, ...]
    """Held-out records whose figures tests/models compares."""


_BEATS = ("macro_f1", "N_f1", "S_f1", "V_f1")
_DS2 = ("100", "210", "232")
RECIPES = {
    "beats": Recipe(
        "beats", "class of every beat (N S V F Q), two leads", ("experiment=mitdb_beats",), _BEATS, _DS2
    ),
    "beats_one_lead": Recipe(
        "beats",
        "class of every beat, one lead (beats uses it for recordings with one lead only)",
        ("experiment=mitdb_beats", "preprocessing.n_leads=1"),
        _BEATS,
        _DS2,
    ),
    "beats_causal": Recipe(
        "beats",
        "class of every beat from what came before it, two leads",
        ("experiment=mitdb_beats_causal",),
        _BEATS,
        _DS2,
    ),
    "beats_tiny": Recipe(
        "beats",
        "class of every beat by a small network, two leads",
        ("experiment=mitdb_beats_tiny",),
        _BEATS,
        _DS2,
    ),
    "waves": Recipe(
        "waves",
        "onset, peak and offset of P, QRS and T in any number of leads",
        ("experiment=ludb_delineation", "data.fold=0"),
        tuple(f"{wave} {mark}" for wave in ("P", "QRS", "T") for mark in ("onset", "offset")),
        ("data/15", "data/29"),
    ),
    "rhythm": Recipe(
        "rhythms",
        "rhythm of strips (N normal, A atrial fibrillation, O other, ~ noise), one lead",
        ("experiment=cinc2017_rhythm", "data.fold=0"),
        ("macro_f1", "N_f1", "A_f1", "O_f1"),
        ("A00001", "A00006", "A00015"),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=RECIPES, help="write this model only")
    parser.add_argument("--from", dest="run_dir", type=Path, help="a training that is done, of --only")
    parser.add_argument("--scored", type=Path, help="a later evaluation of that training, for the figures")
    parser.add_argument("--commit", help="the commit that it was trained at; by default the one checked out")
    parser.add_argument("--runs", type=Path, default=Path("runs/ship"), help="where trainings are kept")
    given = parser.parse_args()
    if given.scored and not given.run_dir:
        parser.error("--scored is an evaluation of the training that --from names")
    if given.run_dir and not given.only:
        parser.error("--from is a training of one model: name it with --only")
    for name in [given.only] if given.only else RECIPES:
        run_dir = given.run_dir or _trained(name, given.runs / name)
        print(ship(name, run_dir, scored=given.scored or run_dir, commit=given.commit or checked_out()))
    results.write()


def ship(name: str, run_dir: Path, *, scored: Path, commit: str, folder: Path = FOLDER) -> str:
    """Write the checkpoint, the facts and the card of a model, and say how large it is.

    Args:
        name: the model.
        run_dir: its training.
        scored: where its figures are: the training, or a later evaluation.
        commit: what it was trained at.
        folder: where models are.
    """
    recipe, place = RECIPES[name], folder / name
    place.mkdir(parents=True, exist_ok=True)
    content, kept = stripped(scored_checkpoint(run_dir))
    (place / CHECKPOINT).write_bytes(content)
    model = load_model(place / CHECKPOINT)
    database = DATABASES[model.data.database]
    summary = json.loads((scored / "summary.json").read_text(encoding="utf-8"))
    command = f"python -m ecgrnn train {shlex.join((*recipe.words, 'seed=0'))}"
    facts = {
        "kind": recipe.kind,
        "summary": recipe.summary,
        "trained_on": f"{database.title}, split {model.trained.split.name}, its training part",
        "database": database.name,
        "command": command,
        "commit": commit,
        "parameters": sum(one.numel() for one in model.network.parameters()),
        "figures": {key: _figure(summary["intervals"][key]) for key in recipe.figures},
        "records": _records(scored, recipe),
        "licence_of_data": database.licence,
        "citation": database.citation,
        "versions": model.facts["versions"],
        "knows_recordings": kept,
    }
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    (place / FACTS).write_text(text + "\n", encoding="utf-8")
    (place / CARD).write_text(_card(name, scored, facts), encoding="utf-8")
    return f"{name:<14} {len(content) / 1000:.0f} kB, from {run_dir.name}"


def scored_checkpoint(run_dir: Path) -> Path:
    """Give the checkpoint that the run scored: the best epoch or the last."""
    options = yaml.safe_load((run_dir / "config.yaml").read_text(encoding="utf-8"))
    return run_dir / "checkpoints" / f"{options['test_checkpoint']}.ckpt"


def stripped(path: Path) -> tuple[bytes, bool]:
    """Give a checkpoint of what prediction needs, compressed, and whether it has digests of recordings."""
    whole = torch.load(path, map_location="cpu", weights_only=True)
    facts = dict(whole["ecgrnn"])
    # where the data were on the machine that trained is nobody's business
    facts["data"] = {**facts["data"], "root": None, "cache": "data/cache"}
    kept: dict[str, Any] = {"state_dict": whole["state_dict"], DIGESTS: whole[DIGESTS], "ecgrnn": facts}
    content = _packed(kept)
    if len(content) <= LARGEST:
        return content, True
    content = _packed({**kept, "ecgrnn": {**facts, "contents": {}}})
    if len(content) > LARGEST:
        raise SystemExit(f"{path} takes {len(content):,} bytes; a model of the package may take {LARGEST:,}")
    return content, False


def _packed(content: Mapping[str, Any]) -> bytes:
    """Save, and compress the archive, which torch reads as well."""
    plain, packed = io.BytesIO(), io.BytesIO()
    torch.save(dict(content), plain)
    with (
        zipfile.ZipFile(plain) as archive,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out,
    ):
        for item in archive.infolist():
            # a fixed date: the same weights give the same file
            out.writestr(zipfile.ZipInfo(item.filename), archive.read(item), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _figure(found: Mapping[str, Any]) -> dict[str, float | None]:
    low, high = found["bca"] or (None, None)
    return {"value": found["estimate"], "low": low, "high": high}


def _records(run_dir: Path, recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Give the rows of records.csv that tests compare with."""
    with (run_dir / "records.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["record"] in recipe.records]
    match recipe.kind:
        case "beats":
            return {row["record"]: {"accuracy": float(row["accuracy"])} for row in rows}
        case "waves":
            found: dict[str, dict[str, Any]] = {name: {} for name in recipe.records}
            for row in rows:
                found[row["record"]][row["fiducial"]] = float(row["f1"])
            return found
        case _:
            names = ("predicted", "p_N", "p_A", "p_O", "p_~")
            return {
                row["record"]: {
                    name: row[name] if name == "predicted" else float(row[name]) for name in names
                }
                for row in rows
            }


def _card(name: str, run_dir: Path, facts: Mapping[str, Any]) -> str:
    own = (run_dir / "MODEL_CARD.md").read_text(encoding="utf-8").removeprefix("# Model card\n").strip()
    knows = (
        "keeps the digests of the recordings it has seen, so that `audit` recognises them"
        if facts["knows_recordings"]
        else "has no digests of the recordings it has seen, which would not fit; it knows their names"
    )
    versions = ", ".join(f"{package} {version}" for package, version in facts["versions"].items())
    return f"""# Model card: {name}

{facts["summary"][0].upper()}{facts["summary"][1:]}. Comes with ecgrnn; use it with `checkpoint={name}`.

{own}

## How it was made

- `{facts["command"]}`, at commit {facts["commit"]} ({versions});
  rebuilt by `python scripts/ship_models.py --only {name}`.
- Trained on the training part of the split only, not on all recordings at hand: the figures above are
  measured on exactly these weights.
- The file {knows}.
- Figures as data: `facts.json`.

## Licence

The weights are part of ecgrnn (Apache License 2.0). The data are under the {facts["licence_of_data"]};
cite: {facts["citation"]}
"""


def _trained(name: str, run_dir: Path) -> Path:
    if not (run_dir / "summary.json").is_file():
        words = (*RECIPES[name].words, "seed=0", f"run_dir={run_dir}")
        subprocess.run([sys.executable, "-m", "ecgrnn", "train", *words], check=True, cwd=ROOT)
    return run_dir


if __name__ == "__main__":
    main()
