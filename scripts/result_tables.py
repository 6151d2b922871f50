"""The tables that scripts/results.py writes into README and docs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from trainings import deviation

from ecgrnn.models import Shipped, shipped
from ecgrnn.reports.figures import interval, percent

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "results"
"""Stored results."""

BEATS = ("N", "S", "V", "F")
"""Classes of beats in tables; no test set has enough beats of class Q."""
RATIOS = ("sensitivity", "positive_predictivity", "f1")
FIDUCIALS = tuple(f"{wave} {end}" for wave in ("P", "QRS", "T") for end in ("onset", "offset"))
CSE_MS = {"P onset": 10.2, "P offset": 12.7, "QRS onset": 6.5, "QRS offset": 11.6, "T offset": 30.6}
"""Tolerances of the CSE working party (1985): standard deviation of the error of a fiducial, in ms."""


@dataclass(frozen=True)
class Figure:
    """The mean over seeds or folds, the deviation of the sample, and the mean ends of the intervals."""

    mean: float
    deviation: float | None = None
    low: float | None = None
    high: float | None = None

    def percent(self, digits: int = 1) -> str:
        """Write mean and deviation in percent."""
        spread = "" if self.deviation is None else f" ± {100 * self.deviation:.{digits}f}"
        return f"{percent(self.mean, digits=digits, unit='')}{spread}"

    def interval(self) -> str:
        """Write the interval in percent; nothing where there is none."""
        return interval(None if self.low is None or self.high is None else [self.low, self.high])


class Stored:
    """One file of docs/results."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.facts: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        self.runs: dict[str, dict[str, Any]] = self.facts.get("runs", {})

    def __contains__(self, key: str) -> bool:
        if key in self.facts.get("figures", {}):
            return True
        # undefined in one run: there is no mean
        return bool(self.runs) and all(run["figures"].get(key) is not None for run in self.runs.values())

    def __getitem__(self, key: str) -> Figure:
        if published := self.facts.get("figures", {}).get(key):
            return Figure(**published)
        values = self._by_run(key)
        ends = [run["intervals"][key] for run in self.runs.values() if key in run.get("intervals", {})]
        low, high = np.mean(ends, axis=0).tolist() if ends else (None, None)
        spread = deviation(values) if len(values) > 1 else None
        return Figure(float(np.mean(values)), spread, low, high)

    def total(self, key: str) -> float:
        """Add a count up over the folds."""
        return sum(self._by_run(key)) if self.runs else self[key].mean

    def percent(self, key: str, *, digits: int = 1, spread: bool = True) -> str:
        """Write a figure in percent: a dash where a seed or fold has none, nothing where it is not stored."""
        if key not in self:
            return "-" if any(key in run["figures"] for run in self.runs.values()) else ""
        return (self[key] if spread else Figure(self[key].mean)).percent(digits)

    def interval(self, key: str) -> str:
        """Write the interval of a figure in percent, nothing where there is none."""
        return self[key].interval() if key in self else ""

    def count(self) -> str:
        """Say how many seeds or folds there are."""
        if "count" in self.facts:
            return str(self.facts["count"])
        return f"{len(self.runs)} {next(iter(self.runs)).rstrip('-0123456789')}s"

    def when(self) -> str:
        """Say when the figures were measured, and whether the recipe has changed since."""
        earlier = "" if self.facts["recipe"] == "current" else ", earlier recipe"
        return f"{self.facts['date']}{earlier}"

    def link(self, up: str) -> str:
        """Give the address of the file, seen from a page."""
        return f"{up}results/{self.name}.json"

    def origin(self, up: str) -> str:
        """Say where the figures come from, behind a table."""
        kept = "" if self.facts["runs_kept"] else "; as published then, the runs are not kept"
        return (
            f"{self.count()}, commit {self.facts['commit']}, {self.when()}{kept}; "
            f"[figures as data]({self.link(up)})."
        )

    def _by_run(self, key: str) -> list[float]:
        return [run["figures"][key] for run in self.runs.values()]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def classes(names: Sequence[str], up: str) -> str:
    """Sensitivity, positive predictivity and F1 of each class of beats, in percent."""
    (stored,) = map(Stored, names)
    rows = [
        [name, *(stored.percent(f"{name} {ratio}") for ratio in RATIOS), stored.interval(f"{name} f1")]
        for name in BEATS
    ]
    rows += [
        [
            f"{name}, detected beats",
            *(stored.percent(f"detected {name} {ratio}", digits=digits) for ratio in RATIOS),
            "",
        ]
        for name, digits in (("QRS", 2), ("V", 1), ("S", 1))
        if f"detected {name} sensitivity" in stored
    ]
    rows.append(["mean of N, S and V", "", "", stored.percent("mean f1"), ""])
    return f"{table(['class', 'Se %', '+P %', 'F1 %', '95 % interval of F1'], rows)}\n\n{stored.origin(up)}"


def variants(names: Sequence[str], up: str) -> str:
    """F1 of N, S and V of several recipes, in percent."""
    rows = [
        [
            f"[{stored.facts['title']}]({stored.link(up)})",
            f"{stored.facts['parameters']:,}",
            *(
                stored.percent(f"{name} f1") + _in_brackets(stored.interval(f"{name} f1"))
                for name in BEATS[:3]
            ),
            stored.percent("mean f1"),
            stored.when(),
        ]
        for stored in map(Stored, names)
    ]
    return table(["F1 %", "parameters", "N", "S", "V", "mean", "measured"], rows)


