"""From options to objects: one function per kind of thing; reads no file and trains nothing."""

import inspect
import logging
import warnings
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import nn

from ecgrnn.choices import Front
from ecgrnn.command_config import TrainConfig
from ecgrnn.config import (
    BeatsConfig,
    BeatSequenceConfig,
    BeatSequenceNetworkConfig,
    ClassifierConfig,
    DataConfig,
    DelineateConfig,
    EncoderConfig,
    LabellerConfig,
    LoaderConfig,
    LoggerConfig,
    NetworkConfig,
    TaskConfig,
)
from ecgrnn.datamodule import EcgDataModule
from ecgrnn.datasets.beat_sequences import BeatSequenceView, feature_names
from ecgrnn.datasets.beats import BeatView
from ecgrnn.datasets.collection import find_scheme
from ecgrnn.datasets.strips import StripView
from ecgrnn.datasets.waves import WaveView
from ecgrnn.errors import ConfigError
from ecgrnn.networks.beat_sequence import BeatSequenceClassifier
from ecgrnn.networks.classifier import Classifier
from ecgrnn.networks.convolutions import ConvolutionEncoder
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.networks.labeller import Labeller
from ecgrnn.nn.fused import recurrence
from ecgrnn.signals.rhythms import RHYTHM_SCHEME, SUPERCLASS_SCHEME
from ecgrnn.signals.rr_intervals import RR_FEATURES
from ecgrnn.signals.strip_features import STRIP_FEATURES
from ecgrnn.signals.waves import WAVE_SCHEME
from ecgrnn.spec import LabelScheme, SignalSpec, from_plain, to_plain
from ecgrnn.strip_config import RhythmConfig, SuperclassConfig
from ecgrnn.tasks.augmentation import BeatAugmentation
from ecgrnn.tasks.classification import ClassificationTask, adjusted_prior, loss_weights
from ecgrnn.tasks.labelling import LabellingTask
from ecgrnn.tasks.multilabel import MultiLabelTask
from ecgrnn.tasks.strip_augmentation import augmented

_NETWORKS: dict[str, type[NetworkConfig]] = {
    "classifier": ClassifierConfig,
    "beat_sequence": BeatSequenceNetworkConfig,
    "labeller": LabellerConfig,
}
_TASKS: dict[str, type[TaskConfig]] = {
    "beats": BeatsConfig,
    "beat_sequence": BeatSequenceConfig,
    "delineate": DelineateConfig,
    "rhythm": RhythmConfig,
    "superclass": SuperclassConfig,
}
MONITOR = "validation/macro_f1"


def build_network(
    config: NetworkConfig, task: TaskConfig, *, signal: SignalSpec, n_classes: int
) -> nn.Module:
    """Build the network that a config describes, for a task, a signal and a number of classes.

    Raises:
        ConfigError: when the network's form does not fit the task.
    """
    match config, task:
        case BeatSequenceNetworkConfig(), BeatSequenceConfig():
            return _beat_sequence_network(config, task, signal=signal, n_classes=n_classes)
        case ClassifierConfig(), BeatsConfig() if not isinstance(task, BeatSequenceConfig):
            return _classifier(config, signal, n_classes=n_classes, n_features=len(RR_FEATURES))
        case ClassifierConfig(), RhythmConfig() | SuperclassConfig():
            n_features = len(STRIP_FEATURES) if task.strip_features else 0
            return _classifier(config, signal, n_classes=n_classes, n_features=n_features)
        case LabellerConfig(), DelineateConfig():
            return Labeller(
                _encoder(config.encoder, signal.fs_hz, n_leads=1),
                n_classes,
                head=config.head,
                labels_per_frame=_labels_per_frame(config, task),
                feedback_size=config.feedback_size,
                dropout=config.head_dropout,
            )
        case _:
            raise ConfigError(
                f"network={_form(config)} does not fit task={_form(task)}: single beats and strips are "
                "classified by network=classifier (N-vs-1), beats in a row by network=beat_sequence, waves "
                "are labelled by network=labeller (N-vs-N)"
            )


