import json

import pytest

from ecgrnn.training.trackers import _final_metrics


@pytest.mark.parametrize(
    ("monitor", "name"),
    [
        ("validation/macro_f1", "final/validation_macro_f1"),
        ("validation/squared_error", "final/validation_squared_error"),
    ],
)
def test_the_final_figure_is_named_after_what_was_watched(monitor, name, tmp_path):
    training = {"monitor": monitor, "best": 0.25, "best_epoch": 1, "parameters": 9, "fit_seconds": 2.0}
    (tmp_path / "training.json").write_text(json.dumps(training))
    assert _final_metrics(tmp_path) == {name: 0.25, "final/parameters": 9.0, "final/fit_seconds": 2.0}
