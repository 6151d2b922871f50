import pytest
import torch
from torch.nn.functional import cross_entropy

from ecgrnn.errors import ConfigError
from ecgrnn.networks.classifier import Classifier
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.nn.truncated import stretches
from ecgrnn.options.choices import Cell, Pooling

LENGTHS = torch.tensor([17, 4, 20, 1])


def encoder(*, frame=3, bidirectional=False, **options):
    return FrameEncoder(
        2, frame, cell=Cell.gru, hidden_size=8, num_layers=2, bidirectional=bidirectional, **options
    )


def test_a_frame_is_consecutive_samples_of_all_leads_and_the_last_one_is_filled_with_zeros():
    signal = torch.arange(1.0, 15.0).reshape(1, 7, 2)
    frames = encoder().frames(signal)
    assert frames.tolist() == [[[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12], [13, 14, 0, 0, 0, 0]]]


def test_lengths_in_frames_are_rounded_up():
    assert encoder().frame_lengths(torch.tensor([0, 1, 3, 4])).tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize("projection", [None, 5])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_batch_size_and_order_touch_no_output_of_the_encoder(bidirectional, projection):
    torch.manual_seed(0)
    network = encoder(bidirectional=bidirectional, projection=projection)
    signal = torch.randn(4, 23, 2)
    outputs, state = network(signal, LENGTHS)
    order = torch.tensor([3, 1, 0, 2])
    mixed, mixed_state = network(signal[order], LENGTHS[order])
    torch.testing.assert_close(mixed, outputs[order])
    torch.testing.assert_close(mixed_state.h, state.h[:, order])
    for i, length in enumerate(LENGTHS.tolist()):
        alone, alone_state = network(signal[i : i + 1, :length])
        torch.testing.assert_close(alone[0], outputs[i, : -(-length // 3)])
        torch.testing.assert_close(alone_state.h[:, 0], state.h[:, i])
        assert outputs[i, -(-length // 3) :].eq(0).all()


def test_a_signal_read_in_stretches_of_whole_frames_equals_the_whole():
    torch.manual_seed(0)
    network = encoder()
    signal = torch.randn(4, 23, 2)
    whole, _ = network(signal, LENGTHS)
    parts = [part.outputs for part in stretches(network, signal, steps=6, lengths=LENGTHS)]
    torch.testing.assert_close(torch.cat(parts, 1), whole)


def test_a_causal_encoder_is_unmoved_by_the_future():
    torch.manual_seed(0)
    network = encoder()
    signal = torch.randn(1, 21, 2)
    future = signal.clone()
    future[:, 12:] += 1
    torch.testing.assert_close(network(future)[0][:, :4], network(signal)[0][:, :4], rtol=0, atol=0)


def test_a_frame_without_samples_is_refused():
    with pytest.raises(ConfigError, match="at least 1 sample"):
        encoder(frame=0)


@pytest.mark.parametrize("pooling", Pooling)
def test_padding_batch_size_and_order_touch_no_class(pooling):
    torch.manual_seed(0)
    network = Classifier(encoder(bidirectional=True), 3, pooling=pooling, n_features=4, dropout=0.5).eval()
    signal, features = torch.randn(4, 23, 2), torch.randn(4, 4)
    logits = network(signal, LENGTHS, features)
    order = torch.tensor([3, 1, 0, 2])
    torch.testing.assert_close(network(signal[order], LENGTHS[order], features[order]), logits[order])
    for i, length in enumerate(LENGTHS.tolist()):
        alone = network(signal[i : i + 1, :length], None, features[i : i + 1])
        torch.testing.assert_close(alone[0], logits[i])


def test_features_move_the_class_and_missing_ones_are_refused():
    torch.manual_seed(0)
    network = Classifier(encoder(), 3, n_features=2)
    signal = torch.randn(1, 6, 2)
    assert not torch.allclose(
        network(signal, None, torch.ones(1, 2)), network(signal, None, -torch.ones(1, 2))
    )
    with pytest.raises(ConfigError, match="2 features a signal; got 0"):
        network(signal)
    with pytest.raises(ConfigError, match="2 features a signal; got 3"):
        network(signal, None, torch.ones(1, 3))


@pytest.mark.parametrize("pooling", Pooling)
def test_the_classifier_overfits_one_batch(pooling):
    torch.manual_seed(0)
    network = Classifier(encoder(bidirectional=True), 4, pooling=pooling, n_features=2)
    signal, features = torch.randn(8, 20, 2), torch.randn(8, 2)
    lengths, labels = torch.randint(5, 21, (8,)), torch.arange(8) % 4
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        loss = cross_entropy(network(signal, lengths, features), labels)
        if loss < 0.05:
            break
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    assert torch.equal(network(signal, lengths, features).argmax(-1), labels)


def test_logits_are_read_from_what_it_represents():
    net = Classifier(encoder(), 4, head_size=6, dropout=0.5).eval()
    signal = torch.randn(4, 20, 2)
    represented = net.represent(signal, LENGTHS)
    assert represented.shape == (4, 6)
    torch.testing.assert_close(net.judge(represented), net(signal, LENGTHS))
