import pytest
import torch

from ecgrnn.data.batch import SequenceBatch
from ecgrnn.networks.beat_sequence import BeatSequenceClassifier
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.nn.fused import recurrence
from ecgrnn.options.choices import Cell, Pooling
from ecgrnn.tasks.beats.augmentation import BeatAugmentation
from ecgrnn.tasks.beats.options import AugmentationConfig

NAMES = ("before_near", "absolute_before", "likeness_p:0", "likeness_p:1")


def network(*, bidirectional=True, dropout=0.0):
    torch.manual_seed(0)
    return BeatSequenceClassifier(
        FrameEncoder(2, 8, cell=Cell.gru, hidden_size=6, bidirectional=True),
        recurrence(Cell.gru, 12, hidden_size=10, bidirectional=bidirectional),
        4,
        n_leads=2,
        n_features=len(NAMES),
        pooling=Pooling.mean,
        dropout=dropout,
    )


def batch(sequences=5, beats=9):
    draw = torch.Generator().manual_seed(1)
    label = torch.randint(0, 4, (sequences, beats), generator=draw)
    return SequenceBatch(
        signal=torch.randn(sequences, beats, 2, 40, 2, generator=draw),
        lengths=torch.full((sequences,), beats),
        features=torch.randn(sequences, beats, len(NAMES), generator=draw),
        label=label,
        index=torch.arange(sequences * beats).reshape(sequences, beats),
    )


def test_padding_behind_a_sequence_changes_no_beat_in_it():
    net, one = network().eval(), batch()
    lengths = torch.tensor([9, 4, 1, 9, 6])
    together = net(one.signal, lengths, one.features)
    for row, length in enumerate(lengths.tolist()):
        rows = slice(row, row + 1)
        alone = net(one.signal[rows, :length], lengths[rows], one.features[rows, :length])
        torch.testing.assert_close(together[rows, :length], alone, rtol=0, atol=2e-6)


def test_a_causal_network_is_unmoved_by_later_beats():
    net, one = network(bidirectional=False).eval(), batch()
    before = net(one.signal, one.lengths, one.features)
    one.signal[:, 5:] += 1.0
    one.features[:, 5:] -= 1.0
    after = net(one.signal, one.lengths, one.features)
    torch.testing.assert_close(after[:, :5], before[:, :5], rtol=0, atol=1e-6)
    assert (after[:, 5:] - before[:, 5:]).abs().min() > 0


def test_it_overfits_one_batch():
    net, one = network(), batch()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(120):
        optimizer.zero_grad()
        logits = net(one.signal, one.lengths, one.features)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), one.label.flatten())
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_dropout_leaves_the_same_feature_out_of_every_beat_of_a_sequence():
    net = network(dropout=0.5).train()
    dropped = net._dropped(torch.ones(3, 9, 50))
    assert (dropped == dropped[:, :1]).all()
    assert 0 < (dropped == 0).float().mean() < 1


@pytest.mark.parametrize("lead", [0, 1])
def test_a_lost_lead_takes_its_features_with_it(lead):
    chances = [0.0, 0.0]
    chances[lead] = 0.999999
    augment = BeatAugmentation(AugmentationConfig(lead_dropout=chances), rhythm_names=NAMES[:2], fs_hz=125.0)
    changed = augment(batch())
    assert (changed.signal[:, :, lead] == 0).all()
    assert (changed.features[:, :, 2 + lead] == 0).all()
    assert (changed.signal[:, :, 1 - lead] != 0).any()
    assert (changed.features[:, :, 3 - lead] != 0).all()


def test_no_augmentation_changes_nothing():
    nothing = AugmentationConfig(
        lead_dropout=[], amplitude=0.0, noise=0.0, wander=0.0, shift_s=0.0, features=0.0, heart_rate=0.0
    )
    one = batch()
    changed = BeatAugmentation(nothing, rhythm_names=NAMES[:2], fs_hz=125.0)(one)
    torch.testing.assert_close(changed.signal, one.signal)
    torch.testing.assert_close(changed.features, one.features)


def test_the_usual_beat_gets_gain_but_no_noise():
    augment = BeatAugmentation(
        AugmentationConfig(lead_dropout=[], shift_s=0.0), rhythm_names=NAMES[:2], fs_hz=125.0
    )
    one = batch()
    ratio = augment(one).signal[..., 1] / one.signal[..., 1]
    torch.testing.assert_close(ratio, ratio[:, :1, :, :1].expand_as(ratio), rtol=1e-4, atol=1e-4)


def test_logits_are_read_from_what_it_represents():
    net, one = network(dropout=0.5).eval(), batch()
    represented = net.represent(one.signal, one.lengths, one.features)
    assert represented.shape == (5, 9, 20 + 12)
    torch.testing.assert_close(net.judge(represented), net(one.signal, one.lengths, one.features))
