"""The options of the forms whose output has a length of its own: 1-vs-N and N-vs-M, networks and tasks."""

from dataclasses import dataclass, field

from ecgrnn.choices import Attention, ClassWeights, Context, Likelihood, Place
from ecgrnn.config import TaskConfig
from ecgrnn.errors import ConfigError
from ecgrnn.network_config import EncoderConfig, NetworkConfig
from ecgrnn.option_rules import above_zero, at_least, share


@dataclass
class GenerationConfig(TaskConfig):
    """A beat written from its class (1-vs-N): the window around a beat, and the loss.

    Attributes:
        before_s: window before the beat.
        after_s: window after the beat.
        likelihood: what the generator is trained by.
        class_weights: how classes are weighted in the loss.
    """

    before_s: float = 0.25
    after_s: float = 0.45
    likelihood: Likelihood = Likelihood.gaussian
    class_weights: ClassWeights = ClassWeights.root

    def __post_init__(self) -> None:
        above_zero("task", "before_s", self.before_s)
        above_zero("task", "after_s", self.after_s)


@dataclass
class TranscriptionConfig(TaskConfig):
    """The beats of a strip as a sequence of classes (N-vs-M), without their times.

    Attributes:
        strip_s: length of a strip; records are cut into strips without overlap.
        beam_width: symbol sequences that are kept during the search; 1 is greedy.
    """

    strip_s: float = 10.0
    beam_width: int = 4

    def __post_init__(self) -> None:
        above_zero("task", "strip_s", self.strip_s)
        at_least("task", "beam_width", self.beam_width, 1)


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
