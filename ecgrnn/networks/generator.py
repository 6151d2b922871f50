"""1-vs-N: a signal from a class."""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ecgrnn.errors import ConfigError
from ecgrnn.nn.fused import recurrence
from ecgrnn.options.choices import Cell, InitialState, Place

LEAST_LOG_SPREAD = -5.0
"""``exp(-5)`` mV is 7 µV, about a step of the converters: a likelihood must not grow by being surer still."""


class Generator(nn.Module):
    """Write a signal, frame by frame, from one vector: the class and, where asked for, noise.

    ``v = [e(class), noise]``, ``h_t = cell(x_t, h_(t-1))``, frame ``t = W h_t + b``, where ``x_1 = v`` and

    - ``first``: ``x_t = 0`` behind the first step, so that the state alone must carry the class and the
    clock; - ``every``: ``x_t = v``, so that the state need keep the clock only::

        first                               every

        f_1     f_2     f_3                 f_1     f_2     f_3         frames of ``frame`` samples
         ^       ^       ^                   ^       ^       ^
        h_1 --> h_2 --> h_3                 h_1 --> h_2 --> h_3
         ^       ^       ^                   ^       ^       ^
         v       0       0                   v       v       v

    Args:
        n_classes: classes.
        n_leads: leads of the signal.
        frame: samples a step writes.
        cell: which equations.
        hidden_size: features of the state.
        num_layers: layers on top of each other.
        place: where the vector enters.
        embedding_size: features of a class.
        noise_size: features of the noise; 0 for none.
        spread: also say how far a signal may be from what is written, at every sample.
        dropout: dropout between layers.
        initial_state: zero or learned.
        layer_norm: scale the sums inside an LSTM; needs ``fused`` off.
        fused: the fused layers of torch.nn, or the written-out ones.
    """

    def __init__(
        self,
        n_classes: int,
        n_leads: int,
        *,
        frame: int,
        cell: Cell,
        hidden_size: int,
        num_layers: int = 1,
        place: Place = Place.every,
        embedding_size: int = 16,
        noise_size: int = 0,
        spread: bool = False,
        dropout: float = 0.0,
        initial_state: InitialState = InitialState.zero,
        layer_norm: bool = False,
        fused: bool = True,
    ) -> None:
        super().__init__()
        self.n_leads = n_leads
        self.frame = frame
        self.noise_size = noise_size
        self.place = place
        self.embedding = nn.Embedding(n_classes, embedding_size)
        self.recurrence = recurrence(
            cell,
            embedding_size + noise_size,
            hidden_size=hidden_size,
            num_layers=num_layers,
            dropout=dropout,
            initial_state=initial_state,
            layer_norm=layer_norm,
            fused=fused,
        )
        self.output = nn.Linear(hidden_size, frame * n_leads)
        self.spread = nn.Linear(hidden_size, frame * n_leads) if spread else None

    def forward(self, classes: Tensor, n_samples: int, noise: Tensor | None = None) -> Tensor:
        """Write signals of ``n_samples`` samples.

        Args:
            classes: class of each signal ``(batch,)``.
            n_samples: length of the signals; a longer signal begins with the shorter one.
            noise: ``(batch, noise)``, where the generator was made with it.

        Returns:
            The signals, ``(batch, n_samples, lead)``.

        Raises:
            ConfigError: noise of another size than the generator was made with.
        """
        return self.distribution(classes, n_samples, noise)[0]

    def distribution(
        self, classes: Tensor, n_samples: int, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Give mean and logarithm of the standard deviation of every sample, ``(batch, n_samples, lead)``.

        Samples are Gaussian, each by itself given the class: ``s_t ~ N(W h_t + b, exp(l_t)^2)``, where
        ``l_t`` is ``V h_t + d`` bent smoothly (softplus) so that it stays above `LEAST_LOG_SPREAD`. A
        generator without a spread of its own has the standard deviation 1: its likelihood is then the squared
        error, but for factor and constant. The arguments are those of `forward`.
        """
        came = 0 if noise is None else noise.shape[-1]
        if came != self.noise_size:
            raise ConfigError(f"the generator reads noise of size {self.noise_size}; got size {came}")
        vector = self.embedding(classes)
        if noise is not None:
            vector = torch.cat([vector, noise], dim=-1)
        outputs, _ = self.recurrence(self._inputs(vector, -(-n_samples // self.frame)))
        mean = self._samples(self.output(outputs), n_samples)
        if self.spread is None:
            return mean, torch.zeros_like(mean)
        # Not cut off: below the least spread the gradient would be 0, and the spread could never grow again.
        above = softplus(self._samples(self.spread(outputs), n_samples) - LEAST_LOG_SPREAD)
        return mean, LEAST_LOG_SPREAD + above

    def _samples(self, frames: Tensor, n_samples: int) -> Tensor:
        return frames.reshape(len(frames), -1, self.n_leads)[:, :n_samples]

    def _inputs(self, vector: Tensor, steps: int) -> Tensor:
        repeated = vector[:, None].expand(-1, steps, -1)
        if self.place is Place.every:
            return repeated
        first = torch.arange(steps, device=vector.device) == 0
        return repeated * first[None, :, None]
