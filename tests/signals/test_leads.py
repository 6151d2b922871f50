import pytest

from ecgrnn.signals.leads import VOCABULARY, ecg_columns, find_lead, is_other, lead_name, named, same_lead

ALIASES = {
    "I": ["I", "i", "Lead I", "ECG I", "D1", "DI", "MLI", "EKG I-Ref", "LEAD_I", "Ableitung I",
          "Dérivation I",
                   "Derivación I", "MDC_ECG_LEAD_I", "Lead I (Einthoven)", "ECG LA-RA", "leadI", "I [mV]"],
    "II": ["II", "MLII", "ECG II", "ECG_II", "Lead II", "D2", "EKG II-Ref", "mlii", "ECG_LL-RA_24BIT",
           "ECGII"],
    "III": ["III", "D3", "MLIII"],
    "aVR": ["aVR", "AVR", "avr", "Lead aVR", "Lead aVR, augmented voltage, right"],
    "aVL": ["AVL"],
    "aVF": ["aVf", "ECG aVF"],
    **{f"V{n}": [f"V{n}", f"v{n}", f"ECG V{n}", f"V {n}", f"Lead V{n}"] for n in range(1, 10)},
    "X": ["VX", "ECG X", "x"],
    "ECG": ["ECG", "ekg", "ecg [uV]"],
    "ECG1": ["ECG1", "ECG 1", "ECG Lead 1", "Channel 1", "CH1", "Lead 1"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "alias"), [(name, alias) for name in ALIASES for alias in ALIASES[name]])
def test_aliases_are_brought_to_one_name(name, alias):
    assert lead_name(alias) == name


@pytest.mark.parametrize(
    "name", ["-aVR", "CM5", "chest", "V10", "V", "T", "1", "noise1", "RESP", "signal 0", ""]
)
def test_other_names_are_no_alias(name):
    assert lead_name(name) is None


def test_names_of_the_vocabulary_stand_for_themselves():
    assert [lead_name(name) for name in VOCABULARY] == list(VOCABULARY)


def test_names_that_would_be_alike_stay_apart():
    assert named(["MLII", "V5"]) == ("II", "V5")
    assert named(["II", "MLII", "V1"]) == ("II", "MLII", "V1")
    assert named(["ECG", "ECG"]) == ("ECG", "ECG (2)")
    assert named(["", "CM5"]) == ("lead 1", "CM5")


def test_a_lead_is_found_as_written_before_its_alias():
    assert find_lead("II", ["MLII", "II"]) == 1
    assert find_lead("ii", ["V5", "II"]) == 1
    assert find_lead("D2", ["V5", "MLII"]) == 1
    assert find_lead("D2", ["MLII", "II"]) is None  # either may be meant
    assert not same_lead("V1", "V2")


@pytest.mark.parametrize(
    "name",
    [
        "RESP",
        "ABP",
        "PLETH",
        "acc_x",
        "accX",
        "Accelerometer Y",
        "Gyro z",
        "SpO2",
        "Marker",
        "HR",
        "nSeq",
        "EMG",
        "C4-M1",
        "E1:M2",
        "EEG Fz-Cz",
        "Chin1-Chin2",
        "LOC",
    ],
)
def test_what_is_no_ecg_is_known_by_its_name(name):
    assert is_other(name)
    assert ecg_columns([name, "V1"], ["mV", "mV"]) == [1]


@pytest.mark.parametrize(
    "name", ["DI", "ecg thorax", "MLII", "V5", "ECG HR", "Z", "EKG1-EKG2", "CM5", "C1", "A1"]
)
def test_leads_are_not_taken_for_something_else(name):
    assert not is_other(name)
