import json

import numpy as np

from ecgrnn.inference.json_lines import json_lines


def test_a_line_is_what_json_makes_of_the_row():
    rng = np.random.default_rng(0)
    n = 10_003  # more than are written at one time
    columns = {
        "sample": np.arange(n),
        "time_s": np.where(rng.random(n) < 0.1, np.nan, rng.normal(0, 10, n)),
        "p_100%": rng.random(n).astype(np.float32),
        "class": rng.choice(['N"', "V\\", "\u00e9%s"], n),
    }
    lines = "".join(json_lines("beat", columns)).splitlines()
    assert len(lines) == n
    for k in (0, 1, 7, 9_999, 10_000, n - 1):
        row = {name: column[k].item() for name, column in columns.items()}
        plain = {
            name: (round(x, 6) if np.isfinite(x) else None) if isinstance(x, float) else x
            for name, x in row.items()
        }
        assert lines[k] == json.dumps({"kind": "beat", **plain})


def test_a_table_without_rows_has_no_line():
    assert not "".join(json_lines("beat", {"sample": np.zeros(0, np.int64)}))
