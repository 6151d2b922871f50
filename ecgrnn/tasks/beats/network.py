"""The network of the task on sequences of beats, built from its options."""

from ecgrnn.errors import ConfigError
from ecgrnn.networks.beat_sequence import BeatSequenceClassifier
from ecgrnn.networks.build import (
    frame_encoder,
)
from ecgrnn.nn.fused import recurrence
from ecgrnn.options.networks import (
    BeatSequenceNetworkConfig,
)
from ecgrnn.options.spec import SignalSpec
from ecgrnn.tasks.beats.options import BeatSequenceConfig
from ecgrnn.tasks.beats.sequences import feature_names


def beat_sequence_network(
    config: BeatSequenceNetworkConfig, task: BeatSequenceConfig, *, signal: SignalSpec, n_classes: int
) -> BeatSequenceClassifier:
    """Build the network that reads each beat, and then the beats in their sequence.

    Raises:
        ConfigError: a causal task with a network that also reads backwards.
    """
    sequence = config.sequence
    if task.causal and sequence.bidirectional:
        raise ConfigError(
            "task.causal=true needs network.sequence.bidirectional=false: backwards is the future"
        )
    names = feature_names(len(signal.leads), causal=task.causal)
    return BeatSequenceClassifier(
        # Each lead is read by itself, as two signals: the beat and the patient's typical beat.
        frame_encoder(config.encoder, signal.fs_hz, n_leads=2),
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
