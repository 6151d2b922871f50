"""The page of a sweep: its course, what mattered, each trial across its options, the best to train with."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecgrnn.options.spec import Row
from ecgrnn.reports.charts import Series, line_chart
from ecgrnn.reports.figures import decimal
from ecgrnn.reports.parallel import Axis, Line, parallel_chart
from ecgrnn.reports.render import TEMPLATES, render

_WORDS = {
    "macro_f1": "macro-F1 on validation patients",
    "parameters": "weights of the network",
    "seconds": "seconds of training",
}
_HEADS = ("epochs", "wall s", "host", "tried again after")
_MOST_TICKS = 8


@dataclass(frozen=True)
class SweepShown:
    """What the page shows.

    Attributes:
        study: name of the study.
        wanted: finished trials the study is to have.
        objectives: names of the objectives; the first is drawn over the trials.
        space: option to its values, as plain data.
        rows: one row per trial.
        importances: option to its share; empty where too little is known.
        best: trials that none beats, the best in the first objective first, each with its words.
        command: how to train with the best one.
    """

    study: str
    wanted: int
    objectives: Sequence[str]
    space: Mapping[str, Mapping[str, Any]]
    rows: Sequence[Row]
    importances: Mapping[str, float]
    best: Sequence[tuple[int, Sequence[str]]]
    command: str


def sweep_page(shown: SweepShown) -> str:
    """Write the page."""
    by_number = {row["trial"]: row for row in shown.rows}
    columns = [*shown.space, "epochs", "wall_seconds", "host", "retry_of"]
    return render(
        TEMPLATES / "sweep.html",
        study=shown.study,
        wanted=shown.wanted,
        objectives=list(shown.objectives),
        rows=shown.rows,
        best=[
            (number, [_figure(by_number[number][one]) for one in shown.objectives], words)
            for number, words in shown.best
        ],
        command=shown.command,
        history=_course(shown),
        front=_front(shown) if len(shown.objectives) > 1 else None,
        importances=sorted(shown.importances.items(), key=lambda item: -item[1]),
        parallel=_parallel(shown),
        heads=["trial", "state", *shown.objectives, *_short_names(list(shown.space)), *_HEADS],
        trials=[
            [_cell(row.get(name)) for name in ("trial", "state", *shown.objectives, *columns)]
            for row in shown.rows
        ],
    )


def _course(shown: SweepShown) -> str | None:
    first = shown.objectives[0]
    complete, pruned = (_points(shown, state) for state in ("complete", "pruned"))
    if not complete:
        return None
    sign = 1.0 if first == "macro_f1" else -1.0
    best: list[tuple[float, float]] = []
    for number, value in sorted(complete):
        top = max([value * sign, *(point[1] * sign for point in best[-1:])]) * sign
        best.append((number, top))
    values = [value for _, value in complete + pruned]
    return line_chart(
        [
            Series("best so far", best, style=1),
            Series("complete", [], style=0, dots=complete, joined=False),
            *(
                [Series("pruned, at its last epoch", [], style=4, dots=pruned, joined=False)]
                if pruned
                else []
            ),
        ],
        x_label="trial",
        y_label=_WORDS[first],
        x_range=(0.0, max(1.0, *(float(row["trial"] or 0) for row in shown.rows))),
        y_range=_room(values),
        whole_x=True,
    )


def _front(shown: SweepShown) -> str | None:
    first, second = shown.objectives[:2]
    points = [
        (float(row[second] or 0), float(row[first] or 0)) for row in shown.rows if row["state"] == "complete"
    ]
    chosen = {number for number, _ in shown.best}
    front = sorted(
        (float(row[second] or 0), float(row[first] or 0)) for row in shown.rows if row["trial"] in chosen
    )
    if not points:
        return None
    return line_chart(
        [
            Series("trials", [], style=0, dots=points, joined=False),
            Series("none is better in both", front, style=1, dots=front),
        ],
        x_label=_WORDS[second],
        y_label=_WORDS[first],
        x_range=_room([x for x, _ in points]),
        y_range=_room([y for _, y in points]),
    )


def _parallel(shown: SweepShown) -> str | None:
    rows = [row for row in shown.rows if row["state"] == "complete"]
    first = shown.objectives[0]
    names = [name for name in shown.space if all(row.get(name) is not None for row in rows)]
    if len(rows) < 2 or not names:
        return None
    scales = [_Scale.of(name, shown.space[name]) for name in names]
    result = _Scale.between(first, [float(row[first] or 0) for row in rows])
    chosen = {number for number, _ in shown.best}
    sign = 1.0 if first == "macro_f1" else -1.0
    lines = []
    for row in rows:
        height = result.height(row[first])
        lines.append(
            Line(
                heights=[*(scale.height(row[scale.name]) for scale in scales), height],
                weight=height if sign > 0 else 1.0 - height,
                best=row["trial"] in chosen,
                title=f"trial {row['trial']}: {first} {_figure(row[first])}",
            )
        )
    return parallel_chart([scale.axis() for scale in [*scales, result]], lines)


def _short_names(names: Sequence[str]) -> list[str]:
    """Give the end of each dotted name, as many parts of it as tell it from the others.

    >>> _short_names(["network.encoder.hidden_size", "network.sequence.hidden_size", "loader.batch_size"])
    ['encoder.hidden_size', 'sequence.hidden_size', 'batch_size']
    """
    parts = [name.split(".") for name in names]
    short = []
    for own in parts:
        length = 1
        while length < len(own) and sum(other[-length:] == own[-length:] for other in parts) > 1:
            length += 1
        short.append(".".join(own[-length:]))
    return short


@dataclass(frozen=True)
class _Scale:
    """Where a value of an option stands on its axis."""

    name: str
    choices: Sequence[str]
    low: float
    high: float
    log: bool

    @classmethod
    def of(cls, name: str, values: Mapping[str, Any]) -> "_Scale":
        """Make the scale of an option from its search space."""
        if "choices" in values:
            return cls(name, [str(choice) for choice in values["choices"]], 0.0, 1.0, log=False)
        low, high, log = float(values.get("low", 0.0)), float(values["high"]), bool(values.get("log"))
        return cls(name, (), low, high, log=log)

    @classmethod
    def between(cls, name: str, values: Sequence[float]) -> "_Scale":
        """Make a scale from the lowest to the highest of some values."""
        return cls(name, (), min(values), max(values), log=False)

    def height(self, value: object) -> float:
        """Give where a value stands, 0 at the foot and 1 at the top."""
        if self.choices:
            return self.choices.index(str(value)) / max(len(self.choices) - 1, 1)
        low, high, at = (self._even(float(str(one))) for one in (self.low, self.high, value))
        return (at - low) / ((high - low) or 1.0)

    def axis(self) -> Axis:
        """Give the axis as it is drawn."""
        if self.choices:
            shown = self.choices if len(self.choices) <= _MOST_TICKS else ()
            return Axis(self.name, [(self.height(choice), choice) for choice in shown])
        ends = dict.fromkeys((self.low, self.high))
        return Axis(self.name, [(self.height(end), f"{end:.4g}") for end in ends])

    def _even(self, value: float) -> float:
        return math.log(value) if self.log else value


def _points(shown: SweepShown, state: str) -> list[tuple[float, float]]:
    first = shown.objectives[0]
    return [
        (float(row["trial"] or 0), float(row[first] or 0))
        for row in shown.rows
        if row["state"] == state and row[first] is not None
    ]


def _room(values: Sequence[float]) -> tuple[float, float]:
    """Give a range that holds the values with a little room."""
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _figure(value: object) -> str:
    number = float(str(value))
    return f"{int(number):,}" if number == int(number) and number > 1 else decimal(number, digits=4)


def _cell(value: str | int | float | None) -> str | int | None:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value
