import pytest
import torch

from ecgrnn.networks.beat_sequence import BeatSequenceClassifier
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.networks.lead_pool import LeadPool
from ecgrnn.nn.fused import recurrence
from ecgrnn.options.choices import Cell

RHYTHM, SHAPES = 3, 2


def network():
    torch.manual_seed(0)
    return BeatSequenceClassifier(
        FrameEncoder(2, 8, cell=Cell.gru, hidden_size=6, bidirectional=True),
        recurrence(Cell.gru, 12, hidden_size=10, bidirectional=True),
        4,
        n_leads=0,
        n_features=RHYTHM,
        lead_pool=LeadPool(12 + SHAPES, 7),
    ).eval()


def batch(leads, *, sequences=3, beats=5):
    draw = torch.Generator().manual_seed(1)
    signal = torch.randn(sequences, beats, leads, 40, 2, generator=draw)
    rhythm = torch.randn(sequences, beats, RHYTHM, generator=draw)
    shapes = torch.randn(sequences, beats, leads, SHAPES, generator=draw)
    return signal, rhythm, shapes


def judged(net, signal, rhythm, shapes):
    lengths = torch.full((len(signal),), signal.shape[1])
    return net(signal, lengths, torch.cat([rhythm, shapes.flatten(2)], dim=-1))


def same(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=2e-6)


def test_the_order_of_the_leads_changes_nothing():
    net, (signal, rhythm, shapes) = network(), batch(3)
    order = torch.tensor([2, 0, 1])
    same(judged(net, signal[:, :, order], rhythm, shapes[:, :, order]), judged(net, signal, rhythm, shapes))


@pytest.mark.parametrize("times", [2, 12])
def test_a_lead_given_several_times_counts_as_once(times):
    net, (signal, rhythm, shapes) = network(), batch(1)
    again = [signal.expand(-1, -1, times, -1, -1), rhythm, shapes.expand(-1, -1, times, -1)]
    same(judged(net, *again), judged(net, signal, rhythm, shapes))


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_a_lead_that_shows_nothing_counts_as_missing(level):
    net, (signal, rhythm, shapes) = network(), batch(3)
    signal[:, :, 1, :, 0] = level
    left = torch.tensor([0, 2])
    same(judged(net, signal, rhythm, shapes), judged(net, signal[:, :, left], rhythm, shapes[:, :, left]))


def test_a_lead_may_be_off_for_some_beats_only():
    net, (signal, rhythm, shapes) = network(), batch(2)
    off = signal.clone()
    off[:, 2, 1, :, 0] = 0.0
    assert not torch.equal(judged(net, off, rhythm, shapes), judged(net, signal, rhythm, shapes))
    shapes_changed = shapes.clone()
    shapes_changed[:, 2, 1] += 1.0  # of a lead that is off
    same(judged(net, off, rhythm, shapes_changed), judged(net, off, rhythm, shapes))


def test_records_of_different_numbers_of_leads_share_a_batch():
    net, (signal, rhythm, shapes) = network(), batch(3)
    signal[0, :, 1:], shapes[0, :, 1:] = 0.0, 0.0  # the first one has one lead
    together = judged(net, signal, rhythm, shapes)
    same(together[:1], judged(net, signal[:1, :, :1], rhythm[:1], shapes[:1, :, :1]))
    same(together[1:], judged(net, signal[1:], rhythm[1:], shapes[1:]))


def test_without_any_lead_the_rhythm_alone_is_read():
    net, (signal, rhythm, shapes) = network(), batch(2)
    nothing = torch.zeros_like(signal)
    found = judged(net, nothing, rhythm, shapes)
    assert found.isfinite().all()
    same(found, judged(net, nothing[:, :, :1], rhythm, shapes[:, :, :1]))


def test_it_overfits_one_batch():
    net, (signal, rhythm, shapes) = network().train(), batch(2)
    label = torch.randint(0, 4, signal.shape[:2], generator=torch.Generator().manual_seed(2))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(120):
        optimizer.zero_grad()
        logits = judged(net, signal, rhythm, shapes)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), label.flatten())
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
