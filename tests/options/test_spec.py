import pytest

from ecgrnn.errors import ConfigError
from ecgrnn.options.data import DataConfig, PreprocessingConfig
from ecgrnn.options.networks import LabellerConfig
from ecgrnn.options.spec import LabelScheme, SignalSpec, from_plain, to_plain
from ecgrnn.signals.symbols import SCHEMES


@pytest.mark.parametrize(
    "value",
    [
        SignalSpec(250.0, ("II", "")),
        *SCHEMES.values(),
        DataConfig(),
        PreprocessingConfig(leads=["II"]),
        LabellerConfig(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_data_come_back_as_they_were(value):
    assert from_plain(type(value), to_plain(value)) == value


@pytest.mark.parametrize(
    ("kind", "plain", "said"),
    [
        (SignalSpec, {"fs_hz": "abc", "leads": []}, "fs_hz must be a finite number; it is 'abc'"),
        (SignalSpec, {"fs_hz": None, "leads": []}, "fs_hz must be a finite number; it is None"),
        (SignalSpec, {"fs_hz": True, "leads": []}, "fs_hz must be a finite number; it is True"),
        (SignalSpec, {"fs_hz": float("inf"), "leads": []}, "fs_hz must be a finite number; it is inf"),
        (SignalSpec, {"fs_hz": 1.0, "leads": "II"}, "leads must be"),
        (SignalSpec, {"fs_hz": 1.0, "leads": [1]}, "leads must be text; it is 1"),
        (DataConfig, {"folds": 2.0}, "folds must be a whole number; it is 2.0"),
        (DataConfig, {"folds": "5"}, "folds must be a whole number; it is '5'"),
        (DataConfig, {"records": [100]}, "records must be text; it is 100"),
        (DataConfig, {"root": 3}, "root must be text; it is 3"),
        (LabelScheme, {"symbols": ["N"]}, "symbols must be"),
        (LabelScheme, {"symbols": {"N": 0}}, "symbols must be text; it is 0"),
        (LabellerConfig, {"encoder": {"fused": "no"}}, "fused must be true or false; it is 'no'"),
        (LabellerConfig, {"encoder": 3}, "encoder must be"),
        (LabellerConfig, {"head": "tree"}, "cannot be read back"),
        (LabellerConfig, {"colour": "red"}, "has no colour"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(kind, plain, said):
    with pytest.raises(ConfigError, match=said):
        from_plain(kind, plain)
