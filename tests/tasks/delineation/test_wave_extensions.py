import pytest

from ecgrnn.tasks.delineation.prediction import _extensions


@pytest.mark.parametrize(
    "leads",
    [
        ("v2", "v", "v"),
        ("v", "v", "v1"),
        ("ECG", "ECG", "ecg1", "ecg"),
        ("", "1", "dat", "dat2"),
        ("ü", "ü0"),
    ],
)
def test_every_lead_has_an_extension_of_its_own(leads):
    names = _extensions(leads)
    assert len(set(names)) == len(leads)
    assert not set(names) & {"", "hea", "dat", "csv", "mat"}


def test_a_lead_whose_name_is_its_own_keeps_it():
    assert _extensions(["MLII", "V1", "aVR", "dat"]) == ["mlii", "v1", "avr", "dat3"]
