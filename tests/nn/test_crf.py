from itertools import pairwise, product

import pytest
import torch

from ecgrnn.nn.crf import LinearChainCrf

LENGTHS = torch.tensor([4, 1, 3])


@pytest.fixture
def crf():
    torch.manual_seed(0)
    crf = LinearChainCrf(3).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf


@pytest.fixture
def scores():
    return torch.randn(3, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def enumerate_paths(crf, scores):
    """Score every sequence of labels of one row by the sum in the definition."""
    paths = list(product(range(scores.shape[-1]), repeat=len(scores)))
    totals = []
    for path in paths:
        total = crf.start[path[0]] + crf.end[path[-1]]
        total = total + sum(scores[t, k] for t, k in enumerate(path))
        totals.append(total + sum(crf.transitions[j, k] for j, k in pairwise(path)))
    return paths, torch.log_softmax(torch.stack(totals), 0), torch.logsumexp(torch.stack(totals), 0)


def test_partition_likelihood_marginals_and_best_path_equal_enumeration(crf, scores):
    labels = torch.randint(3, (3, 4), generator=torch.Generator().manual_seed(2))
    partition, likelihood = crf.log_partition(scores, LENGTHS), crf.log_likelihood(scores, labels, LENGTHS)
    marginals, (best, best_likelihood) = crf.marginals(scores, LENGTHS), crf.viterbi(scores, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        paths, log_p, log_z = enumerate_paths(crf, scores[row, :length])
        torch.testing.assert_close(partition[row], log_z, rtol=0, atol=1e-12)
        torch.testing.assert_close(
            likelihood[row], log_p[paths.index(tuple(labels[row, :length].tolist()))], rtol=0, atol=1e-12
        )
        assert paths[int(log_p.argmax())] == tuple(best[row, :length].tolist())
        assert best[row, length:].eq(-1).all()
        torch.testing.assert_close(best_likelihood[row], log_p.max(), rtol=0, atol=1e-12)
        for t, k in product(range(length), range(3)):
            mass = sum(log_p[i].exp() for i, path in enumerate(paths) if path[t] == k)
            torch.testing.assert_close(marginals[row, t, k], mass, rtol=0, atol=1e-12)
        assert marginals[row, length:].eq(0).all()


def test_the_likelihoods_of_all_sequences_sum_to_one(crf, scores):
    labels = torch.tensor(list(product(range(3), repeat=4)))
    likelihood = crf.log_likelihood(scores[:1].expand(len(labels), -1, -1), labels)
    torch.testing.assert_close(likelihood.exp().sum(), torch.tensor(1.0, dtype=torch.float64))


def test_labels_that_are_not_known_are_summed_over(crf, scores):
    labels = torch.tensor([[2, -1, 0, -100], [-1, -1, -1, -1], [1, 1, -1, 2]])
    likelihood = crf.log_likelihood(scores, labels)
    for row in range(3):
        paths, log_p, _ = enumerate_paths(crf, scores[row])
        fitting = [
            log_p[i]
            for i, path in enumerate(paths)
            if all(
                known in (label, -1, -100) for label, known in zip(path, labels[row].tolist(), strict=True)
            )
        ]
        torch.testing.assert_close(likelihood[row], torch.stack(fitting).logsumexp(0), rtol=0, atol=1e-12)


def test_marginals_are_the_gradient_of_the_log_partition(crf, scores):
    scores.requires_grad_()
    (gradient,) = torch.autograd.grad(crf.log_partition(scores, LENGTHS).sum(), scores)
    torch.testing.assert_close(crf.marginals(scores, LENGTHS), gradient, rtol=0, atol=1e-12)


def test_gradients_of_the_likelihood_are_right(crf, scores):
    scores.requires_grad_()
    labels = torch.tensor([[2, -1, 0, 1], [1, 0, 0, 0], [1, 1, 2, 2]])
    assert torch.autograd.gradcheck(
        lambda scores, *_: crf.log_likelihood(scores, labels, LENGTHS), (scores, *crf.parameters())
    )


def test_padding_and_order_of_the_batch_touch_nothing(crf, scores):
    labels = torch.zeros(3, 6, dtype=torch.long)
    padded = torch.cat([scores, torch.full((3, 2, 3), 1e6, dtype=torch.float64)], 1)
    order = torch.tensor([2, 0, 1])
    for got, expected in (
        (crf.log_likelihood(padded, labels, LENGTHS), crf.log_likelihood(scores, labels[:, :4], LENGTHS)),
        (crf.marginals(padded, LENGTHS)[:, :4], crf.marginals(scores, LENGTHS)),
        (crf.viterbi(padded, LENGTHS)[0][:, :4], crf.viterbi(scores, LENGTHS)[0]),
        (crf.viterbi(scores[order], LENGTHS[order])[0], crf.viterbi(scores, LENGTHS)[0][order]),
    ):
        torch.testing.assert_close(got, expected)


def test_without_transitions_every_step_is_judged_alone(scores):
    crf = LinearChainCrf(3).double()
    torch.testing.assert_close(crf.marginals(scores), scores.softmax(-1))
    assert torch.equal(crf.viterbi(scores)[0], scores.argmax(-1))


def log_partition_written_out(crf, scores):
    """The forward recursion of one row in logarithms, for autograd to differentiate step by step."""
    alpha = crf.start + scores[0]
    for step in scores[1:]:
        alpha = torch.logsumexp(alpha[:, None] + crf.transitions, dim=0) + step
    return torch.logsumexp(alpha + crf.end, dim=0)


@pytest.mark.parametrize("size", [1, 100])
def test_a_long_sequence_equals_the_recursion_in_logarithms_and_its_gradients(crf, size):
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.mul_(size)
    generator = torch.Generator().manual_seed(0)
    scores = size * torch.randn(2, 300, 3, dtype=torch.float64, generator=generator)
    labels, lengths = torch.randint(-1, 3, (2, 300), generator=generator), torch.tensor([300, 170])
    scores.requires_grad_()
    inputs = (scores, *crf.parameters())
    found = torch.autograd.grad(crf.log_likelihood(scores, labels, lengths).sum(), inputs)
    expected = 0
    for row, length in enumerate(lengths.tolist()):
        other = (labels[row, :length, None] != torch.arange(3)) & (labels[row, :length, None] >= 0)
        constrained = scores[row, :length].masked_fill(other, -torch.inf)
        expected = expected + log_partition_written_out(crf, constrained)
        expected = expected - log_partition_written_out(crf, scores[row, :length])
    torch.testing.assert_close(
        crf.log_likelihood(scores, labels, lengths).sum(), expected, rtol=1e-12, atol=0
    )
    for a, b in zip(found, torch.autograd.grad(expected, inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)


def test_single_precision_stays_near_double_over_a_long_sequence(crf):
    scores = 3 * torch.randn(2, 1000, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(3, (2, 1000), generator=torch.Generator().manual_seed(1))
    gradients = []
    for kind in (torch.float64, torch.float32):
        crf.to(kind)
        given = scores.to(kind).requires_grad_()
        gradients += torch.autograd.grad(crf.log_likelihood(given, labels).sum(), [given])
    torch.testing.assert_close(gradients[1].double(), gradients[0], rtol=0, atol=1e-6)
