"""From a long signal to a short sequence of vectors: strided convolutions, read by recurrent layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ecgrnn.errors import ConfigError
from ecgrnn.nn.fused import recurrence
from ecgrnn.nn.recurrence import valid_steps
from ecgrnn.options.choices import Cell, InitialState


class ConvolutionEncoder(nn.Module):
    """Shorten a signal by strided convolutions and read what is left step by step.

    A strip of half a minute has thousands of samples: too many steps for a recurrent layer to remember over,
    and a frame of samples moves against the beats. Convolutions give a step the same vector wherever in it a
    beat lies, and the recurrent layers read how beats follow each other::

        signal   (batch, time, lead)
          |      convolution, stride s_1                            (batch, time / s_1, c_1)
          |      residual block, stride s_2                         (batch, time / (s_1 s_2), c_2)
          :
        x_1 ... x_N                                                 (batch, steps, c_K)
        h_1 --> h_2 --> ... --> h_N                                 (batch, steps, output_size)

    Every layer is set to zero behind a row's length, as the zeros are that a convolution finds beyond the end
    of a row that fills the whole time: in evaluation padding touches no output. In training the mean and the
    variance of batch normalisation are over the padded steps too, so that batches should be of rows of about
    one length.

    Inside, a step's features lie side by side in memory, as they do in ``signal`` and in what the recurrent
    layers read: no copy is needed, and a processor multiplies them several times faster.

    Args:
        n_leads: leads of the signal.
        channels: features of each stage.
        strides: how many steps each stage makes into one.
        kernel: taps of the convolutions of a block, odd.
        first_kernel: taps of the first convolution, odd.
        drop: probability with which a feature of a block is set to zero in training, at all steps of a row.
        cell: which recurrent equations.
        hidden_size: features of the state, in each layer and direction.
        num_layers: recurrent layers on top of each other.
        bidirectional: read in both directions.
        dropout: probability with which an output between two recurrent layers is set to zero in training.
        initial_state: zero or learned.
        layer_norm: scale the sums inside an LSTM; needs ``fused`` off.
        fused: the fused layers of torch.nn, or the written-out ones.

    Raises:
        ConfigError: not one stride for each stage, or an even number of taps.
    """

    def __init__(
        self,
        n_leads: int,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        kernel: int,
        first_kernel: int,
        drop: float = 0.0,
        cell: Cell,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        initial_state: InitialState = InitialState.zero,
        layer_norm: bool = False,
        fused: bool = True,
    ) -> None:
        super().__init__()
        _check(channels, strides, kernels=(kernel, first_kernel))
        self.n_leads = n_leads
        self.first = Convolution(n_leads, channels[0], kernel=first_kernel, stride=strides[0])
        pairs = zip(channels[:-1], channels[1:], strides[1:], strict=True)
        self.blocks = nn.ModuleList(
            Block(n, m, kernel=kernel, stride=stride, drop=drop) for n, m, stride in pairs
        )
        self.recurrence = recurrence(
            cell,
            channels[-1],
            hidden_size=hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            initial_state=initial_state,
            layer_norm=layer_norm,
            fused=fused,
        )

    @property
    def bidirectional(self) -> bool:
        """Whether the signal is read backwards too."""
        return self.recurrence.bidirectional

    @property
    def output_size(self) -> int:
        """Features of an output: the directions side by side."""
        return self.recurrence.output_size

    def frame_lengths(self, lengths: Tensor) -> Tensor:
        """Turn lengths in samples into lengths in steps, a step that is begun counted whole."""
        for stage in (self.first, *self.blocks):
            lengths = _shortened(lengths, int(stage.stride))
        return lengths

    def outputs(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Read a batch of signals.

        Args:
            signal: ``(batch, time, lead)``.
            lengths: samples of each row ``(batch,)``; None where every row fills the whole time.

        Returns:
            Outputs ``(batch, steps, output_size)``, zero behind a row's length.
        """
        read: Tensor = self(signal, lengths)
        return read

    def forward(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Read a batch of signals, see ``outputs``."""
        x = _zero_behind(signal.transpose(1, 2)[:, :, None], lengths)
        for stage in (self.first, *self.blocks):
            lengths = None if lengths is None else _shortened(lengths, int(stage.stride))
            x = stage(x, lengths)
        return self.recurrence.outputs(x[:, :, 0].transpose(1, 2), lengths)


class Convolution(nn.Module):
    """``relu(norm(convolution(x)))``, zero behind each row's length."""

    def __init__(self, n: int, m: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.convolution = _convolution(n, m, kernel=kernel, stride=stride)
        self.norm = nn.BatchNorm2d(m)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Read ``(batch, feature, 1, time)``; what lies behind a row's length stays 0."""
        return _zero_behind(torch.relu(self.norm(self.convolution(x))), lengths)


class Block(nn.Module):
    """A strided convolution and a residual one: ``y = conv_1(x)``, ``relu(y + norm(conv_2(drop(y))))``.

    Whole features are dropped (Tompson et al., Efficient object localization, 2015): the step beside a
    dropped one tells nearly the same, and a mask for every step takes longer to draw than a convolution to
    compute.
    """

    def __init__(self, n: int, m: int, *, kernel: int, stride: int, drop: float) -> None:
        super().__init__()
        self.stride = stride
        self.shorten = Convolution(n, m, kernel=kernel, stride=stride)
        self.drop = nn.Dropout2d(drop)
        self.convolution = _convolution(m, m, kernel=kernel, stride=1)
        self.norm = nn.BatchNorm2d(m)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Read ``(batch, feature, 1, time)``; what lies behind a row's length stays 0."""
        y = self.shorten(x, lengths)
        return _zero_behind(torch.relu(y + self.norm(self.convolution(self.drop(y)))), lengths)


def _convolution(n: int, m: int, *, kernel: int, stride: int) -> nn.Conv2d:
    """Give a convolution over ``(batch, feature, 1, time)``: only those with two axes know channels_last."""
    made = nn.Conv2d(n, m, (1, kernel), stride=(1, stride), padding=(0, kernel // 2), bias=False)
    made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


def _check(channels: Sequence[int], strides: Sequence[int], *, kernels: Sequence[int]) -> None:
    if not channels or len(channels) != len(strides) or min(*channels, *strides) < 1:
        raise ConfigError(
            f"the convolutions need one stride for each number of channels, all at least 1; "
            f"got {list(channels)} channels and {list(strides)} strides"
        )
    for kernel in kernels:
        if kernel < 1 or kernel % 2 == 0:
            raise ConfigError(
                f"a convolution has an odd number of taps, so that it has a middle; got {kernel}"
            )


def _shortened(lengths: Tensor, stride: int) -> Tensor:
    """Count the steps of a convolution of odd width, padded by half of it: one for each stride begun."""
    return (lengths + stride - 1) // stride


def _zero_behind(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Set ``(batch, feature, 1, time)`` to zero behind each row's length."""
    if lengths is None:
        return x
    # filled and not multiplied: whatever stands in padding, NaN too, is no part of a row
    return x.masked_fill(~valid_steps(lengths.to(x.device), x.shape[3])[:, None, None], 0)
