"""How many labels a frame of the delineator has."""

from ecgrnn.errors import ConfigError
from ecgrnn.options.networks import (
    LabellerConfig,
)
from ecgrnn.tasks.delineation.options import DelineateConfig


def labels_per_frame_of(config: LabellerConfig, task: DelineateConfig, *, fs_hz: float) -> int:
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
