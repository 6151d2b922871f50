"""The network of delineation, built from its options."""

from ecgrnn.errors import ConfigError
from ecgrnn.networks.build import lead_set_encoder
from ecgrnn.networks.labeller import Labeller
from ecgrnn.options.networks import LabellerConfig
from ecgrnn.options.spec import SignalSpec
from ecgrnn.tasks.delineation.options import DelineateConfig


def delineator(
    config: LabellerConfig, task: DelineateConfig, *, signal: SignalSpec, n_classes: int
) -> Labeller:
    """Build the network that labels every step of every lead, however many leads there are.

    Raises:
        ConfigError: a step is no whole number of samples, or a frame no whole number of steps.
    """
    return Labeller(
        lead_set_encoder(config, signal.fs_hz),
        n_classes,
        head=config.head,
        labels_per_frame=_labels_per_frame(config, task, fs_hz=signal.fs_hz),
        label_size=config.label_size,
        feedback_size=config.feedback_size,
        dropout=config.head_dropout,
    )


def _labels_per_frame(config: LabellerConfig, task: DelineateConfig, *, fs_hz: float) -> int:
    samples = task.step_s * fs_hz
    if samples < 1 or abs(samples - round(samples)) > 1e-6:
        raise ConfigError(
            f"task.step_s={task.step_s} is {samples:.3g} samples at {fs_hz:g} Hz, and labels would drift "
            "against the signal: set preprocessing.fs_hz (250 for 0.008 s) or task.step_s so that it is a "
            "whole number"
        )
    labels = config.encoder.frame_s / task.step_s
    if labels < 1 or abs(labels - round(labels)) > 1e-6:
        raise ConfigError(
            f"network.encoder.frame_s={config.encoder.frame_s} must be a multiple of "
            f"task.step_s={task.step_s}"
        )
    return round(labels)
