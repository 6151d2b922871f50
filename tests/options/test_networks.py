import dataclasses

import pytest

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import Cell
from ecgrnn.options.networks import EncoderConfig, LabellerConfig, SequenceConfig


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lead_size", 0),
        ("context_frames", -1),
        ("label_size", 0),
        ("feedback_size", 0),
        ("head_dropout", 1.5),
    ],
)
def test_a_size_of_the_labeller_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(ConfigError, match=rf"network\.{name} must .* it is {value}"):
        LabellerConfig(**{name: value})


def test_a_labeller_may_read_each_frame_by_itself():
    assert LabellerConfig(context_frames=0, head_dropout=0.0).context_frames == 0


def test_a_cell_that_a_sequence_does_not_have_is_refused_without_an_option_that_does_not_exist():
    with pytest.raises(ConfigError, match=r"in network\.encoder only, with network\.encoder\.fused=false"):
        SequenceConfig(cell=Cell.gru_reset_before)
    assert "fused" not in {field.name for field in dataclasses.fields(SequenceConfig)}
    assert EncoderConfig(cell=Cell.gru_reset_before, fused=False).cell is Cell.gru_reset_before
