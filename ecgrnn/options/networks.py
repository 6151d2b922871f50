"""The options of networks: the recurrent encoder, and what turns its states into classes or labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import (
    Attention,
    Cell,
    Context,
    Front,
    Head,
    InitialState,
    LeadReading,
    Place,
    Pooling,
)
from ecgrnn.options.rules import at_least, share
from ecgrnn.options.spec import from_plain, to_plain

WRITTEN_OUT = (Cell.gru_reset_before, Cell.joined, Cell.joined_tanh)
"""Cells that have the written-out loop alone: neither torch.nn nor a scan computes them."""


@dataclass
class ConvolutionConfig:
    """Strided convolutions in front of the recurrent layers, which then read a few steps a second.

    Attributes:
        channels: features of each stage.
        strides: factor by which each stage shortens the signal.
        kernel: taps of the convolutions after the first, odd.
        first_kernel: taps of the first convolution, odd.
        dropout: probability that a feature of a block is set to zero in training, in a whole strip.
    """

    channels: list[int] = field(default_factory=lambda: [32, 48, 64, 96])
    strides: list[int] = field(default_factory=lambda: [5, 2, 2, 2])
    kernel: int = 5
    first_kernel: int = 15
    dropout: float = 0.1

    def __post_init__(self) -> None:
        share("network.encoder.convolutions", "dropout", self.dropout)
        at_least("network.encoder.convolutions", "kernel", self.kernel, 1)
        at_least("network.encoder.convolutions", "first_kernel", self.first_kernel, 1)
        if not self.channels or len(self.channels) != len(self.strides):
            raise ConfigError(
                "network.encoder.convolutions needs as many strides as channels; "
                f"it has channels={self.channels} and strides={self.strides}"
            )


@dataclass
class EncoderConfig:
    """The stacked recurrent network that every form is built on.

    Attributes:
        front: what the recurrent layers read: frames of samples, or the outputs of convolutions.
        convolutions: for ``front=convolutions``, their sizes; ``frame_s`` is then not used.
        frame_s: length of the signal that one recurrent step reads; 0 reads single samples; not used with
            convolutions.
        cell: the recurrent cell.
        hidden_size: size of the state, per direction.
        num_layers: recurrent layers.
        bidirectional: also read backwards; the network is then not causal.
        dropout: dropout between layers.
        initial_state: state before the first step.
        layer_norm: layer normalisation inside the LSTM; needs ``cell=lstm`` and ``fused=false``.
        fused: use the fused layers of torch.nn, or the parallel scan of min_gru and min_lstm, instead of the
            written-out loop.
    """

    front: Front = Front.frames
    convolutions: ConvolutionConfig = field(default_factory=ConvolutionConfig)
    frame_s: float = 0.05
    cell: Cell = Cell.lstm
    hidden_size: int = 64
    num_layers: int = 2
    bidirectional: bool = True
    dropout: float = 0.1
    initial_state: InitialState = InitialState.zero
    layer_norm: bool = False
    fused: bool = True

    def __post_init__(self) -> None:
        at_least("network.encoder", "frame_s", self.frame_s, 0)
        at_least("network.encoder", "hidden_size", self.hidden_size, 1)
        at_least("network.encoder", "num_layers", self.num_layers, 1)
        share("network.encoder", "dropout", self.dropout)
        if self.layer_norm and (self.cell is not Cell.lstm or self.fused):
            raise ConfigError(
                "network.encoder.layer_norm=true is for cell=lstm written out; "
                "set network.encoder.cell=lstm and network.encoder.fused=false"
            )


@dataclass
class NetworkConfig:
    """The base of the four forms.

    Attributes:
        encoder: the stacked recurrent network.
    """

    encoder: EncoderConfig = field(default_factory=EncoderConfig)


@dataclass
class ClassifierConfig(NetworkConfig):
    """N-vs-1: one class for the whole input.

    Attributes:
        pooling: how the outputs of all steps become one vector.
        head_size: width of the layer before the classes, which also reads the features beside the signal.
        head_dropout: dropout before the classes.
    """

    pooling: Pooling = Pooling.attention
    head_size: int = 64
    head_dropout: float = 0.2

    def __post_init__(self) -> None:
        at_least("network", "head_size", self.head_size, 1)
        share("network", "head_dropout", self.head_dropout)


@dataclass
class SequenceConfig:
    """The recurrent layers that read what an encoder made of each item, one item a step.

    Attributes:
        cell: the recurrent cell.
        hidden_size: size of the state, per direction.
        input_size: size of the vector read at a step.
        num_layers: recurrent layers.
        bidirectional: also read backwards; the network is then not causal.
        dropout: dropout between layers.
    """

    cell: Cell = Cell.gru
    hidden_size: int = 48
    input_size: int = 48
    num_layers: int = 1
    bidirectional: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("hidden_size", "input_size", "num_layers"):
            at_least("network.sequence", name, getattr(self, name), 1)
        share("network.sequence", "dropout", self.dropout)
        if self.cell in WRITTEN_OUT:
            others = ", ".join(cell for cell in Cell if cell not in WRITTEN_OUT)
            raise ConfigError(
                f"network.sequence.cell={self.cell} is available in network.encoder only, with "
                f"network.encoder.fused=false; take one of {others}"
            )


@dataclass
class BeatSequenceNetworkConfig(NetworkConfig):
    """N-vs-1 inside each beat, N-vs-N over the beats.

    Attributes:
        pooling: how the frames of one beat become one vector.
        leads: how leads are read; ``any`` with ``preprocessing.n_leads=0`` reads all ECG leads of a record.
        lead_size: features of one lead of a beat, with ``leads=any``.
        sequence: the recurrent layers over beats.
        head_dropout: dropout of the vectors of beats, with one mask for all beats of a sequence.
    """

    pooling: Pooling = Pooling.mean
    leads: LeadReading = LeadReading.in_order
    lead_size: int = 48
    sequence: SequenceConfig = field(default_factory=SequenceConfig)
    head_dropout: float = 0.3

    def __post_init__(self) -> None:
        at_least("network", "lead_size", self.lead_size, 1)
        share("network", "head_dropout", self.head_dropout)


@dataclass
class LabellerConfig(NetworkConfig):
    """N-vs-N: a label for every step.

    Attributes:
        lead_size: features of one lead in one frame.
        context_frames: frames on either side that are read with a frame; only earlier ones in a causal
            network.
        label_size: features of a label, where a frame has several.
        head: how labels are computed from what was read.
        feedback_size: features of a head with feedback.
        head_dropout: dropout before the head.
    """

    lead_size: int = 64
    context_frames: int = 2
    label_size: int = 32
    head: Head = Head.linear
    feedback_size: int = 32
    head_dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("lead_size", "label_size", "feedback_size"):
            at_least("network", name, getattr(self, name), 1)
        at_least("network", "context_frames", self.context_frames, 0)
        share("network", "head_dropout", self.head_dropout)


@dataclass
class GeneratorConfig(NetworkConfig):
    """1-vs-N: a signal from a class.

    Attributes:
        encoder: the recurrent stack that writes; a frame is what one step writes.
        place: where the class enters.
        embedding_size: features of a class.
    """

    encoder: EncoderConfig = field(default_factory=lambda: EncoderConfig(bidirectional=False))
    place: Place = Place.every
    embedding_size: int = 16

    def __post_init__(self) -> None:
        at_least("network", "embedding_size", self.embedding_size, 1)
        if self.encoder.bidirectional:
            raise ConfigError(
                "network=generator writes from the first sample to the last and cannot be bidirectional; "
                "set network.encoder.bidirectional=false"
            )


@dataclass
class TranslatorConfig(NetworkConfig):
    """N-vs-M: from a signal to a sequence of another length.

    Attributes:
        context: what the decoder receives from the encoder.
        place: where that enters the decoder: as its first state, or at every step.
        attention: how attention at every step compares decoder and encoder.
        decoder_size: size of the decoder's state; its cell is that of the encoder.
        decoder_layers: layers of the decoder.
        embedding_size: features of a symbol.
        head_dropout: dropout before the symbols.
    """

    context: Context = Context.attention
    place: Place = Place.every
    attention: Attention = Attention.additive
    decoder_size: int = 64
    decoder_layers: int = 1
    embedding_size: int = 16
    head_dropout: float = 0.1

    def __post_init__(self) -> None:
        at_least("network", "decoder_size", self.decoder_size, 1)
        at_least("network", "decoder_layers", self.decoder_layers, 1)
        at_least("network", "embedding_size", self.embedding_size, 1)
        share("network", "head_dropout", self.head_dropout)


NETWORKS: dict[str, type[NetworkConfig]] = {
    "classifier": ClassifierConfig,
    "beat_sequence": BeatSequenceNetworkConfig,
    "labeller": LabellerConfig,
    "generator": GeneratorConfig,
    "translator": TranslatorConfig,
}
"""``network=NAME`` to its options."""


def form_of(config: NetworkConfig) -> str:
    """Give the name of a network in ``network=NAME``."""
    return next((name for name, kind in NETWORKS.items() if kind is type(config)), type(config).__name__)


def plain_network(config: NetworkConfig) -> dict[str, Any]:
    """Give the options of a network as plain data that names the network."""
    return {"form": form_of(config), "options": to_plain(config)}


def read_network(plain: Mapping[str, Any]) -> NetworkConfig:
    """Read the options of a network back from plain data; the inverse of ``plain_network``."""
    return from_plain(NETWORKS[plain["form"]], plain["options"])
