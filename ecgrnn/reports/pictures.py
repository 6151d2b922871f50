"""Pictures for experiment trackers, drawn with matplotlib: confusion matrix, learning curves, ECG strips."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgrnn.reports.paper import Stretch

Picture = NDArray[np.uint8]
"""``(height, width, colour)``."""

_DPI = 100
_MM_PER_INCH = 25.4


def learning_pictures(rows: Sequence[Mapping[str, str]]) -> dict[str, Picture]:
    """Draw loss and macro-F1 of training and validation over the epochs.

    Args:
        rows: the training's ``metrics.csv``.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for place, (quantity, words) in enumerate((("loss", "loss"), ("macro_f1", "macro-F1"))):
        axes = figure.add_subplot(1, 2, place + 1)
        for stage in ("training", "validation"):
            course = [
                (float(row["epoch"]), float(row[f"{stage}/{quantity}"]))
                for row in rows
                if row.get("epoch") and row.get(f"{stage}/{quantity}")
            ]
            if course:
                axes.plot(*np.array(course).T, marker=".", label=stage)
        axes.set(xlabel="epoch", ylabel=words)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    return {"learning_curves": _picture(figure)}


def confusion_picture(matrix: NDArray[np.int64], *, classes: Sequence[str]) -> Picture:
    """Draw counts ``(reference, predicted)``, shaded by their share of the reference class."""
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    places = range(len(classes))
    axes.set(xlabel="predicted", ylabel="reference")
    axes.set_xticks(places, classes)
    axes.set_yticks(places, classes)
    for row, column in np.ndindex(*matrix.shape):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, f"{matrix[row, column]:,}", ha="center", va="center", color=colour)
    return _picture(figure)


def strip_picture(stretch: Stretch) -> Picture:
    """Draw a stretch at 25 mm/s and 10 mm/mV with each beat's class: reference above, prediction below."""
    seconds = len(stretch.signal) / stretch.fs_hz
    n_leads = stretch.signal.shape[1]
    figure = Figure(
        figsize=(max(4.0, seconds * 25 / _MM_PER_INCH), 30 * n_leads / _MM_PER_INCH + 0.7),
        layout="constrained",
    )
    time_s = stretch.start_s + np.arange(len(stretch.signal)) / stretch.fs_hz
    for lead in range(n_leads):
        axes = figure.add_subplot(n_leads, 1, lead + 1)
        axes.plot(time_s, stretch.signal[:, lead], color="black", linewidth=0.8)
        axes.set(ylabel=f"{stretch.leads[lead]} (mV)", xlim=(time_s[0], time_s[0] + seconds))
        axes.grid(color="#e9a1a9", linewidth=0.4)
        if lead == 0:
            _label_beats(axes, stretch)
    figure.axes[-1].set_xlabel("s")
    return _picture(figure)


def _label_beats(axes: Axes, stretch: Stretch) -> None:
    for mark in stretch.marks:
        colour = "#b3261e" if mark.predicted != mark.reference else "black"
        text = f"{mark.reference}\n{mark.predicted}"
        across = axes.get_xaxis_transform()
        axes.text(
            mark.time_s, 1.02, text, transform=across, ha="center", va="bottom", color=colour, fontsize=8
        )


def _picture(figure: Figure) -> Picture:
    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasAgg(figure)  # without annotations
    canvas.draw()
    return np.array(canvas.buffer_rgba(), dtype=np.uint8)[..., :3].copy()
