import re
from types import SimpleNamespace

import numpy as np
import pytest

from ecgrnn.signals.annotations import Waves
from ecgrnn.signals.formats.wfdb.writer import write_digital
from ecgrnn.tasks.delineation.scoring import _missing, _picture, _pictures

NONE = Waves(*(np.zeros(0, np.int64),) * 3, kind=np.zeros(0, "U3"))


def one(name: str, f1: float, *, fs_hz: float = 100.0, missing: tuple[int, int] = (0, 0)) -> SimpleNamespace:
    """A record of 10 s as the pictures see it: its prepared signal has no gap."""
    n = round(10 * fs_hz)
    record = SimpleNamespace(
        name=name,
        leads=("I", "II"),
        missing=missing,
        fs_hz=fs_hz,
        source_fs_hz=100.0,
        n_samples=n,
        signal=np.sin(np.arange(n)[:, None] * np.ones(2)).astype(np.float32),
    )
    return SimpleNamespace(record=record, reference=[NONE, NONE], found=[NONE, NONE], mean_f1=f1)


@pytest.mark.parametrize("fs_hz", [50.0, 100.0, 250.0])
def test_what_is_missing_on_disk_is_left_blank_at_any_sampling_frequency(tmp_path, fs_hz):
    digital = np.round(1000 * np.sin(np.arange(1000)[:, None] / 20) * np.ones(2)).astype(np.int16)
    digital[250:500, 0] = -32768
    write_digital(tmp_path / "a", digital, fmt="16", fs_hz=100.0, leads=("I", "II"), gain_per_mv=1000.0)
    gone = one("a", 0.9, fs_hz=fs_hz, missing=(250, 0))
    missing = _missing(gone, tmp_path)
    assert [int(mask.sum()) for mask in missing] == [250, 0]
    for lead, pieces in ((0, 2), (1, 1)):
        trace = re.search(r'class="trace"[^>]* d="([^"]*)"', _picture(gone, lead, missing=missing)).group(1)
        assert trace.count("M") == pieces


@pytest.mark.parametrize(("n", "shown"), [(0, []), (1, ["best"]), (2, ["best", "worst"]), (3, 3), (7, 3)])
def test_best_middle_and_worst_are_different_records(tmp_path, n, shown):
    made = _pictures([one(f"r{k}", 0.5 + k / 20) for k in range(n)], folder=tmp_path)
    names = [re.search(r"record, (\w+)", heading).group(1) for heading in made]
    assert len(set(names)) == len(names) == (shown if isinstance(shown, int) else len(shown))
    if n == 7:
        assert [heading.split()[1] for heading in made] == ["best", "middle", "worst"]
        assert names == ["r6", "r3", "r0"]
