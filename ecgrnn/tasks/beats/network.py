"""The network of the task on sequences of beats, built from its options."""

from ecgrnn.errors import ConfigError
from ecgrnn.networks.beat_sequence import BeatSequenceClassifier
from ecgrnn.networks.build import frame_encoder
from ecgrnn.networks.lead_pool import LeadPool
from ecgrnn.nn.fused import recurrence
from ecgrnn.options.choices import LeadReading
from ecgrnn.options.networks import BeatSequenceNetworkConfig
from ecgrnn.options.spec import SignalSpec
from ecgrnn.tasks.beats.options import BeatSequenceConfig
from ecgrnn.tasks.beats.sequences import feature_names
from ecgrnn.tasks.beats.shape import shape_names


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
            "task.causal=true needs network.sequence.bidirectional=false: the backward direction reads "
            "later beats"
        )
    n_leads = len(signal.leads)
    # Each lead is read by itself, as two signals: the beat and the patient's beat template.
    encoder = frame_encoder(config.encoder, signal.fs_hz, n_leads=2)
    pool = None
    if config.leads is LeadReading.any:
        shapes = len(shape_names(long_range=task.long_range))
        n_leads, pool = 0, LeadPool(encoder.output_size + shapes, config.lead_size)
    return BeatSequenceClassifier(
        encoder,
        recurrence(
            sequence.cell,
            sequence.input_size,
            hidden_size=sequence.hidden_size,
            num_layers=sequence.num_layers,
            bidirectional=sequence.bidirectional,
            dropout=sequence.dropout,
        ),
        n_classes,
        n_leads=n_leads,
        n_features=len(feature_names(n_leads, causal=task.causal, long_range=task.long_range)),
        lead_pool=pool,
        pooling=config.pooling,
        dropout=config.head_dropout,
    )
