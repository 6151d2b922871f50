"""A causal recipe, from samples to logits: what comes later than it says changes nothing."""

import dataclasses

import numpy as np
import pytest
import torch

from ecgrnn.data.windows import table_of_positions
from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import Normalisation
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.data import LoaderConfig, PreprocessingConfig
from ecgrnn.options.networks import BeatSequenceNetworkConfig
from ecgrnn.options.spec import SignalSpec
from ecgrnn.signals.annotations import beats_of, read_annotations
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.symbols import SCHEMES
from ecgrnn.tasks import task_of
from ecgrnn.tasks.beats.cut import cut_sequences
from ecgrnn.tasks.beats.logits import beat_logits
from ecgrnn.tasks.beats.options import BeatSequenceConfig

LOOK_AHEAD_S = 0.496
"""What the recipe says: the window of a beat ends so long behind its R peak."""

CAUSAL = PreprocessingConfig(fs_hz=125.0, causal=True)


@pytest.fixture(scope="module")
def record(small_database):
    """Give a simulated record of a minute and its beats."""
    record = read_record(small_database / "s003", n_leads=2)
    read = read_annotations(small_database / "s003", "atr", fs_hz=record.fs_hz)
    return record, beats_of(read, SCHEMES["aami"]).sample


def logits(record, sample, *, causal: bool = True) -> np.ndarray:
    """Give the logits of an untrained network of the recipe, as predict computes them."""
    preprocessing = CAUSAL if causal else dataclasses.replace(CAUSAL, causal=False)
    task = BeatSequenceConfig(before_s=0.4, after_s=LOOK_AHEAD_S, sequence_beats=24, causal=causal)
    config = BeatSequenceNetworkConfig()
    config.sequence.bidirectional = False
    prepared = prepare_record(record, preprocessing)
    torch.manual_seed(0)
    signal = SignalSpec(prepared.fs_hz, prepared.leads)
    network = task_of(task).network(config, signal=signal, n_classes=5)
    view = task_of(task).view(annotator="", scheme=SCHEMES["aami"], loader=LoaderConfig())
    return beat_logits(
        network, view.windows([prepared], table_of_positions([prepared], [sample])), batch_size=8
    )


def with_other_future(record, from_sample: int, kind: str):
    signal = record.signal.copy()
    if kind == "step of 1 mV":
        signal[from_sample:] += 1.0
    elif kind == "noise":
        signal[from_sample:] = np.random.default_rng(0).normal(0, 50, signal[from_sample:].shape)
    elif kind == "missing":
        signal[from_sample:] = np.nan
    else:
        signal = signal[:from_sample]
    return dataclasses.replace(record, signal=signal)


@pytest.mark.parametrize("kind", ["step of 1 mV", "noise", "missing", "cut off"])
@pytest.mark.parametrize("beat", [3, 20, 40])
@pytest.mark.parametrize("known", ["all beats", "no later beat"])
def test_the_future_changes_no_logit(record, kind, beat, known):
    recorded, sample = record
    whole = logits(recorded, sample)
    now = int(sample[beat] + LOOK_AHEAD_S * recorded.fs_hz) + 1
    until = beat + 1 if known == "no later beat" or kind == "cut off" else len(sample)
    found = logits(with_other_future(recorded, now, kind), sample[:until])
    np.testing.assert_allclose(found[: beat + 1], whole[: beat + 1], rtol=0, atol=2e-6)
    if until == len(sample) and kind != "cut off":
        assert np.abs(found[beat + 1 :] - whole[beat + 1 :]).max() > 1e-3  # the change is one that matters


def test_a_recipe_that_is_not_causal_is_moved_by_its_future(record):
    recorded, sample = record
    now = int(sample[20] + LOOK_AHEAD_S * recorded.fs_hz) + 36  # 0.1 s behind the window
    other = with_other_future(recorded, now, "step of 1 mV")
    whole, found = logits(recorded, sample, causal=False), logits(other, sample, causal=False)
    assert np.abs(found[20] - whole[20]).max() > 1e-3


def test_where_a_causal_sequence_begins_does_not_depend_on_how_many_beats_follow():
    def of(n_beats: int) -> dict[int, int]:
        rows = cut_sequences(np.array([n_beats]), length=16, training=False, causal=True)
        starts = zip(rows.start, rows.keep_start, rows.keep_stop, strict=True)
        return {beat: start for start, first, last in starts for beat in range(first, last)}

    longest = of(200)
    for n_beats in range(1, 100):
        found = of(n_beats)
        assert found == {beat: longest[beat] for beat in range(n_beats)}


def test_a_causal_task_refuses_filters_that_are_not():
    task = BeatSequenceConfig(before_s=0.4, after_s=LOOK_AHEAD_S, causal=True)
    with pytest.raises(ConfigError, match=r"task\.causal=true needs preprocessing\.causal=true"):
        TrainConfig(task=task, preprocessing=PreprocessingConfig())
    assert TrainConfig(task=task, preprocessing=CAUSAL).preprocessing.normalisation is Normalisation.none