def build_scheme(task: TaskConfig, data: DataConfig) -> LabelScheme:
    """Give the classes a task tells apart."""
    match task:
        case DelineateConfig():
            return WAVE_SCHEME
        case RhythmConfig():
            return RHYTHM_SCHEME
        case SuperclassConfig():
            return SUPERCLASS_SCHEME
        case _:
            return find_scheme(data.scheme)


def build_view(task: TaskConfig, *, annotator: str, scheme: LabelScheme, loader: LoaderConfig) -> Any:
    """Build what a task makes of records."""
    match task:
        case DelineateConfig():
            return WaveView(annotator=annotator, step_s=task.step_s)
        case BeatSequenceConfig():
            return BeatSequenceView(
                annotator=annotator,
                scheme=scheme,
                before_s=task.before_s,
                after_s=task.after_s,
                sequence_beats=task.sequence_beats,
                causal=task.causal,
                in_memory_mb=loader.in_memory_mb,
            )
        case BeatsConfig():
            return BeatView(
                annotator=annotator,
                scheme=scheme,
                before_s=task.before_s,
                after_s=task.after_s,
                in_memory_mb=loader.in_memory_mb,
            )
        case RhythmConfig() | SuperclassConfig():
            return StripView(
                scheme=scheme,
                strip_features=task.strip_features,
                several=isinstance(task, SuperclassConfig),
                in_memory_mb=loader.in_memory_mb,
            )
        case _:
            raise ConfigError(f"there is no view for {type(task).__name__}")


def build_datamodule(options: TrainConfig) -> EcgDataModule:
    """Build the data module of a training run."""
    view = build_view(
        options.task,
        annotator=options.data.annotator,
        scheme=build_scheme(options.task, options.data),
        loader=options.loader,
    )
    return EcgDataModule(
        options.data, options.preprocessing, loader=options.loader, view=view, seed=options.seed
    )


def build_task(
    options: TrainConfig,
    *,
    signal: SignalSpec,
    scheme: LabelScheme,
    counts: Sequence[int],
    facts: dict[str, Any],
) -> pl.LightningModule:
    """Build the LightningModule of a training run.

    Args:
        options: the run's options.
        signal: the signal the network reads.
        scheme: the classes.
        counts: training items of each class.
        facts: plain data for the checkpoint.

    Raises:
        ConfigError: when a class that is to be scored has no training item.
    """
    n_classes = len(scheme.classes)
    network = build_network(options.network, options.task, signal=signal, n_classes=n_classes)
    match options.task:
        case BeatsConfig() | RhythmConfig() as task:
            _check_classes(task.macro_f1_classes, scheme, counts)
            return ClassificationTask(
                network,
                classes=scheme.classes,
                scored=task.macro_f1_classes,
                class_weights=loss_weights(torch.as_tensor(counts), task.class_weights),
                label_smoothing=task.label_smoothing,
                optimizer=options.optimizer,
                facts=facts,
                **_training_extras(task, counts=counts, signal=signal),
            )
        case SuperclassConfig() as task:
            return MultiLabelTask(
                network,
                classes=scheme.classes,
                augment=partial(augmented, config=task.augmentation, fs_hz=signal.fs_hz),
                optimizer=options.optimizer,
                facts=facts,
            )
        case DelineateConfig() as task:
            return LabellingTask(
                cast("Labeller", network),
                n_classes=n_classes,
                truth_probability=task.truth_probability,
                amplitude_jitter=task.amplitude_jitter,
                optimizer=options.optimizer,
                facts=facts,
            )
        case _:
            raise ConfigError(f"there is no task for {type(options.task).__name__}")


