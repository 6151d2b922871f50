"""One beat of a recording explained: what its samples, its features and its neighbours add."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ecgrnn.errors import CheckpointError, ConfigError, DataError
from ecgrnn.options.deploy import ExplainConfig
from ecgrnn.options.spec import Row
from ecgrnn.reports.files import write_csv, write_text
from ecgrnn.signals.preprocessing import lead_columns
from ecgrnn.signals.recording import Recording
from ecgrnn.signals.rhythm_context import rhythm_names
from ecgrnn.tasks.beats.explanation.gradients import Attribution, attribute
from ecgrnn.tasks.beats.prediction import positions_of
from ecgrnn.tasks.beats.sequences import BeatSequenceDataset, BeatSequenceView
from ecgrnn.tasks.beats.stretches import beat_stretches
from ecgrnn.tasks.model import TrainedModel

GROUPS = (
    "shape of the beat",
    "rhythm around the beat",
    "measures of its shape",
    "beats before",
    "beats after",
)
"""What a network can lean on; the first is of samples, the next two are of features, the others of both."""

_TOLD = 5
"""Features that are told on a terminal."""


@dataclass(frozen=True)
class Explained:
    """A beat, what it is called, and why.

    Attributes:
        recording: the recording.
        beat: which of its beats, from 0.
        sample: positions of the beats of its sequence, at the recording's sampling frequency.
        classes: names of the classes.
        features: ``(feature,)``, values of its features.
        names: their names.
        attribution: what each input adds.
        fs_hz: sampling frequency of the windows.
        before: samples of a window before the beat.
        n_rhythm: how many of the features are of the rhythm; those of the shape follow.
        columns: the leads that were read.
    """

    recording: Recording
    beat: int
    sample: NDArray[np.int64]
    classes: tuple[str, ...]
    features: NDArray[np.float32]
    names: tuple[str, ...]
    attribution: Attribution
    fs_hz: float
    before: int
    n_rhythm: int
    columns: list[int]

    @property
    def called(self) -> str:
        """The class that is asked about."""
        return self.classes[self.attribution.target]

    @property
    def probability(self) -> float:
        """Its probability."""
        return float(1 / (1 + np.exp(-self.attribution.log_odds)))

    @property
    def usual_probability(self) -> float:
        """The probability of the class for the patient's usual beat in its place."""
        return float(1 / (1 + np.exp(-self.attribution.usual)))

    @property
    def time_s(self) -> float:
        """When the beat is."""
        return float(self.sample[self.attribution.place] / self.recording.fs_hz)

    def groups(self) -> dict[str, float]:
        """Give what each group of `GROUPS` adds to the log-odds."""
        return group_sums(self.attribution, n_rhythm=self.n_rhythm)

    def rows(self) -> list[Row]:
        """Give a row for each feature of the beat: its value and what it adds, the largest first."""
        added = self.attribution.features[self.attribution.place]
        order = np.argsort(-np.abs(added), kind="stable")
        return [
            {"feature": self.names[k], "value": float(self.features[k]), "adds": float(added[k])}
            for k in order
        ]


def group_sums(attribution: Attribution, *, n_rhythm: int) -> dict[str, float]:
    """Give what each group of `GROUPS` adds to the log-odds."""
    place = attribution.place
    of_beats = attribution.samples.sum(axis=(1, 2)) + attribution.features.sum(axis=1)
    own = attribution.features[place]
    sums = (
        attribution.samples[place].sum(),
        own[:n_rhythm].sum(),
        own[n_rhythm:].sum(),
        of_beats[:place].sum(),
        of_beats[place + 1 :].sum(),
    )
    return dict(zip(GROUPS, map(float, sums), strict=True))


