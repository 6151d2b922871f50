import numpy as np
import pytest

from ecgrnn.inference.checkpoint import load_model
from ecgrnn.signals.recording import Recording
from ecgrnn.simulator.simulate import simulate_record
from ecgrnn.tasks.delineation import prediction


@pytest.mark.parametrize("seconds", [50.0, 61.3])
def test_stretches_read_together_have_the_waves_of_each_by_itself(monkeypatch, seconds):
    made = simulate_record(2, seed=4, duration_s=seconds)
    recording = Recording(made.signal, fs=360.0, leads=["II", "V1"])
    model = load_model("waves")
    monkeypatch.setattr(prediction, "_STRETCH_S", 10.0)
    at_once = prediction.annotate_waves(model, recording).columns
    monkeypatch.setattr(prediction, "_LEADS_AT_ONCE", 2)
    one_by_one = prediction.annotate_waves(model, recording).columns
    assert len(at_once["onset"]) > 200
    for name, column in one_by_one.items():
        np.testing.assert_array_equal(at_once[name], column, err_msg=name)
