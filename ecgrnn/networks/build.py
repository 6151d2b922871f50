"""Builds what reads and writes signals inside the networks of several forms, from their options."""

import math
from typing import TypedDict

from ecgrnn.errors import ConfigError
from ecgrnn.networks.classifier import Classifier
from ecgrnn.networks.convolutions import ConvolutionEncoder
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.networks.generator import Generator
from ecgrnn.networks.lead_set import LeadSetEncoder
from ecgrnn.networks.translator import Translator
from ecgrnn.options.choices import Cell, Front, InitialState
from ecgrnn.options.networks import (
    ClassifierConfig,
    EncoderConfig,
    GeneratorConfig,
    LabellerConfig,
    TranslatorConfig,
)
from ecgrnn.options.spec import SignalSpec

_WHOLE = 1e-3
"""A frame may miss a whole number of samples by so much: options are written with a few digits."""


def lead_set_encoder(config: LabellerConfig, fs_hz: float) -> LeadSetEncoder:
    """Build what reads all leads of a record together.

    Raises:
        ConfigError: the options ask for convolutions.
    """
    encoder = config.encoder
    return LeadSetEncoder(
        _frame(encoder, fs_hz),
        lead_size=config.lead_size,
        context=config.context_frames,
        bidirectional=encoder.bidirectional,
        **_layers(encoder),
    )


def frame_encoder(config: EncoderConfig, fs_hz: float, *, n_leads: int) -> FrameEncoder:
    """Build what reads a signal frame by frame.

    Raises:
        ConfigError: the options ask for convolutions.
    """
    return FrameEncoder(
        n_leads,
        frame=_frame(config, fs_hz),
        bidirectional=config.bidirectional,
        **_layers(config),
    )


def convolution_encoder(config: EncoderConfig, *, n_leads: int) -> ConvolutionEncoder:
    """Build what reads a signal by convolutions first."""
    return ConvolutionEncoder(
        n_leads,
        channels=config.convolutions.channels,
        strides=config.convolutions.strides,
        kernel=config.convolutions.kernel,
        first_kernel=config.convolutions.first_kernel,
        drop=config.convolutions.dropout,
        bidirectional=config.bidirectional,
        **_layers(config),
    )


def classifier(
    config: ClassifierConfig, signal: SignalSpec, *, n_classes: int, n_features: int
) -> Classifier:
    """Build what gives a whole signal its class or classes."""
    encoder: FrameEncoder | ConvolutionEncoder
    if config.encoder.front is Front.convolutions:
        encoder = convolution_encoder(config.encoder, n_leads=len(signal.leads))
    else:
        encoder = frame_encoder(config.encoder, signal.fs_hz, n_leads=len(signal.leads))
    return Classifier(
        encoder,
        n_classes,
        pooling=config.pooling,
        n_features=n_features,
        head_size=config.head_size,
        dropout=config.head_dropout,
    )


def generator(config: GeneratorConfig, *, signal: SignalSpec, n_classes: int, spread: bool) -> Generator:
    """Build what writes a signal from a class, with a spread about it or without.

    Raises:
        ConfigError: the options ask for convolutions.
    """
    encoder = config.encoder
    return Generator(
        n_classes,
        len(signal.leads),
        frame=_frame(encoder, signal.fs_hz),
        place=config.place,
        embedding_size=config.embedding_size,
        spread=spread,
        **_layers(encoder),
    )


def translator(config: TranslatorConfig, *, signal: SignalSpec, n_classes: int) -> Translator:
    """Build what reads a signal and writes symbols.

    Raises:
        ConfigError: the options ask for convolutions.
    """
    return Translator(
        frame_encoder(config.encoder, signal.fs_hz, n_leads=len(signal.leads)),
        n_classes,
        cell=config.encoder.cell,
        hidden_size=config.decoder_size,
        num_layers=config.decoder_layers,
        context=config.context,
        place=config.place,
        energy=config.attention,
        embedding_size=config.embedding_size,
        dropout=config.head_dropout,
        fused=config.encoder.fused,
    )


class _Layers(TypedDict):
    """Options of recurrent layers that every form has."""

    cell: Cell
    hidden_size: int
    num_layers: int
    dropout: float
    initial_state: InitialState
    layer_norm: bool
    fused: bool


def _layers(config: EncoderConfig) -> _Layers:
    return _Layers(
        cell=config.cell,
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        dropout=config.dropout,
        initial_state=config.initial_state,
        layer_norm=config.layer_norm,
        fused=config.fused,
    )


def check_frame(config: EncoderConfig, fs_hz: float) -> None:
    """Refuse to train with a frame that is no whole number of samples: it would be rounded without a word.

    Raises:
        ConfigError: naming the nearest lengths that are.
    """
    samples = config.frame_s * fs_hz
    if config.front is not Front.frames or abs(samples - round(samples)) < _WHOLE:
        return
    below, above = max(1, math.floor(samples)), max(1, math.ceil(samples))
    near = " or ".join(f"{n / fs_hz:.6g}" for n in dict.fromkeys((below, above)))
    raise ConfigError(
        f"network.encoder.frame_s={config.frame_s:g} is {samples:.4g} samples at {fs_hz:g} Hz, and a frame "
        f"has whole samples: set network.encoder.frame_s to {near}, or change preprocessing.fs_hz"
    )


def _frame(config: EncoderConfig, fs_hz: float) -> int:
    """Give the samples of a frame.

    Raises:
        ConfigError: the options ask for convolutions, which read no frames.
    """
    if config.front is not Front.frames:
        raise ConfigError("network.encoder.front=convolutions is for network=classifier; leave it at frames")
    return max(1, round(config.frame_s * fs_hz))
