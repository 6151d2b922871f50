import pytest
import torch

from ecgrnn.errors import ConfigError
from ecgrnn.networks.labeller import Labeller
from ecgrnn.networks.lead_set import LeadSetEncoder
from ecgrnn.options.choices import Cell, Head


def encoder(**options):
    torch.manual_seed(0)
    options = {"cell": Cell.lstm, "hidden_size": 5, "lead_size": 6, "bidirectional": True} | options
    return LeadSetEncoder(4, **options)


def test_every_lead_has_a_row_and_their_order_and_number_are_free():
    network, signal = encoder(), torch.randn(2, 22, 3)
    h, _ = network(signal)
    assert h.shape == (2 * 3, 6, 6)
    order = torch.tensor([2, 0, 1])
    mixed, _ = network(signal[..., order])
    torch.testing.assert_close(
        mixed.unflatten(0, (2, 3)), h.unflatten(0, (2, 3))[:, order], rtol=0, atol=1e-6
    )
    assert network(signal[..., :1])[0].shape == (2, 6, 6)


def test_a_lead_is_read_with_the_others():
    network, signal = encoder(), torch.randn(1, 20, 2)
    other = signal.clone()
    other[..., 1] *= 3
    assert not torch.allclose(network(signal)[0][0], network(other)[0][0], atol=1e-4)


@pytest.mark.parametrize("head", Head)
def test_padding_batch_size_and_order_touch_no_label_of_a_record(head):
    torch.manual_seed(1)
    network = Labeller(encoder(), 3, head=head, labels_per_frame=2).eval()
    lengths = torch.tensor([9, 24, 17])
    padded = torch.full((3, 28, 2), torch.nan)
    for row, n in enumerate(lengths.tolist()):
        padded[row, :n] = torch.randn(n, 2)
    scores, _ = network(padded, lengths)
    found = network.decode(scores, lengths)
    p = network.probabilities(scores, lengths)
    for row, n in enumerate(lengths.tolist()):
        alone, _ = network(padded[row : row + 1, :n])
        labels, own = -(-n // 2), slice(2 * row, 2 * row + 2)
        expected = network.probabilities(alone, lengths[row : row + 1])[:, :labels]
        torch.testing.assert_close(p[own, :labels], expected, rtol=0, atol=1e-5)
        assert (found[own, :labels] >= 0).all()
        assert (found[own, labels:] == -1).all()


def test_a_causal_encoder_is_unmoved_by_the_future():
    signal = torch.randn(2, 32, 2)
    future = signal.clone()
    future[:, 20:] += 1
    for bidirectional in (False, True):
        network = encoder(bidirectional=bidirectional)
        same = torch.equal(network(signal)[0][:, :5], network(future)[0][:, :5])
        assert same is not bidirectional


def test_it_overfits_one_batch_of_records_whose_leads_differ():
    torch.manual_seed(0)
    network = Labeller(encoder(hidden_size=16, lead_size=16), 3, labels_per_frame=2)
    signal, labels = torch.randn(2, 24, 2), torch.randint(3, (4, 12))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    for _ in range(100):
        scores, _ = network(signal)
        loss = -network.log_likelihood(scores, labels).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(network.decode(network(signal)[0]), labels)


def test_a_frame_without_samples_is_refused():
    with pytest.raises(ConfigError, match="at least 1 sample"):
        LeadSetEncoder(0, cell=Cell.gru, hidden_size=2)
