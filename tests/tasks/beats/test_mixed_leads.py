import numpy as np

from ecgrnn.data.windows import BareSignal
from ecgrnn.tasks.beats.mixed_leads import with_mixed_leads


def record(leads: int, seed: int = 0) -> BareSignal:
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((20_000, leads)).astype(np.float32)
    return BareSignal(signal, 125.0, tuple(f"V{k + 1}" for k in range(leads)), 360.0)


def test_a_mixture_is_made_of_the_records_own_leads_and_noise_in_stretches() -> None:
    one = record(2)
    (mixed,) = with_mixed_leads([one], 1, rng=np.random.default_rng(3))
    signal = mixed.signal
    assert signal.shape == (20_000, 3)
    assert len(mixed.leads) == 3
    assert np.array_equal(signal[:, :2], one.signal)
    assert np.array_equal(signal, mixed.signal)  # the same each time
    left = np.abs(signal[:, 2] - one.signal @ np.linalg.lstsq(one.signal, signal[:, 2], rcond=None)[0])
    clean = left.reshape(-1, 50).max(axis=1) < 0.2
    assert 0.1 < clean.mean() < 0.9


def test_a_record_of_one_lead_has_nothing_to_mix() -> None:
    one = record(1)
    assert with_mixed_leads([one], 2, rng=np.random.default_rng(3)) == [one]
