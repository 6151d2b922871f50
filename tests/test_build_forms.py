import pytest

from ecgrnn.build_forms import frame_encoder, generator, lead_set_encoder, translator
from ecgrnn.choices import Front
from ecgrnn.errors import ConfigError
from ecgrnn.form_config import GenerationConfig, GeneratorConfig, TranslatorConfig
from ecgrnn.network_config import EncoderConfig, LabellerConfig
from ecgrnn.spec import SignalSpec

SIGNAL = SignalSpec(fs_hz=250.0, leads=("MLII",))


@pytest.mark.parametrize(
    "build",
    [
        lambda encoder: frame_encoder(encoder, 250.0, n_leads=1),
        lambda encoder: lead_set_encoder(LabellerConfig(encoder=encoder), 250.0),
        lambda encoder: generator(
            GeneratorConfig(encoder=encoder), GenerationConfig(), signal=SIGNAL, n_classes=3
        ),
        lambda encoder: translator(TranslatorConfig(encoder=encoder), signal=SIGNAL, n_classes=3),
    ],
    ids=["frames", "labeller", "generator", "translator"],
)
def test_a_form_that_reads_frames_refuses_convolutions_in_front(build):
    build(EncoderConfig(bidirectional=False, hidden_size=2))
    with pytest.raises(ConfigError, match=r"front=convolutions is for network=classifier"):
        build(EncoderConfig(front=Front.convolutions, bidirectional=False, hidden_size=2))
