import pytest

from ecgrnn.errors import ConfigError
from ecgrnn.network_config import LabellerConfig


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
