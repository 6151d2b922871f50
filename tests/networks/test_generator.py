import pytest
import torch

from ecgrnn.errors import ConfigError
from ecgrnn.networks.generator import LEAST_LOG_SPREAD, Generator
from ecgrnn.options.choices import Cell, Place


def generator(place, **options):
    torch.manual_seed(0)
    return Generator(3, 2, frame=4, cell=Cell.gru, hidden_size=32, place=place, **options)


@pytest.mark.parametrize("place", Place)
def test_a_longer_signal_begins_with_the_shorter_one_and_rows_do_not_touch(place):
    network = generator(place)
    classes = torch.tensor([2, 0, 1])
    signal = network(classes, 30)
    assert signal.shape == (3, 30, 2)
    torch.testing.assert_close(network(classes, 17), signal[:, :17])
    torch.testing.assert_close(network(classes[1:2], 30)[0], signal[1])


def test_at_the_first_step_only_the_input_is_gone_behind_it():
    vector = torch.ones(2, 3)
    assert generator(Place.first)._inputs(vector, 4).sum((0, 2)).tolist() == [6, 0, 0, 0]
    assert generator(Place.every)._inputs(vector, 4).sum((0, 2)).tolist() == [6, 6, 6, 6]


@pytest.mark.parametrize("place", Place)
def test_noise_moves_the_signal_and_noise_of_the_wrong_size_is_refused(place):
    network = generator(place, noise_size=5)
    classes = torch.tensor([1, 1])
    one, other = network(classes, 8, torch.randn(2, 5))
    assert not torch.allclose(one, other)
    with pytest.raises(ConfigError, match="size 5; got size 0"):
        network(classes, 8)
    with pytest.raises(ConfigError, match="size 0; got size 5"):
        generator(place)(classes, 8, torch.randn(2, 5))


@pytest.mark.parametrize("place", Place)
def test_the_generator_overfits_one_batch(place):
    network = generator(place)
    classes, t = torch.arange(3), torch.linspace(0, 1, 40)
    target = torch.stack([torch.sin(6.28 * (c + 1) * t) for c in range(3)])[..., None].expand(-1, -1, 2)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (network(classes, 40) - target).square().mean()
        if loss < 0.01 * target.square().mean():
            break
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    assert loss < 0.01 * target.square().mean()


def test_a_spread_below_its_least_can_grow_again():
    network = generator(Place.every, spread=True)
    network.spread.bias.data.fill_(LEAST_LOG_SPREAD - 20)
    mean, log_sd = network.distribution(torch.arange(3), 30)
    assert (log_sd >= LEAST_LOG_SPREAD).all()
    beats = mean.detach() + 1.0
    (0.5 * (beats - mean).square() * torch.exp(-2 * log_sd) + log_sd).mean().backward()
    assert (network.spread.bias.grad < 0).all()  # a step against the gradient makes the spread larger


def test_a_spread_well_above_its_least_is_as_it_was_written():
    network = generator(Place.every, spread=True)
    network.spread.weight.data.zero_()
    network.spread.bias.data.fill_(1.5)
    log_sd = network.distribution(torch.arange(3), 30)[1]
    torch.testing.assert_close(log_sd, torch.full_like(log_sd, 1.5), rtol=0, atol=2e-3)
