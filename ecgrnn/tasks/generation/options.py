"""The options of generation: the window of a beat and the loss."""

from dataclasses import dataclass

from ecgrnn.options.choices import ClassWeights, Likelihood
from ecgrnn.options.rules import above_zero
from ecgrnn.options.training import TaskConfig


@dataclass
class GenerationConfig(TaskConfig):
    """A beat written from its class (1-vs-N): the window around a beat, and the loss.

    Attributes:
        before_s: window before the beat.
        after_s: window after the beat.
        likelihood: the loss that the generator is trained with.
        class_weights: how classes are weighted in the loss.
    """

    before_s: float = 0.25
    after_s: float = 0.45
    likelihood: Likelihood = Likelihood.gaussian
    class_weights: ClassWeights = ClassWeights.root

    def __post_init__(self) -> None:
        above_zero("task", "before_s", self.before_s)
        above_zero("task", "after_s", self.after_s)
