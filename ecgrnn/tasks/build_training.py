"""From options to what trains: the data module and the LightningModule; reads no file and trains nothing."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import pytorch_lightning as pl
import torch

from ecgrnn.data.datamodule import EcgDataModule
from ecgrnn.errors import ConfigError
from ecgrnn.networks.build import check_frame
from ecgrnn.networks.generator import Generator
from ecgrnn.networks.labeller import Labeller
from ecgrnn.networks.translator import Translator
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec
from ecgrnn.tasks.beats.augmentation import BeatAugmentation
from ecgrnn.tasks.beats.options import BeatsConfig, BeatSequenceConfig
from ecgrnn.tasks.beats.sequences import feature_names
from ecgrnn.tasks.build import build_network, build_training_view
from ecgrnn.tasks.classification import ClassificationModule, adjusted_prior, loss_weights
from ecgrnn.tasks.delineation.augmentation import WaveAugmentation
from ecgrnn.tasks.delineation.module import DelineationModule
from ecgrnn.tasks.delineation.options import DelineateConfig
from ecgrnn.tasks.generation.module import GenerationModule
from ecgrnn.tasks.generation.options import GenerationConfig
from ecgrnn.tasks.strips.augmentation import augmented
from ecgrnn.tasks.strips.multilabel import MultiLabelModule
from ecgrnn.tasks.strips.options import RhythmConfig, SuperclassConfig
from ecgrnn.tasks.transcription.module import TranscriptionModule
from ecgrnn.tasks.transcription.options import MOST_BEATS_PER_S, TranscriptionConfig


def build_datamodule(options: TrainConfig) -> EcgDataModule:
    """Build the data module of a training run."""
    return EcgDataModule(
        options.data,
        options.preprocessing,
        loader=options.loader,
        view=build_training_view(options),
        seed=options.seed,
    )


def build_task(
    options: TrainConfig,
    *,
    signal: SignalSpec,
    scheme: LabelScheme,
    counts: Sequence[int],
    facts: dict[str, Any],
    learned_counts: Sequence[int] | None = None,
) -> pl.LightningModule:
    """Build the LightningModule of a training run.

    Args:
        options: the run's options.
        signal: the signal the network reads.
        scheme: the classes.
        counts: training items of each class.
        facts: plain data for the checkpoint.
        learned_counts: items of each class as the loss meets them; None where these are the same.

    Raises:
        ConfigError: when a class that is to be scored has no training item, or a frame is no whole number of
            samples.
    """
    learned = counts if learned_counts is None else learned_counts
    n_classes = len(scheme.classes)
    network = build_network(options.network, options.task, signal=signal, n_classes=n_classes)
    check_frame(options.network.encoder, signal.fs_hz)
    match options.task:
        case BeatsConfig() | RhythmConfig() as task:
            _check_classes(task.macro_f1_classes, scheme, counts)
            return ClassificationModule(
                network,
                classes=scheme.classes,
                scored=task.macro_f1_classes,
                class_weights=loss_weights(torch.as_tensor(learned), task.class_weights),
                label_smoothing=task.label_smoothing,
                optimizer=options.optimizer,
                facts=facts,
                **_training_extras(task, counts=learned, signal=signal),
            )
        case SuperclassConfig() as task:
            return MultiLabelModule(
                network,
                classes=scheme.classes,
                augment=partial(augmented, config=task.augmentation, fs_hz=signal.fs_hz),
                optimizer=options.optimizer,
                facts=facts,
            )
        case DelineateConfig() as task:
            labeller = cast("Labeller", network)
            return DelineationModule(
                labeller,
                n_classes=n_classes,
                truth_probability=task.truth_probability,
                augment=_wave_augmentation(task, labeller, fs_hz=signal.fs_hz),
                optimizer=options.optimizer,
                facts=facts,
            )
        case GenerationConfig() as task:
            return GenerationModule(
                cast("Generator", network),
                class_weights=loss_weights(torch.as_tensor(learned), task.class_weights),
                optimizer=options.optimizer,
                facts=facts,
            )
        case TranscriptionConfig():
            return TranscriptionModule(
                cast("Translator", network),
                most_symbols_per_s=MOST_BEATS_PER_S,
                fs_hz=signal.fs_hz,
                optimizer=options.optimizer,
                facts=facts,
            )
        case _:
            raise ConfigError(f"there is no task for {type(options.task).__name__}")


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


def _wave_augmentation(task: DelineateConfig, labeller: Labeller, *, fs_hz: float) -> WaveAugmentation:
    frame, per_frame = labeller.encoder.frame, labeller.labels_per_frame
    return WaveAugmentation(task.augmentation, fs_hz=fs_hz, frame=frame, per_frame=per_frame)


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
