"""Integrated gradients of a classifier of beats: what a beat has that the patient's usual one has not.

The question is the log-odds of a class, ``f = ln p / (1 - p)``. The way leads from the usual beat ``x'`` to
the beats as they are ``x``: windows from the patient's beat template to the beat, features from their medians
over the sequence. What input i adds is

``a_i = (x_i - x'_i) * integral over t from 0 to 1 of df/dx_i (x' + t (x - x'))``

and all ``a_i`` together are ``f(x) - f(x')``. Source: Sundararajan, Taly and Yan, Axiomatic attribution for
deep networks, ICML 2017. The integral is captum's, by Gauss and Legendre's rule.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecgrnn.data.batch import Arrays
from ecgrnn.errors import CheckpointError

STEPS = 50
"""Points of the integral."""

_AT_ONCE = 10
"""Sequences that are differentiated at a time: one of 64 beats takes some 20 MB."""


@dataclass(frozen=True)
class Attribution:
    """What each input adds to the log-odds of a class.

    Attributes:
        place: the beat, in its sequence.
        target: index of the class.
        log_odds: of the class.
        usual: log-odds of the class for the patient's usual beat in its place.
        samples: ``(beat, lead, time)``, what the samples of each beat add.
        features: ``(beat, feature)``, what the numbers beside each beat add.
    """

    place: int
    target: int
    log_odds: float
    usual: float
    samples: NDArray[np.float32]
    features: NDArray[np.float32]

    @property
    def gap(self) -> float:
        """How far the sum is from what it should be."""
        return self.log_odds - self.usual - float(self.samples.sum() + self.features.sum())


def attribute(
    network: nn.Module, batch: Arrays, *, place: int, target: int | None = None, steps: int = STEPS
) -> Attribution:
    """Tell what the classification of a beat leans on.

    Args:
        network: a classifier of beats in sequence, in evaluation mode.
        batch: one sequence.
        place: the beat, in its sequence.
        target: index of the class that is asked about; None takes the one that the beat is called.
        steps: points of the integral.

    Raises:
        CheckpointError: captum is not installed.
    """
    method = _integrated_gradients()
    signal, lengths, features = (torch.from_numpy(np.array(one)) for one in _inputs(batch))
    beat, usual = signal.unbind(dim=-1)
    usual_features = features[:, : int(lengths[0])].median(dim=1, keepdim=True).values.expand_as(features)
    network.eval()

    def log_odds(beat: Tensor, features: Tensor, usual: Tensor, lengths: Tensor) -> Tensor:
        """Give the log-odds of the class for rows of sequences."""
        logits = network(torch.stack([beat, usual], dim=-1), lengths, features)[:, place]
        others = torch.cat([logits[:, :asked], logits[:, asked + 1 :]], dim=1)
        odds: Tensor = logits[:, asked] - torch.logsumexp(others, dim=1)
        return odds

    with torch.no_grad():
        found = int(network(signal, lengths, features)[0, place].argmax())
        asked = found if target is None else target
        ends = [log_odds(*one, usual, lengths) for one in ((beat, features), (usual, usual_features))]
    of_samples, of_features = method(log_odds).attribute(
        (beat, features),
        baselines=(usual, usual_features),
        additional_forward_args=(usual, lengths),
        n_steps=steps,
        internal_batch_size=_AT_ONCE,
    )
    return Attribution(
        place, asked, float(ends[0]), float(ends[1]), of_samples[0].numpy(), of_features[0].numpy()
    )


def _inputs(batch: Arrays) -> tuple[NDArray[Any], ...]:
    return batch.signal, batch.lengths, batch.features


def _integrated_gradients() -> Any:
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise CheckpointError(
            "explain computes integrated gradients with captum, which is not installed: "
            "pip install 'ecgrnn[explain]'"
        ) from error
    return IntegratedGradients