def build_trainer(options: TrainConfig, *, run_dir: Path) -> pl.Trainer:
    """Build Lightning's Trainer from the open ``trainer`` group.

    Raises:
        ConfigError: when a key is not one of ``pytorch_lightning.Trainer``, or Lightning refuses a value.
    """
    check_trainer_keys(options.trainer)
    _quieten_lightning()
    # trainer.deterministic would also fill every new tensor with NaN, a fifth of the time of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        return pl.Trainer(
            **{
                "default_root_dir": str(run_dir),
                "logger": _loggers(options.logger, run_dir) or False,
                "callbacks": _callbacks(options, run_dir),
                "log_every_n_steps": 1,  # metrics are logged by the epoch, and an epoch may be short
                "num_sanity_val_steps": 0,
                "enable_model_summary": False,
                **options.trainer,
            }
        )
    except (ValueError, TypeError, MisconfigurationException) as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error


def network_config_of(plain: Mapping[str, Any]) -> NetworkConfig:
    """Read a network's options back from a checkpoint's plain data."""
    return from_plain(_NETWORKS[plain["form"]], plain["options"])


def task_config_of(plain: Mapping[str, Any]) -> TaskConfig:
    """Read a task's options back from a checkpoint's plain data."""
    return from_plain(_TASKS[plain["form"]], plain["options"])


def plain_form(config: NetworkConfig | TaskConfig) -> dict[str, Any]:
    """Give a network's or a task's options as plain data that says which form it is."""
    return {"form": _form(config), "options": to_plain(config)}


def _form(config: NetworkConfig | TaskConfig) -> str:
    forms = [name for name, kind in (*_NETWORKS.items(), *_TASKS.items()) if kind is type(config)]
    return forms[0] if forms else type(config).__name__


def _beat_sequence_network(
    config: BeatSequenceNetworkConfig, task: BeatSequenceConfig, *, signal: SignalSpec, n_classes: int
) -> BeatSequenceClassifier:
    sequence = config.sequence
    if task.causal and sequence.bidirectional:
        raise ConfigError(
            "task.causal=true needs network.sequence.bidirectional=false: backwards is the future"
        )
    names = feature_names(len(signal.leads), causal=task.causal)
    return BeatSequenceClassifier(
        _encoder(
            config.encoder, signal.fs_hz, n_leads=2
        ),  # of each lead: the beat, and what is unusual in it
        recurrence(
            sequence.cell,
            sequence.input_size,
            hidden_size=sequence.hidden_size,
            num_layers=sequence.num_layers,
            bidirectional=sequence.bidirectional,
            dropout=sequence.dropout,
        ),
        n_classes,
        n_leads=len(signal.leads),
        n_features=len(names),
        pooling=config.pooling,
        dropout=config.head_dropout,
    )


def _training_extras(
    task: BeatsConfig | RhythmConfig, *, counts: Sequence[int], signal: SignalSpec
) -> dict[str, Any]:
    """Give what a task changes in its batches and its loss while it trains."""
    match task:
        case RhythmConfig():
            return {"augment": partial(augmented, config=task.augmentation, fs_hz=signal.fs_hz)}
        case BeatSequenceConfig():
            names = feature_names(len(signal.leads), causal=task.causal)
            return {
                "log_prior": adjusted_prior(torch.as_tensor(counts), task.logit_adjustment),
                "augment": BeatAugmentation(task.augmentation, feature_names=names, fs_hz=signal.fs_hz),
            }
        case _:
            return {}


def _labels_per_frame(config: LabellerConfig, task: DelineateConfig) -> int:
    labels = config.encoder.frame_s / task.step_s
    if labels < 1 or abs(labels - round(labels)) > 1e-6:
        raise ConfigError(
            f"network.encoder.frame_s={config.encoder.frame_s} must be a multiple of "
            f"task.step_s={task.step_s}"
        )
    return round(labels)


