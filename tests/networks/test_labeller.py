from itertools import product

import pytest
import torch

from ecgrnn.errors import ConfigError
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.networks.feedback import FeedbackHead
from ecgrnn.networks.labeller import Labeller
from ecgrnn.networks.lead_set import LeadSetEncoder
from ecgrnn.nn.truncated import stretches
from ecgrnn.options.choices import Cell, Head

LENGTHS = torch.tensor([17, 4, 20, 1])
WITH_A_DISTRIBUTION = [head for head in Head if head is not Head.feedback_both]


def labeller(head, *, frame=3, bidirectional=False, n_classes=3, **options):
    encoder = FrameEncoder(2, frame, cell=Cell.lstm, hidden_size=8, bidirectional=bidirectional)
    return Labeller(encoder, n_classes, head=head, **options)


@pytest.mark.parametrize("labels_per_frame", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("head", Head)
def test_padding_batch_size_and_order_touch_no_label_probability_or_likelihood(
    head, bidirectional, labels_per_frame
):
    torch.manual_seed(0)
    network = labeller(head, frame=4, bidirectional=bidirectional, labels_per_frame=labels_per_frame).eval()
    signal = torch.randn(4, 23, 2)
    labels = torch.randint(3, (4, 6 * labels_per_frame))

    def run(rows, lengths, stop):
        scores, _ = network(signal[rows, :stop], lengths)
        known = labels[rows, : scores.shape[1]]
        return (
            network.log_likelihood(scores, known, lengths),
            network.probabilities(scores, lengths),
            network.decode(scores, lengths, beam_width=2),
        )

    everything = run(slice(None), LENGTHS, None)
    order = torch.tensor([3, 1, 0, 2])
    for got, expected in zip(run(order, LENGTHS[order], None), everything, strict=True):
        torch.testing.assert_close(got, expected[order])
    for i, length in enumerate(LENGTHS.tolist()):
        n = int(network.label_lengths(LENGTHS[i]))
        likelihood, p, found = run(slice(i, i + 1), torch.tensor([length]), length)
        torch.testing.assert_close(likelihood[0], everything[0][i])
        torch.testing.assert_close(p[0, :n], everything[1][i, :n])
        assert torch.equal(found[0, :n], everything[2][i, :n])
        assert everything[2][i, n:].eq(-1).all()
        assert everything[1][i, n:].eq(0).all()


@pytest.mark.parametrize("head", WITH_A_DISTRIBUTION)
def test_likelihoods_of_all_labellings_sum_to_one_and_give_the_probabilities(head):
    torch.manual_seed(0)
    network = labeller(head).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    signal = torch.randn(1, 12, 2, dtype=torch.float64)
    scores, _ = network(signal)
    labels = torch.tensor(list(product(range(3), repeat=4)))
    p = network.log_likelihood(scores.expand(len(labels), *scores.shape[1:]), labels).exp()
    torch.testing.assert_close(p.sum(), torch.ones((), dtype=torch.float64))
    for t, k in product(range(4), range(3)):
        mass = p[labels[:, t] == k].sum()
        torch.testing.assert_close(network.probabilities(scores)[0, t, k], mass, rtol=0, atol=1e-12)
    best = network.decode(scores, beam_width=3)
    assert torch.equal(best[0], labels[p.argmax()])


@pytest.mark.parametrize("head", Head)
def test_unknown_labels_carry_no_gradient_and_no_likelihood(head):
    torch.manual_seed(0)
    network = labeller(head)
    scores, _ = network(torch.randn(2, 12, 2))
    likelihood = network.log_likelihood(scores, torch.full((2, 4), -1))
    torch.testing.assert_close(likelihood, torch.zeros(2), rtol=0, atol=1e-6)


@pytest.mark.parametrize("head", Head)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_labeller_overfits_one_batch(head, bidirectional):
    torch.manual_seed(0)
    network = labeller(head, bidirectional=bidirectional)
    signal, labels = torch.randn(4, 24, 2), torch.randint(3, (4, 8))
    lengths = torch.tensor([24, 18, 24, 7])
    known = torch.arange(8) < network.label_lengths(lengths)[:, None]
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    for _ in range(150):
        optimizer.zero_grad()
        scores, _ = network(signal, lengths)
        loss = -network.log_likelihood(scores, labels, lengths).sum() / known.sum()
        if loss < 0.02:
            break
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    found = network.decode(network(signal, lengths)[0], lengths, beam_width=2)
    assert torch.equal(found, labels.masked_fill(~known, -1))


@pytest.mark.parametrize("head", Head)
def test_scores_in_stretches_equal_those_of_the_whole(head):
    torch.manual_seed(0)
    network = labeller(head)
    signal = torch.randn(2, 20, 2)
    whole, _ = network(signal)
    parts = [part.outputs for part in stretches(network, signal, steps=6)]
    torch.testing.assert_close(torch.cat(parts, 1), whole)


@pytest.mark.parametrize("head", [Head.linear, Head.feedback])
def test_a_causal_labeller_is_unmoved_by_the_future(head):
    torch.manual_seed(0)
    network = labeller(head)
    signal = torch.randn(1, 24, 2)
    future = signal.clone()
    future[:, 12:] += 1
    for judge in (network.probabilities, network.decode):
        now, then = judge(network(signal)[0]), judge(network(future)[0])
        torch.testing.assert_close(now[:, :4], then[:, :4], rtol=0, atol=0)


def test_several_labels_a_frame_make_a_finer_grid():
    network = labeller(Head.linear, frame=6, labels_per_frame=3)
    scores, _ = network(torch.randn(1, 12, 2))
    assert scores.shape == (1, 6, 3)
    assert network.samples_per_label == 2
    assert network.label_lengths(torch.tensor([1, 2, 3])).tolist() == [1, 1, 2]
    with pytest.raises(ConfigError, match="must divide"):
        labeller(Head.linear, frame=3, labels_per_frame=2)


@pytest.fixture
def table():
    torch.manual_seed(0)
    head = FeedbackHead(4, 3, hidden_size=6).double()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return head, head(torch.randn(5, 6, 4, dtype=torch.float64))


def test_greedy_feeds_back_what_it_chose(table):
    head, table = table
    greedy, log_p = head.decode(table, torch.ones(5, 6, dtype=torch.bool), width=1)
    for row in range(5):
        previous, total = 3, 0.0
        for t in range(6):
            best = table[row, t, previous].max(-1)
            previous, total = int(best.indices), total + best.values.item()
            assert greedy[row, t] == previous
        assert log_p[row].item() == pytest.approx(total)


def test_a_beam_that_drops_nothing_finds_the_best_of_all_sequences(table):
    head, table = table
    everything = torch.cartesian_prod(*[torch.arange(3)] * 6)
    best = torch.stack(
        [head.log_likelihood(row.expand(len(everything), *row.shape), everything).max() for row in table]
    )
    valid = torch.ones(5, 6, dtype=torch.bool)
    torch.testing.assert_close(head.decode(table, valid, width=3**5)[1], best)
    assert (head.decode(table, valid, width=1)[1] <= best + 1e-6).all()


def test_teacher_forcing_reads_the_true_label_before(table):
    head, table = table
    labels = torch.randint(3, (5, 6))
    labels[2, 3] = -1
    expected = []
    for row in labels.tolist():
        expected.append(table.new_zeros(()))
        i = len(expected) - 1
        for t, label in enumerate(row):
            before = 3 if t == 0 or row[t - 1] < 0 else row[t - 1]
            if label >= 0:
                expected[i] = expected[i] + table[i, t, before, label]
    torch.testing.assert_close(head.log_likelihood(table, labels), torch.stack(expected))


def test_scheduled_sampling_follows_its_generator_and_reaches_from_truth_to_own_labels(table):
    head, table = table
    labels = torch.randint(3, (5, 6), generator=torch.Generator().manual_seed(1))

    def likelihood(truth_probability, seed):
        generator = torch.Generator().manual_seed(seed)
        return head.log_likelihood(table, labels, truth_probability=truth_probability, generator=generator)

    torch.testing.assert_close(likelihood(0.5, 0), likelihood(0.5, 0), rtol=0, atol=0)
    assert not torch.allclose(likelihood(0.5, 0), likelihood(0.5, 1))
    # a head that is certain draws its best label: with no truth at all it walks the greedy path
    certain = torch.log_softmax(1e4 * table, dim=-1)
    greedy, log_p = head.decode(certain, torch.ones(5, 6, dtype=torch.bool), width=1)
    sampled = head.log_likelihood(certain, greedy, truth_probability=0.0)
    torch.testing.assert_close(sampled, log_p)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("lead_set", [False, True])
def test_outputs_without_a_state_are_the_scores_with_one(lead_set, lengths):
    torch.manual_seed(0)
    network = labeller(Head.linear, bidirectional=True)
    if lead_set:
        network = Labeller(LeadSetEncoder(3, cell=Cell.lstm, hidden_size=8, bidirectional=True), 3)
    signal = torch.randn(4, 23, 2)
    torch.testing.assert_close(network.outputs(signal, lengths), network(signal, lengths)[0])
