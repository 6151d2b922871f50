import pytest
import torch

from ecgrnn.errors import ConfigError
from ecgrnn.networks.convolutions import ConvolutionEncoder
from ecgrnn.options.choices import Cell

LENGTHS = torch.tensor([61, 7, 80, 1])


def encoder(*, num_layers=1, channels=(4, 6)):
    return ConvolutionEncoder(
        1,
        channels=channels,
        strides=[3, 2],
        kernel=5,
        first_kernel=7,
        cell=Cell.lstm,
        hidden_size=8,
        num_layers=num_layers,
        bidirectional=True,
    )


@pytest.mark.parametrize("num_layers", [1, 2])
def test_padding_batch_size_and_order_touch_no_output(num_layers):
    torch.manual_seed(0)
    network = encoder(num_layers=num_layers).eval()
    signal = torch.randn(4, 95, 1)
    outputs = network.outputs(signal, LENGTHS)
    order = torch.tensor([3, 1, 0, 2])
    torch.testing.assert_close(network.outputs(signal[order], LENGTHS[order]), outputs[order])
    for row, length in enumerate(LENGTHS.tolist()):
        steps = int(network.frame_lengths(torch.tensor(length)))
        alone = network.outputs(signal[row : row + 1, :length])
        torch.testing.assert_close(alone[0], outputs[row, :steps])
        assert outputs[row, steps:].eq(0).all()


def test_reading_without_packing_equals_reading_packed_rows():
    torch.manual_seed(0)
    recurrence = encoder(num_layers=2).recurrence
    x, lengths = torch.randn(3, 9, 6), torch.tensor([4, 9, 1])
    torch.testing.assert_close(recurrence.outputs(x, lengths), recurrence(x, lengths)[0])


def test_every_stage_needs_a_stride():
    with pytest.raises(ConfigError, match="one stride for each number of channels"):
        encoder(channels=(4, 6, 8))
