import pytest
import torch

from ecgrnn.nn.attention import AdditiveAttention, DotAttention, attention, masked_softmax
from ecgrnn.nn.fused import recurrence
from ecgrnn.nn.pooling import Pool
from ecgrnn.options.choices import Attention, Cell, Pooling

LENGTHS = torch.tensor([4, 1, 3])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_last_is_the_last_state_of_the_top_layer(bidirectional):
    torch.manual_seed(0)
    network = recurrence(Cell.gru, 2, hidden_size=3, num_layers=2, bidirectional=bidirectional)
    outputs, state = network(torch.randn(3, 4, 2), LENGTHS)
    pooled = Pool(Pooling.last, network.output_size, bidirectional=bidirectional)(outputs, LENGTHS)
    top = state.h[-network.directions :]
    torch.testing.assert_close(pooled, torch.cat(list(top), -1))


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        (Pooling.mean, [2.5, 1, 2]),
        (Pooling.max, [4, 1, 3]),
        (Pooling.middle, [3, 1, 2]),
        (Pooling.last, [4, 1, 3]),
    ],
)
def test_pooling_takes_the_steps_it_says(pooling, expected):
    outputs = torch.tensor([1.0, 2, 3, 4]).expand(3, 4)[..., None]
    assert Pool(pooling, 1)(outputs, LENGTHS)[:, 0].tolist() == expected


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", Pooling)
def test_padding_batch_size_and_order_touch_no_pooled_vector(pooling, bidirectional):
    torch.manual_seed(0)
    pool = Pool(pooling, 6, bidirectional=bidirectional)
    outputs = torch.randn(3, 4, 6)
    pooled = pool(outputs, LENGTHS)
    padded = torch.cat([outputs, torch.full((3, 3, 6), 1e3)], 1)
    for i, length in enumerate(LENGTHS.tolist()):
        padded[i, length:] = 1e3
        torch.testing.assert_close(pool(outputs[i : i + 1, :length])[0], pooled[i])
    torch.testing.assert_close(pool(padded, LENGTHS), pooled)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(pool(outputs[order], LENGTHS[order]), pooled[order])


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", Pooling)
def test_a_row_that_fills_the_batch_is_pooled_alike_with_masks_and_without(pooling, bidirectional):
    torch.manual_seed(0)
    pool = Pool(pooling, 6, bidirectional=bidirectional)
    outputs = torch.randn(3, 5, 6, requires_grad=True)
    found = []
    for lengths in (None, torch.tensor([5, 5, 5]), torch.tensor([5, 5, 2])):
        pooled = pool(outputs, lengths)[:2]
        found.append([pooled, *torch.autograd.grad(pooled.square().sum(), [outputs, *pool.parameters()])])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@pytest.mark.parametrize("pooling", [Pooling.mean, Pooling.max, Pooling.attention])
def test_a_row_without_steps_gives_zeros_and_finite_gradients(pooling):
    pool = Pool(pooling, 2)
    outputs = torch.randn(2, 3, 2, requires_grad=True)
    pooled = pool(outputs, torch.tensor([0, 2]))
    pooled.sum().backward()
    assert pooled[0].eq(0).all()
    assert outputs.grad.isfinite().all()


@pytest.mark.parametrize("pooling", Pooling)
def test_gradients_of_pooling_are_right(pooling):
    torch.manual_seed(0)
    pool = Pool(pooling, 2).double()
    outputs = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda outputs, *_: pool(outputs, LENGTHS), (outputs, *pool.parameters()))


@pytest.mark.parametrize("kind", Attention)
def test_attention_weights_are_a_distribution_over_valid_keys(kind):
    torch.manual_seed(0)
    module = attention(kind, 5, query_size=3, hidden_size=4)
    keys, valid = torch.randn(3, 4, 5), torch.arange(4) < LENGTHS[:, None]
    context, weights = module(keys, valid, torch.randn(3, 3))
    torch.testing.assert_close(weights.sum(-1), torch.ones(3))
    assert weights[~valid].eq(0).all()
    torch.testing.assert_close(context, (weights[..., None] * keys).sum(1))


def test_additive_attention_is_its_equation():
    torch.manual_seed(0)
    module = AdditiveAttention(5, 4, query_size=3)
    keys, query = torch.randn(1, 2, 5), torch.randn(1, 3)
    energy = [
        (module.score.weight[0] * torch.tanh(module.key(keys[0, t]) + module.query(query[0]))).sum()
        for t in range(2)
    ]
    _, weights = module(keys, torch.ones(1, 2, dtype=torch.bool), query)
    torch.testing.assert_close(weights[0], torch.stack(energy).softmax(0))


def test_dot_attention_looks_at_the_key_that_points_where_the_query_does():
    module = DotAttention(2, 2)
    with torch.no_grad():
        module.query.weight.copy_(torch.eye(2) * 100)
    keys = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]])
    _, weights = module(keys, torch.ones(1, 3, dtype=torch.bool), torch.tensor([[0.0, 1.0]]))
    assert weights[0].argmax() == 1


def test_the_softmax_of_nothing_is_zero():
    valid = torch.tensor([[False, False], [True, False]])
    assert masked_softmax(torch.zeros(2, 2), valid).tolist() == [[0, 0], [1, 0]]
