"""The options of data, tasks and training: names, types, units, defaults and the rules between them."""

from dataclasses import dataclass, field

from ecgrnn.choices import ClassWeights, Normalisation, Schedule
from ecgrnn.errors import ConfigError
from ecgrnn.option_rules import above_zero, at_least, share

_SHAPE_S = 0.38
"""A beat's P wave begins, and its T wave ends, within so much of the R peak."""


@dataclass
class PreprocessingConfig:
    """From the signal on disk to the signal a network reads.

    Attributes:
        fs_hz: sampling frequency after resampling; null keeps the record's own.
        leads: leads by name, in the order the network reads them; null takes the record's own order.
        n_leads: number of leads that are read if ``leads`` is null.
        first_lead: the lead that comes first if it is among these; the others keep their order.
        highpass_hz: corner of the high-pass against baseline wander; null leaves it out.
        lowpass_hz: corner of the low-pass, below half of ``fs_hz``; null leaves it out.
        notch_hz: powerline frequency to remove; null leaves it out.
        normalisation: how the amplitude of a lead is scaled.
        causal: read no later sample: filters are one-sided and delay a QRS by about 20 ms, and gaps fade
            out; needs ``normalisation=none``. Else filters have no delay and read up to 4 s ahead.
    """

    fs_hz: float | None = 180.0
    leads: list[str] | None = None
    n_leads: int = 2
    first_lead: str | None = None
    highpass_hz: float | None = 0.5
    lowpass_hz: float | None = 40.0
    notch_hz: float | None = None
    normalisation: Normalisation = Normalisation.none
    causal: bool = False

    def __post_init__(self) -> None:
        if self.causal and self.normalisation is not Normalisation.none:
            raise ConfigError(
                f"preprocessing.causal=true does not allow preprocessing.normalisation="
                f"{self.normalisation.value}, which measures the whole record; set it to none"
            )
        for name in ("fs_hz", "highpass_hz", "lowpass_hz", "notch_hz"):
            above_zero("preprocessing", name, getattr(self, name))
        at_least("preprocessing", "n_leads", self.n_leads, 1)
        if self.leads is not None and not self.leads:
            raise ConfigError("preprocessing.leads=[] names no lead; set it to null to take the first ones")
        if self.fs_hz is not None and self.lowpass_hz is not None and self.lowpass_hz >= self.fs_hz / 2:
            raise ConfigError(
                f"preprocessing.lowpass_hz={self.lowpass_hz} must lie below half of "
                f"preprocessing.fs_hz={self.fs_hz}; lower it, or set it to null"
            )


@dataclass
class DataConfig:
    """Which database, where it is, and who is on which side of the split.

    Attributes:
        database: name of a database, or ``folder``; null (``evaluate`` and ``audit``) is the one trained on.
        root: folder that contains the database, directly or in a folder of its name; nothing is downloaded.
            null searches ECGRNN_DATA/NAME, then data/physionet/NAME, and downloads a missing database into
            the latter.
        annotator: extension of the annotation files with the reference beats or waves; `lead` for waves
            marked lead by lead, in files named like the leads in lower case.
        scheme: label scheme, ``aami`` or ``bxb``.
        split: ``ds1ds2`` or ``ds1ds2_strict`` (mitdb), ``published`` (ptbxl), ``strips``, ``kfold``,
            ``holdout``, ``all`` (``evaluate``, ``audit``), or a YAML file with lists of records; null takes
            the database's own.
        validation_fraction: share of the training patients used for validation.
        folds: number of folds of ``kfold`` and ``strips``.
        fold: the fold that is held out, from 0.
        split_seed: seed of every random choice of the split.
        records: only these records; null takes all.
        cache: folder of the cache of prepared records.
        workers: threads that prepare records; ``prepare processes=`` uses processes.
        n_patients: patients of the simulated database.
        duration_s: length of a simulated record.
        simulation_seed: seed of the simulated database.
    """

    database: str | None = "synthetic"
    root: str | None = None
    annotator: str = "atr"
    scheme: str = "aami"
    split: str | None = None
    validation_fraction: float = 0.2
    folds: int = 5
    fold: int = 0
    split_seed: int = 0
    records: list[str] | None = None
    cache: str = "data/cache"
    workers: int = 2
    n_patients: int = 40
    duration_s: float = 300.0
    simulation_seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.validation_fraction < 1:
            raise ConfigError(
                f"data.validation_fraction must lie between 0 and 1; it is {self.validation_fraction}"
            )
        if self.records is not None and not self.records:
            raise ConfigError("data.records=[] names no record; leave it out to take all")
        at_least("data", "folds", self.folds, 2)
        at_least("data", "workers", self.workers, 0)
        at_least("data", "split_seed", self.split_seed, 0)
        if not 0 <= self.fold < self.folds:
            raise ConfigError(f"data.fold must lie in 0..{self.folds - 1}; it is {self.fold}")


