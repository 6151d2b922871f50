"""N-vs-1: one class for a whole signal."""

import torch
from torch import Tensor, nn

from ecgrnn.errors import ConfigError
from ecgrnn.networks.convolutions import ConvolutionEncoder
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.nn.pooling import Pool
from ecgrnn.options.choices import Pooling


class Classifier(nn.Module):
    """Read a signal, make one vector of what was read, and judge it.

    ``p = pool(h_1 ... h_N)``, ``u = relu(W_f features + b_f)``, ``y = W_2 relu(W_1 [p, u] + b_1) + b_2``::

        x_1     x_2           x_N         features
         |       |             |             |
        h_1 --> h_2 --> ... > h_N            |
         |       |             |             |
         +-------+---- p ------+             u
                       |                     |
                       +---------- [] -------+
                                   |
                                   y           (batch, class)

    Args:
        encoder: what reads the signal.
        n_classes: classes.
        pooling: how the outputs become one vector.
        n_features: numbers that come beside each signal; 0 for none.
        feature_size: features they are turned into.
        head_size: width of the layer before the classes.
        dropout: dropout before and behind that layer.
    """

    def __init__(
        self,
        encoder: FrameEncoder | ConvolutionEncoder,
        n_classes: int,
        *,
        pooling: Pooling = Pooling.last,
        n_features: int = 0,
        feature_size: int = 16,
        head_size: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.n_features = n_features
        self.pool = Pool(pooling, encoder.output_size, bidirectional=encoder.bidirectional)
        self.beside = nn.Sequential(nn.Linear(n_features, feature_size), nn.ReLU()) if n_features else None
        joined = encoder.output_size + (feature_size if n_features else 0)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(joined, head_size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(head_size, n_classes),
        )

    def forward(
        self, signal: Tensor, lengths: Tensor | None = None, features: Tensor | None = None
    ) -> Tensor:
        """Judge a batch of signals.

        Args:
            signal: ``(batch, time, lead)``.
            lengths: samples of each row ``(batch,)``; None where every row fills the whole time.
            features: ``(batch, feature)``; left aside by a classifier that was made without.

        Returns:
            Logits ``(batch, class)``.

        Raises:
            ConfigError: the classifier was made with features and none, or another number of them, came.
        """
        logits: Tensor = self.head(self._read(signal, lengths, features))
        return logits

    def represent(
        self, signal: Tensor, lengths: Tensor | None = None, features: Tensor | None = None
    ) -> Tensor:
        """Give what the classes are read from, the layer before the last: ``(batch, feature)``."""
        represented: Tensor = self.head[:-1](self._read(signal, lengths, features))
        return represented

    def judge(self, represented: Tensor) -> Tensor:
        """Give the logits of signals from what `represent` gave."""
        logits: Tensor = self.head[-1](represented)
        return logits

    def _read(self, signal: Tensor, lengths: Tensor | None, features: Tensor | None) -> Tensor:
        """Make one vector of each signal and the features beside it."""
        outputs = self.encoder.outputs(signal, lengths)
        pooled: Tensor = self.pool(outputs, None if lengths is None else self.encoder.frame_lengths(lengths))
        if self.beside is not None:
            pooled = torch.cat([pooled, self.beside(self._checked(features))], dim=-1)
        return pooled

    def _checked(self, features: Tensor | None) -> Tensor:
        came = 0 if features is None else features.shape[-1]
        if features is None or came != self.n_features:
            raise ConfigError(f"the classifier reads {self.n_features} features a signal; got {came}")
        return features
