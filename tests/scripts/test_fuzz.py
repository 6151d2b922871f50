import sys
import time
from pathlib import Path

import pytest

from ecgrnn.errors import DataError

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture(scope="module")
def fuzz():
    before = list(sys.path)
    sys.path[:0] = [str(SCRIPTS), str(SCRIPTS / "robustness")]
    import fuzz

    yield fuzz
    sys.path[:] = before


def test_a_small_share_of_the_campaign_finds_nothing(fuzz, tmp_path):
    campaign = fuzz.Campaign(fuzz.subjects(None, tmp_path, quick=True), 23)
    outcomes = list(fuzz.run(campaign, range(120), jobs=1))
    assert len(outcomes) == 120
    assert {one.kind for one in outcomes} >= {"same", "refused"}
    assert not [one for one in outcomes if one.kind in fuzz.FAULTS]


def hungry(folder):
    return bytes(3 * 10**9)


def slow(folder):
    time.sleep(60)


def chatty(folder):
    raise DataError("a" * 9000) from MemoryError()


def broken(folder):
    raise KeyError("x")


def fooled(folder):
    return (folder / "a").read_bytes()


@pytest.mark.parametrize(
    ("use", "kind"),
    [(hungry, "memory"), (slow, "hang"), (chatty, "memory"), (broken, "traceback"), (fooled, "silent")],
)
def test_the_campaign_itself_sees_each_fault(fuzz, use, kind, monkeypatch):
    monkeypatch.setattr(fuzz, "MOST_S", 1.0)
    subject = fuzz.Subject("it", {"a": b"some content of a file"}, ("a",), use, sure=True)
    monkeypatch.setattr(fuzz.Campaign, "_whole", lambda self, subject: "")
    (one,) = fuzz.run(fuzz.Campaign([subject], 0), range(1), jobs=1)
    assert one.kind == kind
