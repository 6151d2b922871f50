from pathlib import Path

import numpy as np
import pytest

from ecgrnn.signals.rhythms.definitions import DEFINITIONS
from ecgrnn.signals.rhythms.episodes import Opinion, find_episodes
from ecgrnn.signals.symbols import RHYTHMS


def chain(*parts):
    """Join (classes, RR in s) parts into times and classes; an RR may be one number or one a beat."""
    labels = "".join(classes for classes, _ in parts)
    rr = np.concatenate([np.broadcast_to(rr, len(classes)) for classes, rr in parts])
    return np.cumsum(rr), np.array(list(labels))


def named(*parts, **others):
    time_s, label = chain(*parts)
    found = find_episodes(time_s, label, duration_s=time_s[-1] + 1, **others)
    return [
        (name, round(start, 2), round(stop, 2))
        for name, start, stop in zip(found.name.tolist(), found.start_s, found.stop_s, strict=True)
    ]


CASES = {
    "run of V": ([("N" * 9, 0.8), ("VVV", 0.5), ("N" * 9, 0.8)], [("N", 0.8, 7.7), ("VT", 7.7, 9.5)]),
    "slow run of V": ([("N" * 9, 0.8), ("VVV", 0.7), ("N" * 9, 0.8)], [("N", 0.8, 7.9), ("IVR", 7.9, 10.1)]),
    "couplet": ([("N" * 9, 0.8), ("VV", 0.5), ("N" * 9, 0.8)], [("N", 0.8, 16.4)]),
    "run of S": ([("N" * 9, 0.8), ("SSS", 0.4), ("N" * 9, 0.8)], [("N", 0.8, 7.6), ("SVTA", 7.6, 9.2)]),
    "bigeminy": ([("N" * 9, 0.8), ("VNVNV", 0.8), ("N" * 9, 0.8)], [("N", 0.8, 7.2), ("B", 7.2, 12.0)]),
    "two cycles": ([("N" * 9, 0.8), ("VNV", 0.8), ("N" * 9, 0.8)], [("N", 0.8, 17.8)]),
    "trigeminy": ([("N" * 9, 0.8), ("VNNVNNV", 0.8), ("N" * 9, 0.8)], [("N", 0.8, 6.4), ("T", 6.4, 13.6)]),
    "slow": ([("N" * 30, 0.8), ("N" * 20, 1.5), ("N" * 30, 0.8)], [("N", 0.8, 23.2), ("SBR", 23.2, 52.4)]),
    "fast": ([("N" * 30, 0.8), ("N" * 40, 0.5), ("N" * 30, 0.8)], [("N", 0.8, 23.6), ("STACH", 23.6, 44.0)]),
    "pause": ([("N" * 9, 0.8), ("N", 2.4), ("N" * 9, 0.8)], [("N", 0.8, 17.8), ("PAUSE", 7.2, 9.6)]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_chain_of_beats_has_the_episodes_that_the_definitions_say(case):
    parts, expected = CASES[case]
    found = named(*parts)
    assert [name for name, *_ in found[: len(expected)]] == [name for name, *_ in expected]
    assert all(name == "N" for name, *_ in found[len(expected) :])
    within = 2 if case in ("slow", "fast") else 0.01  # the rate is a median over nine intervals
    np.testing.assert_allclose(
        [e[1:] for e in found[: len(expected)]], [e[1:] for e in expected], atol=within
    )


def irregular(n, seed=0):
    return np.exp(np.random.default_rng(seed).normal(np.log(0.65), 0.22, n)).clip(0.3, 1.6)


def test_fibrillation_begins_and_ends_within_seconds_and_a_run_of_v_interrupts_it():
    parts = [
        ("N" * 100, 0.8),
        ("N" * 120, irregular(120)),
        ("VVVV", 0.4),
        ("N" * 120, irregular(120, 1)),
        ("N" * 100, 0.8),
    ]
    found = named(*parts)
    assert [name for name, *_ in found if name != "PAUSE"] == ["N", "AFIB", "VT", "AFIB", "N"]
    begin, end = 80.0, 80.0 + sum(irregular(120)) + 1.6 + sum(irregular(120, 1))
    assert abs(found[1][1] - begin) < 10
    assert abs(found[-1][1] - end) < 10


def test_a_bigeminy_of_s_and_breathing_are_no_fibrillation():
    breathing = 0.85 + 0.08 * np.sin(np.arange(200) / 3)
    assert {name for name, *_ in named(("N" * 200, breathing))} == {"N"}
    assert "AFIB" not in {name for name, *_ in named(("NS" * 100, np.tile([0.95, 0.55], 100)))}


def test_a_model_of_rhythms_has_a_say_in_fibrillation():
    parts = [("N" * 100, 0.8), ("N" * 200, 0.65 + (irregular(200) - 0.65) / 3)]
    for p, expected in ((0.9, True), (0.02, False)):
        opinion = Opinion(np.array([0.0, 80.0]), np.array([80.0, 300.0]), np.array([0.0, p]))
        assert ("AFIB" in {name for name, *_ in named(*parts, opinion=opinion)}) is expected


def test_what_could_not_be_read_has_no_rhythm_and_no_pause():
    time_s, label = chain(("N" * 50, 0.8), ("N", 12.0), ("N" * 50, 0.8))
    found = find_episodes(time_s, label, duration_s=100.0, unreadable_s=np.array([[40.5, 51.5]]))
    assert found.name.tolist() == ["N", "NOISE", "N"]
    np.testing.assert_allclose(found.start_s, [0.8, 40.5, 52.0])
    np.testing.assert_allclose(found.stop_s, [40.5, 52.0, 100.0])
    assert found.beats.tolist() == [50, 0, 51]
    np.testing.assert_allclose(found.bpm, [75, np.nan, 75])


@pytest.mark.parametrize("n", [0, 1, 2, 8])
def test_few_beats_have_few_episodes(n):
    found = find_episodes(np.arange(n) * 0.8, np.full(n, "N"), duration_s=10.0)
    assert found.name.tolist() == ["N"][: min(n, 1)]


def test_every_rhythm_is_one_that_physionet_knows():
    notes = {one.note.removeprefix("(") for one in DEFINITIONS.values()}
    assert notes - {"", "NOISE"} <= set(RHYTHMS)
    assert all(one.source and one.rule for one in DEFINITIONS.values())


def test_the_page_of_the_documentation_has_every_definition():
    page = (Path(__file__).parents[3] / "docs" / "science" / "rhythms.md").read_text(encoding="utf-8")
    for name, one in DEFINITIONS.items():
        note = f"`{one.note}`" if one.note else "comment"
        assert f"| `{name}` | {note} | {one.meaning} | {one.rule} | {one.source} |" in page
