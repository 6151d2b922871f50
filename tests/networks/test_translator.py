from itertools import product

import pytest
import torch
from torch.nn.functional import nll_loss

from ecgrnn.errors import ConfigError
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.networks.translator import Translator
from ecgrnn.options.choices import Attention, Cell, Context, Place

EVERY = list(product(Context, Place))
LENGTHS = torch.tensor([17, 4, 20, 1])
SYMBOLS = torch.tensor([[0, 1, 2, 0], [1, -1, -1, -1], [2, 2, -1, -1], [-1, -1, -1, -1]])


def translator(context, place, *, bidirectional=True, hidden_size=16, **options):
    torch.manual_seed(0)
    encoder = FrameEncoder(2, 3, cell=Cell.lstm, hidden_size=8, bidirectional=bidirectional)
    return Translator(
        encoder, 3, cell=Cell.gru, hidden_size=hidden_size, context=context, place=place, **options
    )


@pytest.mark.parametrize(("context", "place"), EVERY)
def test_padding_batch_size_and_order_touch_no_symbol(context, place):
    network = translator(context, place)
    signal = torch.randn(4, 23, 2)
    log_p = network(signal, SYMBOLS, LENGTHS)
    found = network.decode(signal, LENGTHS, max_symbols=5, beam_width=3)
    order = torch.tensor([3, 1, 0, 2])
    torch.testing.assert_close(network(signal[order], SYMBOLS[order], LENGTHS[order]), log_p[order])
    mixed = network.decode(signal[order], LENGTHS[order], max_symbols=5, beam_width=3)
    assert torch.equal(mixed.symbols, found.symbols[order])
    for i, length in enumerate(LENGTHS.tolist()):
        row = slice(i, i + 1)
        torch.testing.assert_close(network(signal[row, :length], SYMBOLS[row])[0], log_p[i])
        alone = network.decode(signal[row, :length], max_symbols=5, beam_width=3)
        assert torch.equal(alone.symbols[0], found.symbols[i])
        torch.testing.assert_close(alone.log_probability[0], found.log_probability[i])


def test_targets_end_with_the_stop_symbol():
    network = translator(Context.last, Place.every)
    assert network.targets(SYMBOLS).tolist() == [
        [0, 1, 2, 0, 3],
        [1, 3, -1, -1, -1],
        [2, 2, 3, -1, -1],
        [3, -1, -1, -1, -1],
    ]


@pytest.mark.parametrize(("context", "place"), EVERY)
def test_teacher_forcing_over_all_symbols_equals_step_after_step(context, place):
    network = translator(context, place).double()
    signal = torch.randn(4, 23, 2, dtype=torch.float64)
    memory, log_p = network.read(signal, LENGTHS), []
    for before in torch.cat([torch.full((4, 1), network.start), SYMBOLS], dim=1).unbind(dim=1):
        next_log_p, memory = network.step(torch.where(before < 0, network.stop, before), memory)
        log_p.append(next_log_p)
    torch.testing.assert_close(network(signal, SYMBOLS, LENGTHS), torch.stack(log_p, 1), rtol=0, atol=1e-12)


def log_probability(network, signal, sequence):
    symbols = torch.tensor([sequence])
    targets = network.targets(symbols)
    log_p = network(signal, symbols)
    return log_p[0].gather(1, targets[0].clamp(min=0)[:, None]).squeeze(1)[targets[0] >= 0].sum()


@pytest.mark.parametrize(("context", "place"), EVERY)
def test_the_widest_beam_finds_the_best_of_all_sequences(context, place):
    network = translator(context, place).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    signal = torch.randn(1, 20, 2, dtype=torch.float64)
    with torch.no_grad():
        found = network.decode(signal, max_symbols=3, beam_width=64)
        totals = {}
        for n in range(3):
            for sequence in product(range(3), repeat=n):
                padded = (*sequence, *[-1] * (3 - n))
                totals[padded] = log_probability(network, signal, padded).item()
        for sequence in product(range(3), repeat=3):
            log_p = network(signal, torch.tensor([sequence]))[0, :3]
            totals[sequence] = log_p.gather(1, torch.tensor(sequence)[:, None]).sum().item()
    best = max(totals, key=totals.__getitem__)
    assert tuple(found.symbols[0].tolist()) == best
    assert found.log_probability.item() == pytest.approx(totals[best])
    assert found.lengths.item() == sum(symbol >= 0 for symbol in best)


def test_greedy_decoding_takes_the_best_symbol_of_each_step():
    network = translator(Context.attention, Place.every)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    signal = torch.randn(3, 20, 2)
    found = network.decode(signal, max_symbols=6)
    memory, before = network.read(signal), torch.full((3,), network.start)
    over = torch.zeros(3, dtype=torch.bool)
    for t in range(6):
        log_p, memory = network.step(before, memory)
        before = log_p.argmax(-1)
        over |= before == network.stop
        assert torch.equal(found.symbols[:, t], before.masked_fill(over, -1))


@pytest.mark.parametrize(("context", "place"), EVERY)
def test_the_translator_overfits_one_batch(context, place):
    network = translator(context, place)
    signal = torch.randn(4, 23, 2)
    targets = network.targets(SYMBOLS)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        log_p = network(signal, SYMBOLS, LENGTHS)
        loss = nll_loss(log_p.flatten(0, 1), targets.flatten(), ignore_index=-1)
        if loss < 0.05:
            break
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    for width in (1, 3):
        found = network.decode(signal, LENGTHS, max_symbols=4, beam_width=width)
        assert torch.equal(found.symbols, SYMBOLS)
        assert found.lengths.tolist() == [4, 1, 2, 0]


@pytest.mark.parametrize("energy", Attention)
def test_attention_at_every_step_looks_at_valid_frames_alone(energy):
    network = translator(Context.attention, Place.every, energy=energy)
    memory = network.read(torch.randn(4, 23, 2), LENGTHS)
    _, weights = network.attend.look(memory.keys, torch.randn(4, 16))
    frames = torch.arange(8) < network.encoder.frame_lengths(LENGTHS)[:, None]
    assert weights[~frames].eq(0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(4))


@pytest.mark.parametrize(("context", "place"), EVERY)
def test_an_lstm_of_several_layers_decodes_too(context, place):
    torch.manual_seed(0)
    encoder = FrameEncoder(2, 3, cell=Cell.gru, hidden_size=8)
    network = Translator(
        encoder, 3, cell=Cell.lstm, hidden_size=8, num_layers=2, context=context, place=place
    )
    signal = torch.randn(2, 12, 2)
    found = network.decode(signal, max_symbols=4, beam_width=2)
    assert found.symbols.shape == (2, 4)
    changed = network.decode(signal + 1, max_symbols=4, beam_width=2)
    assert not torch.equal(found.log_probability, changed.log_probability)


def test_the_last_state_as_first_state_needs_a_decoder_of_its_size():
    with pytest.raises(ConfigError, match="hidden_size=16"):
        translator(Context.last, Place.first, hidden_size=8)
