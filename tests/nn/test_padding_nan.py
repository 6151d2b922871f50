"""Whatever stands in padding, NaN too, touches neither an output nor a gradient."""

import pytest
import torch
from torch import nn

from ecgrnn.data.batch import ClassBatch
from ecgrnn.networks.beat_sequence import BeatSequenceClassifier
from ecgrnn.networks.classifier import Classifier
from ecgrnn.networks.convolutions import ConvolutionEncoder
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.networks.labeller import Labeller
from ecgrnn.networks.lead_set import LeadSetEncoder
from ecgrnn.networks.translator import Translator
from ecgrnn.nn.attention import AdditiveAttention, DotAttention
from ecgrnn.nn.crf import LinearChainCrf
from ecgrnn.nn.fused import recurrence
from ecgrnn.nn.pooling import Pool, Pooling
from ecgrnn.nn.recurrence import valid_steps
from ecgrnn.options.choices import Cell, Head
from ecgrnn.tasks.strips.augmentation import augmented
from ecgrnn.tasks.strips.options import StripAugmentationConfig

LENGTHS = torch.tensor([31, 7, 40])


def filled(x, lengths, value):
    behind = ~valid_steps(lengths, x.shape[1])
    return x.masked_fill(behind.reshape(*behind.shape, *[1] * (x.ndim - 2)), value)


def assert_untouched(module: nn.Module, read, *padded, lengths=LENGTHS):
    """Compare outputs and gradients with zeros and with NaN in the padding."""
    found = []
    for value in (0.0, torch.nan):
        module.zero_grad()
        torch.manual_seed(1)
        y = read(*(filled(x, lengths, value) for x in padded))
        (y.square().sum() if y.dtype.is_floating_point else y.sum()).backward()
        found.append((y.detach(), [one.grad.clone() for one in module.parameters() if one.grad is not None]))
    (y, gradients), (other, others) = found
    assert torch.isfinite(y).all()
    torch.testing.assert_close(other, y, rtol=0, atol=0)
    for one, two in zip(gradients, others, strict=True):
        torch.testing.assert_close(two, one, rtol=0, atol=0)


@pytest.mark.parametrize("training", [True, False])
def test_convolutions(training):
    torch.manual_seed(0)
    network = ConvolutionEncoder(
        2, channels=(4, 6), strides=[3, 2], kernel=5, first_kernel=7, cell=Cell.lstm, hidden_size=5,
        num_layers=2, bidirectional=True,
    ).train(training)  # fmt: skip
    assert_untouched(network, lambda x: network.outputs(x, LENGTHS), torch.randn(3, 40, 2))


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("cell", [Cell.lstm, Cell.gru, Cell.rnn_relu, Cell.min_lstm])
@pytest.mark.parametrize("how", ["forward", "outputs"])
def test_recurrent_layers(cell, fused, how):
    torch.manual_seed(0)
    network = recurrence(cell, 3, hidden_size=4, num_layers=2, bidirectional=True, fused=fused)
    read = network.outputs if how == "outputs" else lambda x, lengths: network(x, lengths)[0]
    assert_untouched(network, lambda x: read(x, LENGTHS), torch.randn(3, 40, 3))


@pytest.mark.parametrize("pooling", Pooling)
def test_pools(pooling):
    torch.manual_seed(0)
    pool = Pool(pooling, 6, bidirectional=True)
    x = torch.randn(3, 40, 6, requires_grad=True)
    module = nn.ModuleList([pool, nn.Linear(6, 6)])
    module[1].weight.data.copy_(torch.eye(6))
    assert_untouched(
        module, lambda y: pool(filled(module[1](x), LENGTHS, 0.0) + y, LENGTHS), torch.zeros(3, 40, 6)
    )


@pytest.mark.parametrize("kind", [AdditiveAttention(5, 4, query_size=3), DotAttention(5, 3)])
def test_attention(kind):
    query, valid = torch.randn(3, 3), valid_steps(LENGTHS, 40)
    assert_untouched(kind, lambda keys: kind(keys, valid, query)[0], torch.randn(3, 40, 5))


@pytest.mark.parametrize("front", ["frames", "leads"])
@pytest.mark.parametrize("head", Head)
def test_labellers(head, front):
    torch.manual_seed(0)
    kind = {"cell": Cell.gru, "hidden_size": 5, "bidirectional": True}
    encoder = FrameEncoder(1, 4, **kind) if front == "frames" else LeadSetEncoder(4, lead_size=5, **kind)
    network = Labeller(encoder, 3, head=head)
    labels = torch.randint(0, 3, (3, 10))

    def read(x):
        scores, _ = network(x, LENGTHS)
        scores = scores + (x[:, ::4, :1] * 0).reshape(3, 10, *[1] * (scores.ndim - 2))  # NaN behind each row
        return network.log_likelihood(scores, labels, LENGTHS, truth_probability=0.5)

    lengths = torch.tensor([32, 8, 40])  # whole frames
    assert_untouched(network, read, torch.randn(3, 40, 1), lengths=lengths)


def test_a_random_field():
    crf = LinearChainCrf(3)
    labels = torch.randint(0, 3, (3, 40))
    assert_untouched(crf, lambda s: crf.log_likelihood(s, labels, LENGTHS), torch.randn(3, 40, 3))
    scores = filled(torch.randn(3, 40, 3), LENGTHS, torch.nan)
    zeros = filled(scores, LENGTHS, 0.0)
    assert torch.equal(crf.viterbi(scores, LENGTHS)[0], crf.viterbi(zeros, LENGTHS)[0])
    assert torch.equal(crf.marginals(scores, LENGTHS), crf.marginals(zeros, LENGTHS))


def test_a_translator():
    torch.manual_seed(0)
    network = Translator(FrameEncoder(2, 4, cell=Cell.gru, hidden_size=5), 3, cell=Cell.gru, hidden_size=6)
    symbols = torch.tensor([[0, 1, -1], [2, -1, -1], [1, 1, 0]])
    assert_untouched(network, lambda x: network(x, symbols, LENGTHS), torch.randn(3, 40, 2))


def test_a_classifier():
    torch.manual_seed(0)
    network = Classifier(FrameEncoder(2, 4, cell=Cell.lstm, hidden_size=5), 3, pooling=Pooling.attention)
    assert_untouched(network, lambda x: network(x, LENGTHS), torch.randn(3, 40, 2))


def test_beats_in_sequence():
    torch.manual_seed(0)
    beats = FrameEncoder(2, 4, cell=Cell.gru, hidden_size=5)
    rows = recurrence(Cell.gru, 7, hidden_size=4, bidirectional=True)
    network = BeatSequenceClassifier(beats, rows, 3, n_leads=2, n_features=3)
    lengths = torch.tensor([2, 5, 4])

    def read(signal, features):
        return network(signal, lengths, features)[valid_steps(lengths, 5)]

    signal, features = torch.randn(3, 5, 2, 12, 2), torch.randn(3, 5, 3)
    assert_untouched(network, read, signal, features, lengths=lengths)


def test_augmented_strips():
    config = StripAugmentationConfig(cut=0.3, stretch=0.2, gain=0.1, noise=0.1, flip=True)
    n = len(LENGTHS)
    for value in (0.0, torch.nan):
        torch.manual_seed(0)
        batch = ClassBatch(
            signal=filled(torch.ones(n, 40, 2), LENGTHS, value),
            lengths=LENGTHS,
            features=torch.zeros(n, 0),
            label=torch.zeros(n, dtype=torch.int64),
            index=torch.arange(n),
        )
        changed = augmented(batch, config, fs_hz=100.0)
        assert torch.isfinite(changed.signal).all()
