"""The stream of a trained model: by itself where it is causal, else with a look-ahead."""

from collections.abc import Sequence

from ecgrnn.errors import ConfigError
from ecgrnn.networks.beat_sequence import BeatSequenceClassifier
from ecgrnn.options.choices import Normalisation
from ecgrnn.signals.preprocessing import lead_columns
from ecgrnn.tasks.beats.sequences import BeatSequenceView
from ecgrnn.tasks.beats.streams.ahead import AheadStreams
from ecgrnn.tasks.beats.streams.causal import CausalStreams
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.streamed import Streaming

LOOK_AHEAD = 16
"""Beats that are waited for where nothing else is asked for."""


def beat_streams(
    model: TrainedModel,
    *,
    fs_hz: float,
    leads: Sequence[str],
    n_patients: int,
    look_ahead: int | None,
    hop_s: float,
) -> Streaming:
    """Begin streams of beats; the arguments are those of ``Task.stream``.

    Raises:
        ConfigError: the options do not fit the model.
        DataError: the filters do not fit the sampling frequency.
    """
    view, network, config = model.view(), model.network, model.preprocessing
    columns = lead_columns(leads, config, name="of the stream")
    causal = isinstance(view, BeatSequenceView) and view.causal
    if causal and look_ahead:
        raise ConfigError(
            f"look_ahead={look_ahead} would change nothing: this model reads no later beat; leave it out"
        )
    if (
        isinstance(view, BeatSequenceView)
        and view.causal
        and not view.long_range  # thousands of beats: as the others, which read the beats anew
        and isinstance(network, BeatSequenceClassifier)
    ):
        return CausalStreams(
            model,
            network,
            view,
            fs_hz=fs_hz,
            n_leads=len(leads),
            columns=columns,
            n_patients=n_patients,
            hop_s=hop_s,
        )
    if config.normalisation is not Normalisation.none:
        raise ConfigError(
            f"the model was trained with preprocessing.normalisation={config.normalisation.value}, which "
            "measures the whole recording, so it cannot be streamed; take another, such as beats_causal"
        )
    usual = 0 if causal else LOOK_AHEAD
    return AheadStreams(
        model,
        fs_hz=fs_hz,
        leads=leads,
        columns=columns,
        n_patients=n_patients,
        look_ahead=usual if look_ahead is None else look_ahead,
    )
