"""The options of the tasks that judge a whole strip: its rhythm, or its diagnoses."""

from dataclasses import dataclass, field

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import ClassWeights
from ecgrnn.options.rules import at_least, share
from ecgrnn.options.training import TaskConfig


@dataclass
class StripAugmentationConfig:
    """What training does to a strip before the network reads it; nothing of it happens anywhere else.

    Attributes:
        longest_s: longer strips are cut to this length at a random place; 0 cuts none.
        cut: largest share of a strip that is removed at its ends.
        flip: invert half of the strips, at random, since hand-held electrodes are often swapped.
        stretch: a batch is played faster or slower by up to this share.
        gain: standard deviation of the logarithm of a random gain.
        noise: highest standard deviation of white noise, in units of the prepared signal.
    """

    longest_s: float = 30.0
    cut: float = 0.3
    flip: bool = True
    stretch: float = 0.1
    gain: float = 0.2
    noise: float = 0.04

    def __post_init__(self) -> None:
        at_least("task.augmentation", "longest_s", self.longest_s, 0)
        share("task.augmentation", "cut", self.cut)
        share("task.augmentation", "stretch", self.stretch)
        at_least("task.augmentation", "gain", self.gain, 0)
        at_least("task.augmentation", "noise", self.noise, 0)


@dataclass
class RhythmConfig(TaskConfig):
    """The rhythm of a strip of any length (N-vs-1).

    Attributes:
        strip_features: also give the network features of RR intervals and of the likeness of beats.
        macro_f1_classes: classes whose mean F1 is the macro-F1; each must occur in training.
        class_weights: how classes are weighted in the loss.
        label_smoothing: share of the target that is spread over all classes.
        augmentation: what training does to strips.
    """

    strip_features: bool = True
    macro_f1_classes: list[str] = field(default_factory=lambda: ["N", "A", "O"])
    class_weights: ClassWeights = ClassWeights.root
    label_smoothing: float = 0.05
    augmentation: StripAugmentationConfig = field(default_factory=StripAugmentationConfig)

    def __post_init__(self) -> None:
        share("task", "label_smoothing", self.label_smoothing)
        if not self.macro_f1_classes:
            raise ConfigError("task.macro_f1_classes is empty; name the classes to take the mean F1 over")


@dataclass
class SuperclassConfig(TaskConfig):
    """The diagnostic superclasses of a strip, any number of them at once (N-vs-1, multi-label).

    Attributes:
        strip_features: also give the network features of RR intervals and of the likeness of beats.
        threshold: ``predict`` writes a class into the annotation if its probability is at least this.
        augmentation: what training does to strips.
    """

    strip_features: bool = False
    threshold: float = 0.5
    augmentation: StripAugmentationConfig = field(
        default_factory=lambda: StripAugmentationConfig(flip=False, cut=0.0)
    )

    def __post_init__(self) -> None:
        share("task", "threshold", self.threshold)