def _classifier(
    config: ClassifierConfig, signal: SignalSpec, *, n_classes: int, n_features: int
) -> Classifier:
    encoder: FrameEncoder | ConvolutionEncoder
    if config.encoder.front is Front.convolutions:
        encoder = _convolutions(config.encoder, n_leads=len(signal.leads))
    else:
        encoder = _encoder(config.encoder, signal.fs_hz, n_leads=len(signal.leads))
    return Classifier(
        encoder,
        n_classes,
        pooling=config.pooling,
        n_features=n_features,
        head_size=config.head_size,
        dropout=config.head_dropout,
    )


def _convolutions(config: EncoderConfig, *, n_leads: int) -> ConvolutionEncoder:
    return ConvolutionEncoder(
        n_leads,
        channels=config.convolutions.channels,
        strides=config.convolutions.strides,
        kernel=config.convolutions.kernel,
        first_kernel=config.convolutions.first_kernel,
        drop=config.convolutions.dropout,
        cell=config.cell,
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
        initial_state=config.initial_state,
        layer_norm=config.layer_norm,
        fused=config.fused,
    )


def _encoder(config: EncoderConfig, fs_hz: float, *, n_leads: int) -> FrameEncoder:
    if config.front is not Front.frames:
        raise ConfigError("network.encoder.front=convolutions is for network=classifier; leave it at frames")
    return FrameEncoder(
        n_leads,
        frame=max(1, round(config.frame_s * fs_hz)),
        cell=config.cell,
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
        initial_state=config.initial_state,
        layer_norm=config.layer_norm,
        fused=config.fused,
    )


def _check_classes(scored: Sequence[str], scheme: LabelScheme, counts: Sequence[int]) -> None:
    for name in scored:
        if name not in scheme.classes:
            raise ConfigError(
                f"task.macro_f1_classes names {name}; scheme {scheme.name} has {', '.join(scheme.classes)}"
            )
        if counts[scheme.classes.index(name)] == 0:
            raise ConfigError(
                f"no training patient has a beat of class {name}, which task.macro_f1_classes names; "
                "take another split, or leave the class out of task.macro_f1_classes"
            )


def check_trainer_keys(keys: Mapping[str, Any]) -> None:
    """Check that the open group ``trainer`` holds nothing but keys of ``pytorch_lightning.Trainer``.

    Raises:
        ConfigError: when a key is another one, or one that this application sets itself.
    """
    known = set(inspect.signature(pl.Trainer.__init__).parameters) - {"self", "callbacks", "logger"}
    for key in keys:
        if key not in known:
            nearest = get_close_matches(key, sorted(known), n=1)
            hint = f"; did you mean 'trainer.{nearest[0]}'?" if nearest else ""
            raise ConfigError(f"unknown option 'trainer.{key}'{hint} (keys of pytorch_lightning.Trainer)")


def _quieten_lightning() -> None:
    """Keep advertisements, and a warning about torch that is Lightning's own business, from the user."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")


def _loggers(config: LoggerConfig, run_dir: Path) -> list[Logger]:
    loggers: list[Logger] = []
    if config.csv:
        loggers.append(CSVLogger(str(run_dir), name="", version="csv"))
    if config.tensorboard:
        loggers.append(TensorBoardLogger(str(run_dir), name="", version="tensorboard"))
    return loggers


def _callbacks(options: TrainConfig, run_dir: Path) -> list[Callback]:
    monitor = "validation/macro_auroc" if isinstance(options.task, SuperclassConfig) else MONITOR
    callbacks: list[Callback] = [
        ModelCheckpoint(
            run_dir / "checkpoints",
            filename="best",
            monitor=monitor,
            mode="max",
            save_last=True,
            enable_version_counter=False,
        ),
    ]
    if options.optimizer.average_decay:
        callbacks.append(EMAWeightAveraging(decay=options.optimizer.average_decay))
    if options.early_stopping_patience:
        callbacks.append(EarlyStopping(monitor, mode="max", patience=options.early_stopping_patience))
    return callbacks