def explain_beat(
    model: TrainedModel, recording: Recording, beat: int, *, annotator: str | None, target: str | None = None
) -> Explained:
    """Explain what one beat of a recording is called.

    Args:
        model: a classifier of beats in sequence.
        recording: the recording.
        beat: which of its beats, from 0.
        annotator: extension of an annotation file whose beats are taken; None detects them.
        target: the class that is asked about; None takes the one that the beat is called.

    Raises:
        CheckpointError: the model is exported, or classifies no beats in sequence.
        DataError: the recording cannot be read, or has fewer beats.
    """
    view = model.view()
    if not isinstance(model.network, nn.Module) or not isinstance(view, BeatSequenceView):
        raise CheckpointError(
            "explain takes the checkpoint of a classifier of beats in sequence, not an export"
        )
    sample, _ = positions_of(recording, annotator=annotator, model=model)
    if not 0 <= beat < len(sample):
        raise DataError(f"{recording.place} has {len(sample)} beats; beat={beat + 1} is none of them")
    dataset, row = _sequence_of(model, recording, view, sample, beat)
    batch = dataset.arrays([row])
    place = int(np.flatnonzero(dataset.table.source_sample[_rows(dataset, row)] == sample[beat])[0])
    asked = None if target is None else model.scheme.classes.index(target)
    return Explained(
        recording=recording,
        beat=beat,
        sample=dataset.table.source_sample[_rows(dataset, row)],
        classes=model.scheme.classes,
        features=batch.features[0, place],
        names=dataset.feature_names,
        attribution=attribute(model.network, batch, place=place, target=asked),
        fs_hz=model.signal.fs_hz,
        before=round(view.before_s * model.signal.fs_hz),
        n_rhythm=len(rhythm_names(causal=view.causal)),
        columns=list(lead_columns(recording.leads, model.preprocessing, name=recording.name)),
    )


def _rows(dataset: BeatSequenceDataset, row: int) -> slice:
    return slice(int(dataset.sequences.start[row]), int(dataset.sequences.stop[row]))


def _sequence_of(
    model: TrainedModel, recording: Recording, view: BeatSequenceView, sample: NDArray[np.int64], beat: int
) -> tuple[BeatSequenceDataset, int]:
    """Give the dataset that has a beat, and the sequence that classifies it, as prediction would cut them."""
    seen = 0
    for stretch in beat_stretches(
        recording,
        model.preprocessing,
        sample,
        reach_s=max(view.before_s, view.after_s),
        context=view.context,
        stretch_s=1800.0,
    ):
        count = stretch.scored.stop - stretch.scored.start
        if beat < seen + count:
            dataset = view.windows([stretch.record], stretch.table)
            at = stretch.scored.start + beat - seen
            kept = dataset.sequences
            return dataset, int(np.flatnonzero((kept.keep_start <= at) & (at < kept.keep_stop))[0])
        seen += count
    raise DataError(f"{recording.place}: beat={beat + 1} is in no stretch of the recording")


def explain(model: TrainedModel, recording: Recording, options: ExplainConfig) -> list[str]:
    """Explain one beat, write the page and the tables, and give what the user is told.

    Raises:
        CheckpointError: the model is exported, or classifies no beats in sequence.
        ConfigError: ``target`` is none of its classes.
        DataError: the recording cannot be read, has fewer beats, or a file cannot be written.
    """
    from ecgrnn.tasks.beats.explanation.page import explanation_page

    classes, target = model.scheme.classes, options.target
    if target is not None and target not in classes:
        raise ConfigError(f"target={target} is none of the classes {', '.join(classes)}")
    found = explain_beat(model, recording, options.beat - 1, annotator=options.annotator, target=target)
    out = Path(options.run_dir)
    write_csv(out / "features.csv", found.rows())
    write_text(out / "explanation.html", explanation_page(found))
    return [
        f"beat           {options.beat}, at {found.time_s:.2f} s",
        f"class          {found.called}, probability {found.probability:.3f}; with the patient's usual beat "
        f"in its place {found.usual_probability:.3f}",
        *(f"  {name:<24} {value:+.2f}" for name, value in found.groups().items()),
        *(f"  {row['feature']:<24} {row['adds']:+.2f}" for row in found.rows()[:_TOLD]),
        f"table          {out / 'features.csv'}",
        f"page           {out / 'explanation.html'}",
    ]
