"""Recordings whose numbers lie, and computing in another order: the result holds, or a line says why."""

import numpy as np
import pytest
import torch

from ecgrnn import Recording, annotate, load_model, read
from ecgrnn.errors import EcgrnnError
from ecgrnn.tasks.annotated import AnnotateOptions


@pytest.fixture(scope="module")
def model():
    return load_model("beats_tiny")


@pytest.fixture(scope="module")
def signal(small_database):
    return read(small_database / "s001").stretch(stop=20 * 360).signal


def beats_of(model, signal, fs=360.0, **options):
    return annotate(Recording(signal, fs=fs), [model], options=AnnotateOptions(**options)).columns("beats")


def spoilt(signal, how):
    """Spoil one lead, or both."""
    odd = signal.copy()
    match how:
        case "one lead flat":
            odd[:, 1] = 0.3
        case "one lead saturated":
            odd[:, 1] = np.where(np.arange(len(odd)) % 2, 5.0, 4.99)
        case "one lead missing":
            odd[500:, 1] = np.nan
        case "gaps in both":
            odd[1000:1400] = odd[3000:3003] = np.nan
        case "a spike of a thousand volts":
            odd[2000, 0] = 9e5
    return odd


HOW = [
    *(
        "one lead flat",
        "one lead saturated",
        "one lead missing",
        "gaps in both",
        "a spike of a thousand volts",
    ),
]


@pytest.mark.parametrize("how", HOW)
def test_of_two_leads_the_one_that_is_whole_keeps_its_beats(how, model, signal):
    whole, found = beats_of(model, signal), beats_of(model, spoilt(signal, how))
    near = np.abs(whole["sample"][:, None] - found["sample"]).min(axis=1) <= 0.15 * 360
    assert near.mean() >= (0.8 if how in {"gaps in both", "a spike of a thousand volts"} else 0.95)
    chances = np.stack([column for name, column in found.items() if name.startswith("p_")])
    assert np.isfinite(chances).all()
    np.testing.assert_allclose(chances.sum(axis=0), 1, atol=1e-4)


@pytest.mark.parametrize(
    "odd",
    [
        *(np.ones((n, 2)) for n in (1, 2, 5, 100, 3600)),
        np.full((3600, 2), np.nan),
        np.full((3600, 2), np.inf),
        np.zeros((3600, 2), np.int16),
        np.where(np.arange(3600) == 1800, 1.0, 0.0)[:, None],
    ],
    ids=["1", "2", "5", "100", "flat", "NaN", "infinite", "zeros", "a pulse"],
)
def test_a_recording_without_beats_is_refused_in_a_line_or_has_next_to_none(odd, model):
    try:
        found = beats_of(model, odd)
    except EcgrnnError as error:
        found, said = {"sample": ()}, str(error)
        assert len(said) < 400, said
    assert len(found["sample"]) <= 2


@pytest.mark.parametrize("fs", [0, -1, np.nan, np.inf, 0.5, 1e9, "360", None])
def test_a_sampling_frequency_that_cannot_be_is_refused(fs, model, signal):
    with pytest.raises(EcgrnnError, match="fs="):
        beats_of(model, signal, fs=fs)


def chances(model, signal, **options):
    found = beats_of(model, signal, **options)
    return np.stack([column for name, column in found.items() if name.startswith("p_")])


def test_batches_and_threads_change_rounding_only(model, signal):
    """The tolerance that the help of batch_size and docs/reliability.md state."""
    threads = torch.get_num_threads()
    expected = chances(model, signal, batch_size=512)
    np.testing.assert_allclose(chances(model, signal, batch_size=1), expected, atol=1e-5, rtol=0)
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            np.testing.assert_allclose(chances(model, signal, batch_size=512), expected, atol=1e-5, rtol=0)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(chances(model, signal, batch_size=512), expected)