@dataclass
class TaskConfig:
    """What is learned: the base of every task."""


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
        amplitude: standard deviation of the logarithm of a random gain of each lead.
        noise: highest standard deviation of white noise, in heights of the usual QRS.
        wander: highest standard deviation of a beat's offset and slope, in the same unit.
        shift_s: largest shift of the windows relative to the R peak.
        features: standard deviation of noise added to every feature of a beat.
        heart_rate: standard deviation of an offset common to the logarithms of the absolute RR intervals of a
            sequence.
    """

    lead_dropout: list[float] = field(default_factory=lambda: [0.1, 0.25])
    amplitude: float = 0.2
    noise: float = 0.05
    wander: float = 0.1
    shift_s: float = 0.016
    features: float = 0.05
    heart_rate: float = 0.1

    def __post_init__(self) -> None:
        for probability in self.lead_dropout:
            share("task.augmentation", "lead_dropout", probability)
        for name in ("amplitude", "noise", "wander", "shift_s", "features", "heart_rate"):
            at_least("task.augmentation", name, getattr(self, name), 0)


@dataclass
class BeatSequenceConfig(BeatsConfig):
    """The class of every beat in its sequence of beats (N-vs-1 in the beat, N-vs-N over the beats).

    Attributes:
        before_s: window before the beat, at least 0.38 s.
        after_s: window after the beat, at least 0.38 s.
        sequence_beats: number of beats of a sequence.
        causal: use no later beat, and no sample more than ``after_s`` (496 ms in the recipe) behind a beat;
            needs preprocessing.causal=true and network.sequence.bidirectional=false.
        logit_adjustment: factor of the logarithm of the class frequencies (training patients) that is added
            to the logits in training, which favours rare classes at prediction; Menon et al., Long-tail
            learning via logit adjustment (2021).
        simulated_ectopy: share of the training sequences, up to 0.5, from copies of the training records that
            are replayed with simulated supraventricular ectopic beats and in other rhythms.
        augmentation: random changes in training.
    """

    sequence_beats: int = 64
    causal: bool = False
    logit_adjustment: float = 0.5
    simulated_ectopy: float = 0.0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("task", "sequence_beats", self.sequence_beats, 2)
        at_least("task", "logit_adjustment", self.logit_adjustment, 0)
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


@dataclass
class WaveAugmentationConfig:
    """Random changes to a record in training of a delineator; onsets stay where they are.

    Attributes:
        crop_s: length of the random stretches that training reads, each annotated at least in part; 0 reads
            whole records.
        leads: leads of a record that a training step reads, chosen at random; 0 reads all.
        amplitude: standard deviation of the logarithm of a random gain of each lead.
        noise: highest standard deviation of white noise, in units of the prepared signal.
    """

    crop_s: float = 0.0
    leads: int = 0
    amplitude: float = 0.3
    noise: float = 0.05

    def __post_init__(self) -> None:
        for name in ("crop_s", "leads", "amplitude", "noise"):
            at_least("task.augmentation", name, getattr(self, name), 0)


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


@dataclass
class OptimizerConfig:
    """AdamW and its schedule.

    Attributes:
        learning_rate: highest learning rate.
        weight_decay: decoupled weight decay, of matrices only.
        schedule: course of the learning rate after the warm-up.
        warmup_fraction: share of all steps in which the rate rises linearly to its highest.
        average_decay: decay per step of an exponential moving average of the weights, which is then validated
            and saved; 0 uses the weights themselves.
    """

    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    schedule: Schedule = Schedule.cosine
    warmup_fraction: float = 0.1
    average_decay: float = 0.0

    def __post_init__(self) -> None:
        above_zero("optimizer", "learning_rate", self.learning_rate)
        at_least("optimizer", "weight_decay", self.weight_decay, 0)
        share("optimizer", "warmup_fraction", self.warmup_fraction)
        share("optimizer", "average_decay", self.average_decay)


@dataclass
class LoaderConfig:
    """How batches are made.

    Attributes:
        batch_size: items of a training batch.
        evaluation_batch_size: items of a batch where nothing is learned; changes no result.
        workers: loader processes; 0 gathers in this one, which is faster for gathers this cheap.
        in_memory_mb: windows are held in memory when they take no more than this, else mapped from the cache.
    """

    batch_size: int = 256
    evaluation_batch_size: int = 1024
    workers: int = 0
    in_memory_mb: float = 1024.0

    def __post_init__(self) -> None:
        at_least("loader", "batch_size", self.batch_size, 1)
        at_least("loader", "evaluation_batch_size", self.evaluation_batch_size, 1)
        at_least("loader", "workers", self.workers, 0)


@dataclass
class LoggerConfig:
    """Where metrics go while training.

    Attributes:
        csv: write ``metrics.csv``.
        tensorboard: write TensorBoard event files; null writes them where TensorBoard is installed.
        wandb: write a run of Weights & Biases into the run folder.
        wandb_online: also send it, with the key that ``wandb login`` has stored.
        mlflow: write a run of MLflow.
        mlflow_uri: MLflow's store; pictures are saved beside a store that is a file.
        project: name of the project (Weights & Biases) or experiment (MLflow).
        pictures: log learning curves, confusion matrix and strips of ECG as pictures.
    """

    csv: bool = True
    tensorboard: bool | None = None
    wandb: bool = False
    wandb_online: bool = False
    mlflow: bool = False
    mlflow_uri: str = "sqlite:///runs/mlflow.db"
    project: str = "ecgrnn"
    pictures: bool = True