def folds(names: Sequence[str], up: str) -> str:
    """F1 of each rhythm by fold, in percent."""
    (stored,) = map(Stored, names)
    keys = ("mean f1", "N f1", "A f1", "O f1")
    rows = [
        [run.replace("-", " "), *(f"{100 * found['figures'][key]:.1f}" for key in keys)]
        for run, found in stored.runs.items()
    ]
    rows.append(["mean ± deviation", *(stored.percent(key) for key in keys)])
    return f"{table(['F1 %', 'mean of N, A, O', 'N', 'A', 'O'], rows)}\n\n{stored.origin(up)}"


def waves(names: Sequence[str], up: str) -> str:
    """Onsets and offsets in every lead, or in the median over the leads: ratios in percent, errors in ms."""
    name, part = names if len(names) > 1 else (*names, "leads")
    stored, before = Stored(name), {"leads": "", "records": "record "}[part]
    head = ["fiducial", "marks", *(["Se %", "+P %"] if part == "leads" else []), "F1 %", "mean ms", "SD ms"]
    rows = []
    for fiducial in FIDUCIALS:
        key = f"{before}{fiducial}"
        ratios = [stored.percent(f"{key} {ratio}", digits=2, spread=False) for ratio in RATIOS]
        rows.append(
            [
                fiducial,
                f"{stored.total(f'{key} support'):,.0f}",
                *(ratios if part == "leads" else ratios[-1:]),
                f"{stored[f'{key} mean_ms'].mean:+.1f}",
                f"{stored[f'{key} sd_ms'].mean:.1f}",
                *([str(CSE_MS.get(fiducial, "-"))] if part == "records" else []),
            ]
        )
    head += ["CSE tolerance ms"] if part == "records" else []
    return f"{table(head, rows)}\n\n{stored.origin(up)}"


def summary(names: Sequence[str], up: str) -> str:
    """README's table: one row a task."""
    beats, rhythm, ludb = map(Stored, names)
    f1 = ", ".join(f"{name} {beats.percent(f'{name} f1')}" for name in BEATS[:3])
    intervals = ", ".join(f"{name} {beats.interval(f'{name} f1')}" for name in BEATS[:3])
    detected = ", ".join(
        f"{name} {' and '.join(beats.percent(f'detected {name} {ratio}') for ratio in RATIOS[:2])}"
        for name in ("V", "S")
    )
    ends = ", ".join(f"{name} {ludb.percent(f'{name} f1', spread=False)}" for name in FIDUCIALS)
    ds2 = "MIT-BIH, trained on DS1, scored on DS2"
    rows = [
        ["class of every beat, at reference positions", ds2, f"F1: {f1}", beats],
        ["the same: 95 % interval, by patient", ds2, f"F1: {intervals}", beats],
        ["the same at detected beats (EC57)", ds2, f"Se and +P: {detected}", beats],
        ["rhythm of a strip", "CinC 2017", f"mean F1 of N, A and O: {rhythm.percent('mean f1')}", rhythm],
        ["onset and offset of P, QRS and T", "LUDB", f"F1: {ends}", ludb],
    ]
    cells = [[*told, stored.count(), f"[{stored.when()}]({stored.link(up)})"] for *told, stored in rows]
    return table(["task", "database", "%", "mean ± deviation of", "measured"], cells)


def sources(names: Sequence[str], up: str) -> str:
    """Every stored result: what it is, how it was made, and when."""
    rows = [
        [
            f"[{stored.name}]({stored.link(up)})",
            stored.facts["title"],
            stored.count(),
            f"`{stored.facts['command']}`",
            stored.facts["commit"],
            stored.when(),
            "kept" if stored.facts["runs_kept"] else "not kept",
        ]
        for stored in (Stored(path.stem) for path in sorted(FOLDER.glob("*.json")))
    ]
    return table(["result", "what", "seeds or folds", "command", "commit", "date", "runs"], rows)


def models(names: Sequence[str], up: str) -> str:
    """The models that come with the package, from the facts of each."""
    rows = [[_model_link(model, up), model.facts["summary"], _model_figures(model)] for model in shipped()]
    return table(["model", "what it marks", "F1 % on held-out records, with 95 % interval"], rows)


TABLES: Mapping[str, Callable[[Sequence[str], str], str]] = {
    "classes": classes,
    "variants": variants,
    "folds": folds,
    "waves": waves,
    "summary": summary,
    "sources": sources,
    "models": models,
}
"""First word of a marker to its table; the other words name stored results."""


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _model_link(model: Shipped, up: str) -> str:
    root = "" if up == "docs/" else f"{up}../"
    return f"[`{model.name}`]({root}ecgrnn/models/{model.name}/MODEL_CARD.md)"


def _model_figures(model: Shipped) -> str:
    figures = {
        key.removesuffix("_f1"): Figure(found["value"], None, found["low"], found["high"])
        for key, found in model.facts["figures"].items()
        if key != "macro_f1"
    }
    return ", ".join(f"{name} {figure.percent()} ({figure.interval()})" for name, figure in figures.items())
