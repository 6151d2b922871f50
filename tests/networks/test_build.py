import pytest

from ecgrnn.errors import ConfigError
from ecgrnn.networks.build import (
    check_frame,
    frame_encoder,
    generator,
    lead_set_encoder,
    translator,
)
from ecgrnn.options.choices import Front
from ecgrnn.options.networks import EncoderConfig, GeneratorConfig, LabellerConfig, TranslatorConfig
from ecgrnn.options.spec import SignalSpec

SIGNAL = SignalSpec(fs_hz=250.0, leads=("MLII",))


@pytest.mark.parametrize(
    "build",
    [
        lambda encoder: frame_encoder(encoder, 250.0, n_leads=1),
        lambda encoder: lead_set_encoder(LabellerConfig(encoder=encoder), 250.0),
        lambda encoder: generator(GeneratorConfig(encoder=encoder), signal=SIGNAL, n_classes=3, spread=True),
        lambda encoder: translator(TranslatorConfig(encoder=encoder), signal=SIGNAL, n_classes=3),
    ],
    ids=["frames", "labeller", "generator", "translator"],
)
def test_a_form_that_reads_frames_refuses_convolutions_in_front(build):
    build(EncoderConfig(bidirectional=False, hidden_size=2))
    with pytest.raises(ConfigError, match=r"front=convolutions is for network=classifier"):
        build(EncoderConfig(front=Front.convolutions, bidirectional=False, hidden_size=2))


@pytest.mark.parametrize(
    ("frame_s", "fs_hz", "near"),
    [(0.05, 125.0, "0.048 or 0.056"), (0.05, 250.0, "0.048 or 0.052"), (0.001, 180.0, "0.00555556,")],
)
def test_a_frame_of_part_of_a_sample_is_refused_with_lengths_that_are_not(frame_s, fs_hz, near):
    with pytest.raises(ConfigError, match=f"set network.encoder.frame_s to {near.rstrip(',')}"):
        check_frame(EncoderConfig(frame_s=frame_s), fs_hz)
    for value in near.rstrip(",").split(" or "):
        check_frame(EncoderConfig(frame_s=float(value)), fs_hz)


@pytest.mark.parametrize(("frame_s", "fs_hz"), [(0.05, 180.0), (0.128, 125.0), (0.064, 250.0), (0.0, 62.47)])
def test_a_frame_of_whole_samples_is_not(frame_s, fs_hz):
    check_frame(EncoderConfig(frame_s=frame_s), fs_hz)
    check_frame(EncoderConfig(frame_s=0.05, front=Front.convolutions), 125.0)
