"""The options of training: the base of every task, the optimiser and the loggers."""

from dataclasses import dataclass

from ecgrnn.options.choices import Schedule
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.options.rules import above_zero, at_least, share


@dataclass
class TaskConfig:
    """What is learned: the base of every task."""

    def check_preprocessing(self, preprocessing: PreprocessingConfig) -> None:
        """Refuse signals that are not prepared as the task needs them."""


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
class LoggerConfig:
    """Where metrics go while training.

    Attributes:
        csv: write ``metrics.csv``.
        tensorboard: write TensorBoard event files; null writes them where TensorBoard is installed.
        wandb: write a run of Weights & Biases into the run folder.
        wandb_online: also upload it, with the key that ``wandb login`` has stored.
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
