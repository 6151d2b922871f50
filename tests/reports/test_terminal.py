"""The tables at the end of a command: the numbers of summary.json, ASCII, 80 columns, undefined as a dash."""

import copy

import pytest

from ecgrnn.tasks.beats.scoring.summary import beat_lines
from ecgrnn.tasks.delineation.report import delineation_lines
from ecgrnn.tasks.generation.scoring import generation_lines
from ecgrnn.tasks.strips.rhythm import rhythm_lines
from ecgrnn.tasks.strips.superclass import superclass_lines
from ecgrnn.tasks.transcription.report import transcription_lines


def interval(estimate, low=None, high=None):
    return {"estimate": estimate, "bca": None if low is None else [low, high]}


RESAMPLING = {"level": 0.95}
NOTE = "3 patients are fewer than 20: intervals, where there are any, are too narrow, as was simulated."
CLASSES = {
    "N": {
        "support": 44_242,
        "patients": 22,
        "sensitivity": 0.98765,
        "positive_predictivity": 0.999_99,
        "f1": 0.9931,
    },
    "S": {"support": 0, "patients": 0, "sensitivity": None, "positive_predictivity": 0.0, "f1": None},
}
BEATS = {
    "scheme": "aami",
    "classes": CLASSES,
    "macro_f1_classes": ["N", "S"],
    "resampling": RESAMPLING,
    "interval_note": "",
    "intervals": {
        "N_f1": interval(0.9931, 0.98, 1.0),
        "S_f1": interval(None),
        "macro_f1": interval(0.9931, 0.98, 0.995),
        "accuracy": interval(0.98765, 0.9, 0.99),
    },
    "ec57": {
        "aami": {
            "start_s": 300.0,
            "intervals": {
                f"{kind}_{name}": interval(None) if kind == "sveb" else interval(0.9951, 0.99, 0.999)
                for kind in ("qrs", "veb", "sveb")
                for name in ("sensitivity", "positive_predictivity")
            },
        }
    },
}
WAVES = {
    "records": 12,
    "macro_f1": None,
    "interval_note": "",
    "resampling": RESAMPLING,
    "fiducials": {
        "QRS offset": {
            "support": 1_234,
            "patients": 12,
            "sensitivity": 1.0,
            "positive_predictivity": 0.5,
            "f1": 0.6667,
            "mean_ms": -3.21,
            "sd_ms": None,
        }
    },
    "intervals": {"QRS offset": interval(0.6667, 0.5, 0.75)},
}
AREAS = {
    "records": 500,
    "patients": 480,
    "interval_note": "",
    "macro_auroc": 0.789,
    "macro_auroc_interval": [0.7, 0.8],
    "resampling": RESAMPLING,
    "classes": {
        "NORM": {"support": 200, "patients": 190, "auroc": 0.9, "interval": [0.85, 0.95]},
        "MI": {"support": 0, "patients": 0, "auroc": None, "interval": None},
    },
}
GENERATED = {
    "classes": {
        "N": {
            "beats": 12_345,
            "patients": 9,
            "rmse_mv": 0.1234,
            "mean_beat_rmse_mv": 0.1,
            "explained": 0.912,
        },
        "V": {"beats": 1, "patients": 1, "rmse_mv": 0.5, "mean_beat_rmse_mv": 0.0, "explained": None},
    }
}
TEXT = {
    "symbols": 1_000,
    "strips": 100,
    "substituted": 3,
    "deleted": 2,
    "inserted": 1,
    "interval_note": "",
    "resampling": RESAMPLING,
    "intervals": {"token_error_rate": interval(0.006, 0.004, 0.01), "exact_share": interval(None)},
}
TABLES = {
    "beats": lambda: beat_lines(BEATS),
    "rhythms": lambda: rhythm_lines(BEATS),
    "waves": lambda: delineation_lines(WAVES),
    "superclasses": lambda: superclass_lines(AREAS),
    "generation": lambda: generation_lines(GENERATED),
    "transcription": lambda: transcription_lines(TEXT),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_ascii_and_fits_80_columns(name):
    lines = TABLES[name]()
    assert all(line.isascii() and len(line) <= 80 for line in lines)
    assert not any(word in line for line in lines for word in ("None", "nan"))


def cells(lines, name):
    (row,) = [line for line in lines if line.startswith(f"{name} ")]
    return row.removeprefix(name).split()


def test_classes_have_their_figures_and_interval_and_undefined_is_a_dash():
    lines = beat_lines(BEATS)
    assert "95 % interval" in lines[1]
    assert cells(lines, "N") == ["44,242", "22", "98.77", "99.99", "99.31", "98.00", "to", "100.00"]
    assert lines[3].split() == ["S", "0", "0", "-", "0.00", "-", "-"]
    assert cells(lines, "mean F1 of N S") == ["99.31", "98.00", "to", "99.50"]
    assert cells(lines, "accuracy") == ["98.77", "90.00", "to", "99.00"]
    assert cells(lines, "QRS") == ["99.51", "99.00", "to", "99.90"] * 2
    assert lines[-1].split() == ["S", "-", "-", "-", "-"]
    assert "from 300 s" in lines[6]


def test_nothing_below_the_whole_prints_as_the_whole():
    summary = copy.deepcopy(BEATS)
    summary["classes"]["N"] |= {"sensitivity": 0.999_999, "positive_predictivity": 1.0}
    assert cells(rhythm_lines(summary), "N")[2:4] == ["99.99", "100.00"]


def test_the_number_of_patients_is_shown_and_what_few_of_them_mean():
    lines = rhythm_lines(BEATS)
    assert "patients" in lines[0]
    assert cells(lines, "N")[:2] == ["44,242", "22"]
    noted = rhythm_lines({**BEATS, "interval_note": NOTE})
    assert noted[: len(lines)] == lines
    assert " ".join(" ".join(noted[len(lines) :]).split()) == f"note {NOTE}"
    assert all(len(line) <= 80 for line in noted)


def test_waves_superclasses_generation_and_transcription_have_theirs():
    assert cells(delineation_lines(WAVES), "QRS offset") == [
        *("1,234", "12", "100.00", "50.00", "66.67", "50.00", "to", "75.00", "-3.2", "-")
    ]
    assert delineation_lines(WAVES)[-1] == "mean F1 - % of 12 records"
    assert cells(superclass_lines(AREAS), "NORM") == ["200", "190", "0.9000", "0.8500", "to", "0.9500"]
    assert cells(superclass_lines(AREAS), "MI") == ["0", "0", "-", "-"]
    assert cells(superclass_lines(AREAS), "macro mean") == ["500", "480", "0.7890", "0.7000", "to", "0.8000"]
    assert cells(generation_lines(GENERATED), "N") == ["12,345", "9", "0.123", "0.100", "91.2"]
    assert cells(generation_lines(GENERATED), "V")[-1] == "-"
    assert cells(transcription_lines(TEXT), "token error rate") == ["1,000", "0.60", "0.40", "to", "1.00"]
    assert cells(transcription_lines(TEXT), "strips all right") == ["100", "-", "-"]
    assert transcription_lines(TEXT)[-1] == "3 substituted, 2 deleted, 1 inserted"
