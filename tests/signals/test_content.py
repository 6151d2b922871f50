import numpy as np
import pytest

from ecgrnn.signals.content import HEAD, lead_digests


@pytest.fixture
def signal():
    """Give twelve-bit samples of 200 steps a mV, as a converter would."""
    steps = np.random.default_rng(0).integers(-2048, 2048, (12_000, 2))
    return (steps / 200).astype(np.float32)


def test_a_lead_has_digests_of_its_whole_and_of_its_beginning(signal):
    assert len(set(lead_digests(signal))) == 4
    assert len(lead_digests(signal[:HEAD])) == 2


def test_the_order_and_the_number_of_leads_do_not_matter(signal):
    assert set(lead_digests(signal[:, ::-1])) == set(lead_digests(signal))
    assert set(lead_digests(signal[:, 1:])) < set(lead_digests(signal))


def test_a_copy_that_was_cut_short_shares_its_beginning(signal):
    assert set(lead_digests(signal[:7000])) & set(lead_digests(signal))


@pytest.mark.parametrize("gain", [200, 409.6, 1000, 1e3 / 4.88])
def test_rounding_of_another_format_does_not_matter(gain):
    steps = np.random.default_rng(1).integers(-2048, 2048, (HEAD, 1))
    one = (steps / gain).astype(np.float32)
    assert lead_digests(np.nextafter(one, np.float32(9e9))) == lead_digests(one)
    assert lead_digests(steps.astype(np.float32) * np.float32(1 / gain)) == lead_digests(one)


def test_one_other_sample_is_another_recording(signal):
    other = signal.copy()
    other[17, 0] += 0.005
    assert len(set(lead_digests(other)) & set(lead_digests(signal))) == 2  # the other lead is the same


def test_a_flat_or_missing_lead_has_no_digest(signal):
    signal[:, 0] = 0.25
    signal[:, 1] = np.nan
    signal[6000:6010, 0] = 1.0  # a pulse, as many a flat lead has it
    assert lead_digests(signal) == ()


def test_missing_samples_are_part_of_a_recording(signal):
    gap = signal.copy()
    gap[100:200] = np.nan
    assert not set(lead_digests(gap)) & set(lead_digests(signal))
    assert lead_digests(gap) == lead_digests(gap.copy())
