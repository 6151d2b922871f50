"""The options of delineation: steps, feedback, augmentation and the rules for waves."""

from dataclasses import dataclass, field, fields

from ecgrnn.errors import ConfigError
from ecgrnn.options.rules import above_zero, at_least, share
from ecgrnn.options.training import TaskConfig


@dataclass
class WaveAugmentationConfig:
    """Random changes to a record in training of a delineator; onsets stay where they are.

    Attributes:
        crop_s: length of the random stretches that training reads, each annotated at least in part; 0 reads
            whole records.
        leads: leads of a record that a training step reads, chosen at random; 0 reads all.
        fewest_leads: where above 0, each training step draws how many leads it reads, from so many up to
            ``leads``, few as often as many (evenly on a logarithmic scale), so that one lead is read as well.
        amplitude: standard deviation of the logarithm of a random gain of each lead.
        noise: highest standard deviation of white noise, in units of the prepared signal.
        wander: highest amplitude of a slow wave (0.2 to 1 Hz) that is added to each lead, in the same unit.
        smoothing_s: highest standard deviation of a smoothing of all leads, in s, as another recorder's
            low-pass does it.
        stretch: standard deviation of the logarithm of a stretching of time, which changes the heart rate and
            the width of waves; needs ``crop_s``.
    """

    crop_s: float = 0.0
    leads: int = 0
    fewest_leads: int = 0
    amplitude: float = 0.3
    noise: float = 0.05
    wander: float = 0.0
    smoothing_s: float = 0.0
    stretch: float = 0.0

    def __post_init__(self) -> None:
        for one in fields(self):
            at_least("task.augmentation", one.name, getattr(self, one.name), 0)
        if self.fewest_leads > self.leads:
            raise ConfigError(
                f"task.augmentation.fewest_leads={self.fewest_leads} must not exceed "
                f"task.augmentation.leads={self.leads}, the most that a step reads"
            )


@dataclass
class DelineateConfig(TaskConfig):
    """P, QRS and T of every lead (N-vs-N): the label of every short step of time.

    Attributes:
        step_s: length of the step that gets a label; the frame of the network is a multiple of it.
        truth_probability: for ``network.head=feedback``, probability at the end of training that the label
            fed back is the true one; it begins at 1.
        beam_width: for ``network.head=feedback``, label sequences that are kept during the search; 1 is
            greedy.
        augmentation: random changes in training.
        shortest_ms: shorter waves are dropped.
        gap_ms: two waves of one kind that are closer than this are joined.
        agreement: waves found in less than this share of the leads are dropped; 0 keeps all.
    """

    step_s: float = 0.008
    truth_probability: float = 0.75
    beam_width: int = 4
    augmentation: WaveAugmentationConfig = field(default_factory=WaveAugmentationConfig)
    shortest_ms: float = 24.0
    gap_ms: float = 24.0
    agreement: float = 0.0

    def __post_init__(self) -> None:
        above_zero("task", "step_s", self.step_s)
        share("task", "agreement", self.agreement)
        at_least("task", "beam_width", self.beam_width, 1)
        if not 0 <= self.truth_probability <= 1:
            raise ConfigError(f"task.truth_probability must lie in [0, 1]; it is {self.truth_probability}")
