"""The options of the tasks on beats: windows, sequences, loss and augmentation."""

from dataclasses import dataclass, field

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import ClassWeights
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.options.rules import above_zero, at_least, share
from ecgrnn.options.training import TaskConfig

_SHAPE_S = 0.38
"""A beat's P wave begins, and its T wave ends, within so much of the R peak."""


@dataclass
class BeatsConfig(TaskConfig):
    """The class of a beat (N-vs-1): the window around a reference beat, the loss and the score.

    Attributes:
        before_s: window before the beat.
        after_s: window after the beat.
        macro_f1_classes: classes whose mean F1 is the macro-F1; each must occur in training.
        class_weights: how classes are weighted in the loss.
        label_smoothing: share of the target that is spread over all classes.
    """

    before_s: float = 0.35
    after_s: float = 0.45
    macro_f1_classes: list[str] = field(default_factory=lambda: ["N", "S", "V", "F"])
    class_weights: ClassWeights = ClassWeights.root
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        above_zero("task", "before_s", self.before_s)
        above_zero("task", "after_s", self.after_s)
        share("task", "label_smoothing", self.label_smoothing)
        if not self.macro_f1_classes:
            raise ConfigError("task.macro_f1_classes is empty; name the classes to take the mean F1 over")


@dataclass
class AugmentationConfig:
    """How sequences of beats are changed at random in training, anew at every step.

    Attributes:
        lead_dropout: for each lead, the probability that it is left out of a sequence; missing entries are 0.
            One lead always stays.
        most_leads: leads that are drawn for each sequence where there are more; 0 keeps all. For networks
            with ``leads=any``.
        one_lead: share of the sequences of which only one lead is read; likewise.
        turned_over: probability that a lead is turned upside down; likewise.
        amplitude: standard deviation of the logarithm of a random gain of each lead.
        noise: highest standard deviation of white noise, in units of the height of the typical QRS.
        wander: highest standard deviation of a beat's offset and slope, in the same unit.
        shift_s: largest shift of the windows relative to the R peak.
        features: standard deviation of noise added to every feature of a beat.
        heart_rate: standard deviation of an offset common to the logarithms of the absolute RR intervals of a
            sequence.
    """

    lead_dropout: list[float] = field(default_factory=lambda: [0.1, 0.25])
    most_leads: int = 0
    one_lead: float = 0.0
    turned_over: float = 0.0
    amplitude: float = 0.2
    noise: float = 0.05
    wander: float = 0.1
    shift_s: float = 0.016
    features: float = 0.05
    heart_rate: float = 0.1

    def __post_init__(self) -> None:
        for probability in self.lead_dropout:
            share("task.augmentation", "lead_dropout", probability)
        for name in ("one_lead", "turned_over"):
            share("task.augmentation", name, getattr(self, name))
        at_least("task.augmentation", "most_leads", self.most_leads, 0)
        for name in ("amplitude", "noise", "wander", "shift_s", "features", "heart_rate"):
            at_least("task.augmentation", name, getattr(self, name), 0)


@dataclass
class BeatSequenceConfig(BeatsConfig):
    """The class of every beat in its sequence of beats (N-vs-1 in the beat, N-vs-N over the beats).

    Attributes:
        before_s: window before the beat, at least 0.38 s.
        after_s: window after the beat, at least 0.38 s.
        sequence_beats: number of beats of a sequence.
        causal: use no later beat, and no sample more than ``after_s`` (496 ms in the recipe) after a beat;
            needs preprocessing.causal=true and network.sequence.bidirectional=false.
        logit_adjustment: factor of the logarithm of the class frequencies (training patients) that is added
            to the logits in training, which favours rare classes at prediction; Menon et al., Long-tail
            learning via logit adjustment (2021).
        simulated_ectopy: share of the training sequences, up to 0.5, from copies of the training records that
            are replayed with simulated supraventricular ectopic beats and in other rhythms.
        detected_beats: share of the other training sequences, below 1, whose beats are where the QRS detector
            finds them, in a copy of the record with added noise and stretches without signal; what is found
            there without a reference beat within 150 ms is of class Q.
        long_range: compare each beat's RR interval and shape with those of the slow beats among some 3,000
            around, too, so that a long tachycardia is seen against the rhythm that it began from; and
            simulate long tachycardias, if ectopic beats are simulated.
        mixed_leads: leads added to each training record of several leads, each a random mixture of its leads,
            noisy in stretches, as other electrode positions would have given; for networks with
            ``leads=any``.
        augmentation: random changes in training.
    """

    sequence_beats: int = 64
    causal: bool = False
    logit_adjustment: float = 0.5
    simulated_ectopy: float = 0.0
    detected_beats: float = 0.0
    long_range: bool = False
    mixed_leads: int = 0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("task", "sequence_beats", self.sequence_beats, 2)
        at_least("task", "logit_adjustment", self.logit_adjustment, 0)
        share("task", "detected_beats", self.detected_beats)
        at_least("task", "mixed_leads", self.mixed_leads, 0)
        if not 0 <= self.simulated_ectopy <= 0.5:
            raise ConfigError(
                "task.simulated_ectopy must lie between 0 and 0.5: there is one copy of each record; "
                f"it is {self.simulated_ectopy}"
            )
        if min(self.before_s, self.after_s) < _SHAPE_S:
            raise ConfigError(
                f"task.before_s={self.before_s} and task.after_s={self.after_s} must be at least {_SHAPE_S}, "
                "so that P, QRS and T lie inside the window"
            )

    def check_preprocessing(self, preprocessing: PreprocessingConfig) -> None:
        """Refuse filters that read ahead under a causal task.

        Raises:
            ConfigError: the task is causal and the filters are not.
        """
        if self.causal and not preprocessing.causal:
            raise ConfigError(
                "task.causal=true needs preprocessing.causal=true, since filters without delay read up to "
                "4 s ahead, and network.sequence.bidirectional=false"
            )
