"""One vector from a sequence of vectors: the last, the middle, the mean, the largest, or a learned mean."""

from typing import assert_never

import torch
from torch import Tensor, nn

from ecgrnn.nn.attention import AdditiveAttention
from ecgrnn.nn.recurrence import at_steps, fills_time, valid_steps
from ecgrnn.options.choices import Pooling


class Pool(nn.Module):
    """Turn the outputs of a recurrent stack into one vector a row, padding left out.

    - ``last``: each direction after its last step: forwards ``y_L``, backwards ``y_1``. It is the last
    state of the
      top layer.
    - ``middle``: the output at step ``L // 2``, which lies on a beat in the centre of its window.
    - ``mean``: ``(y_1 + ... + y_L) / L``.
    - ``max``: the largest value of each feature.
    - ``attention``: a mean whose weights are learned; Yang et al., Hierarchical attention networks (2016).

    A row of length 0 gives zeros for mean, max and attention.

    Args:
        pooling: which of these.
        n_features: features of an output, both directions together.
        bidirectional: the second half of the features was read backwards.
    """

    def __init__(self, pooling: Pooling, n_features: int, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.pooling = pooling
        self.bidirectional = bidirectional
        self.attention = (
            AdditiveAttention(n_features, n_features) if pooling is Pooling.attention else nn.Identity()
        )

    def forward(self, outputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pool outputs ``(batch, time, features)`` with lengths ``(batch,)`` into ``(batch, features)``."""
        if lengths is None or fills_time(lengths, outputs.shape[1]):
            return self._whole(outputs)
        lengths = lengths.to(outputs.device)
        valid = valid_steps(lengths, outputs.shape[1])
        match self.pooling:
            case Pooling.last:
                return self._last(outputs, lengths)
            case Pooling.middle:
                return at_steps(outputs, lengths // 2)
            case Pooling.mean:
                total = outputs.masked_fill(~valid[..., None], 0).sum(dim=1)
                mean: Tensor = total / lengths.clamp(min=1)[:, None]
                return mean
            case Pooling.max:
                lowest = torch.finfo(outputs.dtype).min
                largest = outputs.masked_fill(~valid[..., None], lowest).amax(dim=1)
                return largest.masked_fill((lengths == 0)[:, None], 0)
            case Pooling.attention:
                attended: Tensor = self.attention(outputs, valid)[0]
                return attended
            case _:
                assert_never(self.pooling)

    def _whole(self, outputs: Tensor) -> Tensor:
        """Pool where nothing is padding: without masks, which cost more than the sum itself."""
        time = outputs.shape[1]
        match self.pooling:
            case Pooling.last:
                ends = outputs[:, -1], outputs[:, 0]
                return torch.cat(_halves(*ends), dim=-1) if self.bidirectional else ends[0]
            case Pooling.middle:
                return outputs[:, time // 2]
            case Pooling.mean:
                return outputs.sum(dim=1) / time
            case Pooling.max:
                return outputs.amax(dim=1)
            case Pooling.attention:
                attended: Tensor = self.attention(outputs)[0]
                return attended
            case _:
                assert_never(self.pooling)

    def _last(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        last = at_steps(outputs, (lengths - 1).clamp(min=0))
        if not self.bidirectional:
            return last
        return torch.cat(_halves(last, outputs[:, 0]), dim=-1)


def _halves(last: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Take what was read forwards of the last step and what was read backwards of the first."""
    half = last.shape[-1] // 2
    return last[:, :half], first[:, half:]
