"""Waves lie inside their record, at its own sampling frequency."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ecgrnn.networks.labeller import Labeller
from ecgrnn.networks.lead_set import LeadSetEncoder
from ecgrnn.options.choices import Cell, Head
from ecgrnn.options.spec import SignalSpec
from ecgrnn.signals.annotations import Waves
from ecgrnn.tasks import task_of
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.delineation.prediction import at_source_fs, delineate


@pytest.mark.parametrize("source_fs_hz", [100.0, 250.0, 500.0])
def test_waves_keep_their_time_at_any_sampling_frequency_of_the_record(source_fs_hz):
    onset = np.arange(10, 2500, 250)
    waves = Waves(onset=onset, peak=onset + 10, offset=onset + 20, kind=np.full(10, "QRS"))
    n_samples = round(10 * source_fs_hz)
    moved = at_source_fs(waves, fs_hz=250.0, source_fs_hz=source_fs_hz, source_samples=n_samples)
    np.testing.assert_allclose(moved.onset / source_fs_hz, onset / 250.0, atol=0.51 / source_fs_hz)
    np.testing.assert_allclose(moved.offset / source_fs_hz, (onset + 20) / 250.0, atol=0.51 / source_fs_hz)


def test_no_wave_lies_behind_the_last_sample_of_its_record():
    last = Waves(*(np.array([2499]) for _ in range(3)), kind=np.array(["T"]))
    assert at_source_fs(last, fs_hz=250.0, source_fs_hz=500.0, source_samples=4999).offset.tolist() == [4998]


def test_what_lies_behind_the_end_of_a_record_changes_no_wave():
    torch.manual_seed(0)
    encoder = LeadSetEncoder(16, cell=Cell.gru, hidden_size=6, lead_size=8, bidirectional=True)
    network = Labeller(encoder, 4, head=Head.crf, labels_per_frame=8, label_size=6).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    task = task_of(DelineateConfig(shortest_ms=0.0, gap_ms=0.0))
    model = SimpleNamespace(network=network, task=task, signal=SignalSpec(fs_hz=250.0, leads=("I", "II")))
    signal = torch.randn(1, 250, 2)
    found = delineate(model, signal[0].numpy())
    longer, lengths = torch.nn.functional.pad(signal, (0, 0, 0, 70)), torch.tensor([250])
    with torch.inference_mode():
        labels = network.decode(network(longer, lengths)[0], lengths)
    assert (labels[:, 125:] == -1).all()
    for waves, row in zip(found, labels[:, :125].numpy(), strict=True):
        starts = np.flatnonzero((row > 0) & (row != np.append(0, row[:-1])))
        np.testing.assert_array_equal(waves.onset, np.clip(np.rint(starts * 2 - 0.5), 0, 249))
