"""The page of an explained beat: where on the paper the class comes from, and which numbers it leans on."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgrnn.reports.paper import Mark, strip_svg
from ecgrnn.reports.render import render
from ecgrnn.tasks.beats.explanation.explain import Explained

_AROUND_S = 2.5
"""So much is drawn before and after the beat."""

_FEATURES = 12
"""Features in the table; the others add less."""


def explanation_page(explained: Explained) -> str:
    """Write the page."""
    groups = explained.groups()
    largest = max(map(abs, groups.values())) or 1.0
    return render(
        Path(__file__).parent / "templates" / "explanation.html",
        explained=explained,
        drawing=drawing(explained),
        groups=[(name, value, abs(value) / largest) for name, value in groups.items()],
        features=explained.rows()[:_FEATURES],
    )


def drawing(explained: Explained) -> str:
    """Draw the beat among its neighbours, shaded where samples speak for its class or against it."""
    recording, fs_hz = explained.recording, explained.recording.fs_hz
    at = int(explained.sample[explained.attribution.place])
    start = max(at - round(_AROUND_S * fs_hz), 0)
    stop = min(at + round(_AROUND_S * fs_hz), recording.n_samples)
    columns = explained.columns
    marks = [
        Mark(time_s=float(at / fs_hz), reference="", symbol="", predicted=explained.called, focus=True),
    ]
    return strip_svg(
        recording.stretch(columns=columns, start=start, stop=stop).signal,
        fs_hz=fs_hz,
        leads=[recording.names[column] for column in columns],
        start_s=start / fs_hz,
        marks=marks,
        shading=shading(explained, start=start, stop=stop),
    )


def shading(explained: Explained, *, start: int, stop: int) -> NDArray[np.float32]:
    """Give what the samples between two places add, ``(time, lead)``, the largest 1 or -1.

    Windows of beats overlap; what they add there is summed.
    """
    samples, ratio = explained.attribution.samples, explained.recording.fs_hz / explained.fs_hz
    total = np.zeros((stop - start, samples.shape[1]), np.float32)
    inside = np.arange(start, stop)
    for position, added in zip(explained.sample.tolist(), samples, strict=False):
        index = np.floor((inside - position) / ratio).astype(np.int64) + explained.before
        seen = (index >= 0) & (index < added.shape[1])
        total[seen] += added[:, index[seen]].T
    return np.asarray(total / (np.abs(total).max() or 1.0), np.float32)
