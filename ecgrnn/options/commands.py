"""Options of the commands; those of commands that read or write recordings are in ``recordings.py``."""

from dataclasses import dataclass, field
from typing import Any

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import Epoch
from ecgrnn.options.data import DataConfig, LoaderConfig, PreprocessingConfig
from ecgrnn.options.networks import NetworkConfig
from ecgrnn.options.rules import above_zero, at_least, at_most, check_threads, required
from ecgrnn.options.training import LoggerConfig, OptimizerConfig, TaskConfig

MONITOR = "validation/macro_f1"
"""What the best epoch of a classifier or a labeller is chosen by, and a trial of a sweep is scored by."""

_HIGHEST_SEED = 2**32 - 1
"""NumPy's global generator, which Lightning seeds too, takes no higher one."""


@dataclass
class TrainConfig:
    """Options of ``train``.

    Attributes:
        run_dir: folder of the run.
        seed: seed of the weights, the order of the batches and every augmentation.
        early_stopping_patience: validations without improvement of the monitored metric, such
            as ``validation/macro_f1``, after which training stops; 0 never stops early.
        threads: threads of an operation on the CPU; null leaves the number to torch. A recurrent step is many
            small products, which several threads rarely compute faster than one.
        resume: folder of an interrupted run to continue; null starts a new run.
        checkpoint_every_steps: batches between two checkpoints within an epoch; 0 for none.
        checkpoint_every_s: seconds between two checkpoints within an epoch; 0 for none.
        evaluate_test: score a checkpoint on the test patients at the end; false while options are being
            chosen.
        test_checkpoint: the epoch that is scored: the best on the validation patients, or the last.
        trainer: keys of ``pytorch_lightning.Trainer``.
    """

    run_dir: str = "runs/train"
    seed: int = 0
    early_stopping_patience: int = 0
    threads: int | None = 1
    resume: str | None = None
    checkpoint_every_steps: int = 0
    checkpoint_every_s: float = 600.0
    evaluate_test: bool = True
    test_checkpoint: Epoch = Epoch.best
    data: DataConfig = field(default_factory=DataConfig)
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loader: LoaderConfig = field(default_factory=LoaderConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    trainer: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        at_least("", "seed", self.seed, 0)
        at_most("", "seed", self.seed, _HIGHEST_SEED)
        at_least("", "early_stopping_patience", self.early_stopping_patience, 0)
        self.task.check_preprocessing(self.preprocessing)
        check_threads(self.threads)
        at_least("", "checkpoint_every_steps", self.checkpoint_every_steps, 0)
        at_least("", "checkpoint_every_s", self.checkpoint_every_s, 0)


@dataclass
class PrepareConfig(TrainConfig):
    """Options of ``prepare``: find or fetch a database and fill the cache for a training.

    They are those of ``train``, since its task, or an experiment, says how signals are prepared and which
    annotations are kept with them: what is prepared is what ``train`` opens with the same words.

    Attributes:
        run_dir: folder of the run.
        shard: which part of the records to prepare, from 0.
        shards: how many parts there are, each prepared by a command of its own, anywhere.
        processes: how many processes prepare on this machine; 1 leaves it to ``data.workers`` threads, which
            are as fast where records are long.
    """

    run_dir: str = "runs/prepare"
    shard: int = 0
    shards: int = 1
    processes: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("", "shards", self.shards, 1)
        at_least("", "processes", self.processes, 1)
        if not 0 <= self.shard < self.shards:
            raise ConfigError(
                f"shard must lie in 0..{self.shards - 1}, for shards={self.shards}; it is {self.shard}"
            )
        if self.resume is not None:
            raise ConfigError(
                f"resume={self.resume} applies to train only; give prepare the options that the training was "
                "started with: records that are prepared already are left as they are"
            )


@dataclass
class EvaluateConfig:
    """Options of ``evaluate``: score a checkpoint on held-out records.

    Attributes:
        run_dir: folder of the results.
        checkpoint: the checkpoint.
        data: what to score on; its ``database`` null means the checkpoint's own held-out records.
        leads: the leads to read of every record, by name or by place in the record from 1, in the order the
            network reads them; null reads those that the checkpoint names.
        questions: how many families of beats of each record are named by the reference, as a person would
            name them, before the others are scored: a list such as ``[0,4,12]``; null asks nothing.
        compare: a second checkpoint, scored on the same records and compared patient by patient.
        scheme: label scheme of the reference beats, ``aami`` or ``bxb``; null takes the checkpoint's own.
        start_s: beginning of the period that EC57 scores; null leaves out the first 300 s, as EC57 does, if
            every record is twice as long, and nothing otherwise.
        window_s: largest distance of matching beats in EC57.
        resamples: bootstrap resamples of patients for the intervals.
        level: confidence level of the intervals.
        bootstrap_seed: seed of the bootstrap.
        batch_size: beats of a batch; results change by rounding only, below 1e-5.
        threads: threads of an operation on the CPU; null leaves it to torch.
        processes: processes that share the records; torchrun and srun set it themselves.
    """

    run_dir: str = "runs/evaluate"
    checkpoint: str = ""
    data: DataConfig = field(default_factory=DataConfig)
    leads: list[str] | None = None
    questions: list[int] | None = None
    compare: str | None = None
    scheme: str | None = None
    start_s: float | None = None
    window_s: float = 0.15
    resamples: int = 10_000
    level: float = 0.95
    bootstrap_seed: int = 0
    batch_size: int = 1024
    threads: int | None = 1
    processes: int = 1

    def __post_init__(self) -> None:
        required("checkpoint", self.checkpoint, "checkpoints/best.ckpt of a training run")
        if self.questions is not None and (not self.questions or min(self.questions) < 0):
            raise ConfigError(f"questions={self.questions} must list numbers of questions, such as [0,4,12]")
        at_least("", "processes", self.processes, 1)
        at_least("", "start_s", self.start_s or 0.0, 0)
        at_least("", "window_s", self.window_s, 0)
        at_least("", "resamples", self.resamples, 100)
        at_least("", "bootstrap_seed", self.bootstrap_seed, 0)
        at_least("", "batch_size", self.batch_size, 1)
        check_threads(self.threads)
        if not 0 < self.level < 1:
            raise ConfigError(f"level must lie between 0 and 1; it is {self.level}")


@dataclass
class AuditConfig:
    """Options of ``audit``: prove who a checkpoint was trained, validated and tested on.

    Attributes:
        run_dir: folder of the audit.
        checkpoint: the checkpoint.
        data: where its database is; another ``database`` is checked to contain nobody that the checkpoint has
            seen.
    """

    run_dir: str = "runs/audit"
    checkpoint: str = ""
    data: DataConfig = field(default_factory=DataConfig)

    def __post_init__(self) -> None:
        required("checkpoint", self.checkpoint, "checkpoints/best.ckpt of a training run")


@dataclass
class ScoreConfig:
    """Options of ``score``: compare two annotators by ANSI/AAMI EC57.

    Attributes:
        run_dir: folder of the reports.
        reference: folder of the reference annotations.
        reference_annotator: extension of the reference annotations.
        test: folder of the annotations to score.
        test_annotator: extension of the annotations to score.
        records: the records; null takes every record that both have annotated.
        start_s: beginning of the scored period; EC57 leaves out the first five minutes.
        stop_s: end of the scored period; null is the end of each record.
        window_s: largest distance of matching beats.
    """

    run_dir: str = "runs/score"
    reference: str = ""
    reference_annotator: str = "atr"
    test: str = ""
    test_annotator: str = ""
    records: list[str] | None = None
    start_s: float = 300.0
    stop_s: float | None = None
    window_s: float = 0.15

    def __post_init__(self) -> None:
        required("reference", self.reference, "the folder of the reference annotations")
        required("test", self.test, "the folder of the annotations to score")
        required("test_annotator", self.test_annotator, "the extension of the annotations to score")
        at_least("", "start_s", self.start_s, 0)
        at_least("", "window_s", self.window_s, 0)
        if self.records is not None and not self.records:
            raise ConfigError("records=[] names no record; leave it out to score all that both annotated")
        if self.stop_s is not None and self.stop_s <= self.start_s:
            raise ConfigError(f"stop_s={self.stop_s} must lie after start_s={self.start_s}")


@dataclass
class InspectConfig:
    """Options of ``inspect``: what a checkpoint holds.

    Attributes:
        run_dir: folder that keeps the options; null writes nothing.
        checkpoint: the checkpoint.
    """

    run_dir: str | None = None
    checkpoint: str = ""

    def __post_init__(self) -> None:
        required("checkpoint", self.checkpoint, "checkpoints/best.ckpt of a training run")


@dataclass
class ModelsConfig:
    """Options of ``models``: the models that come with the package.

    Attributes:
        run_dir: folder that keeps the options; null writes nothing.
    """

    run_dir: str | None = None


@dataclass
class VerifyConfig:
    """Options of ``verify``: the written-out cells against NumPy and torch.nn.

    Attributes:
        run_dir: folder that keeps the options; null writes nothing.
        tolerance: largest difference allowed, in float64.
    """

    run_dir: str | None = None
    tolerance: float = 1e-10

    def __post_init__(self) -> None:
        above_zero("", "tolerance", self.tolerance)
