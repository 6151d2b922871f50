"""Beats as they come are those of the whole recording, however it is cut."""

import numpy as np
import pytest

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.inference.annotate import annotate
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.inference.streaming.stream import BeatStream, BeatStreams
from ecgrnn.signals.formats import read
from ecgrnn.signals.recording import Recording

FS, LEADS = 360, ("II", "V1")


@pytest.fixture(scope="module")
def signal(small_database):
    """Give a minute of two patients, one behind the other, with gaps in one lead and in both."""
    halves = [read(small_database / name).signal[: 30 * FS] for name in ("s003", "s005")]
    signal = np.concatenate(halves)
    signal[5000:5100, 0] = np.nan
    signal[9001:9800] = np.nan
    signal[:7] = np.nan
    signal[-50:] = np.nan
    return signal


@pytest.fixture(scope="module")
def whole(signal):
    """Give what ``annotate`` finds in the whole recording."""
    found = annotate(Recording(signal, fs=FS, leads=LEADS), "beats_causal").columns("beats")
    assert len(found["sample"]) > 50
    return found


def cuts(signal, sizes):
    start = 0
    for size in sizes:
        yield signal[start : start + size]
        start += size
        if start >= len(signal):
            return


def random_sizes():
    rng = np.random.default_rng(0)
    while True:
        yield int(rng.integers(0, 3000))


def forever(size):
    while True:
        yield size


@pytest.mark.parametrize("cut", [7, 360, "random", "whole"])
def test_a_causal_stream_equals_the_whole_recording_to_the_last_bit(signal, whole, cut):
    sizes = {"random": random_sizes(), "whole": [len(signal)]}.get(cut) or forever(cut)
    stream = BeatStream("beats_causal", fs=FS, leads=LEADS)
    beats = [beat for chunk in cuts(signal, sizes) for beat in stream.push(chunk)] + stream.finish()
    assert_equal(beats, whole)


def test_sample_by_sample_equals_the_whole_recording(signal):
    part = signal[: 8 * FS]
    stream = BeatStream("beats_causal", fs=FS, leads=LEADS)
    beats = [beat for chunk in part for beat in stream.push(chunk[None])] + stream.finish()
    assert_equal(beats, annotate(Recording(part, fs=FS, leads=LEADS), "beats_causal").columns("beats"))


def assert_equal(beats, whole):
    np.testing.assert_array_equal([beat.sample for beat in beats], whole["sample"])
    assert [beat.label for beat in beats] == whole["class"].tolist()
    for name in "NSVFQ":
        np.testing.assert_array_equal([beat.p[name] for beat in beats], whole[f"p_{name}"])


def test_many_patients_get_what_each_gets_alone(signal):
    others = [signal[k * 1000 : k * 1000 + 25 * FS] for k in range(3)]
    streams = BeatStreams("beats_causal", fs=FS, leads=LEADS, n_patients=3)
    found = {who: [] for who in range(3)}
    for start in range(0, 25 * FS, FS):
        chunks = {who: other[start : start + FS] for who, other in enumerate(others) if start // FS != who}
        for who, beats in streams.push(chunks).items():
            found[who].append(beats)
    for who, beats in streams.finish().items():
        found[who].append(beats)
    for who, other in enumerate(others):
        heard = np.concatenate([other[: who * FS], other[(who + 1) * FS :]])
        stream = BeatStream("beats_causal", fs=FS, leads=LEADS)
        alone = stream.push(heard) + stream.finish()
        np.testing.assert_array_equal(
            np.concatenate([beats.sample for beats in found[who]]), [beat.sample for beat in alone]
        )
        np.testing.assert_array_equal(
            np.concatenate([beats.probability for beats in found[who]]),
            [list(beat.p.values()) for beat in alone],
        )


def test_beats_come_while_the_signal_comes_and_memory_does_not_grow(signal):
    stream = BeatStream("beats_causal", fs=FS, leads=LEADS)
    late, sizes = [], []
    for k in range(100):
        start = k % 55 * FS
        late += [(k + 1) * FS - beat.sample for beat in stream.push(signal[start : start + FS])]
        sizes.append(_floats(stream))
    assert 5 * FS < np.median(late) < 9 * FS
    assert max(late) < 30 * FS
    assert max(sizes[50:]) <= 1.1 * max(sizes[:50])
    assert max(sizes) * 4 < 1e6


def _floats(thing, seen=None) -> int:
    """Count the numbers in arrays that an object holds, but for the network."""
    seen = set() if seen is None else seen
    if id(thing) in seen or type(thing).__module__.split(".")[0] == "torch":
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return thing.size
    if isinstance(thing, dict):
        return sum(_floats(value, seen) for value in thing.values())
    if isinstance(thing, list | tuple | set | frozenset) or type(thing).__name__ == "deque":
        return sum(_floats(value, seen) for value in thing)
    return sum(_floats(value, seen) for value in getattr(thing, "__dict__", {}).values())


def test_a_model_that_reads_later_beats_equals_the_whole_recording_with_enough_look_ahead(signal):
    recording = Recording(signal, fs=FS, leads=LEADS)
    whole = annotate(recording, "beats_tiny").columns("beats")
    shares = []
    for look_ahead in (0, 400):
        stream = BeatStream("beats_tiny", fs=FS, leads=LEADS, look_ahead=look_ahead)
        beats = [beat for chunk in cuts(signal, random_sizes()) for beat in stream.push(chunk)]
        assert bool(beats) == (look_ahead == 0)
        beats += stream.finish()
        np.testing.assert_array_equal([beat.sample for beat in beats], whole["sample"])
        p = np.array([beat.p["N"] for beat in beats])
        shares.append(np.abs(p - whole["p_N"]))
    assert shares[1].max() < 1e-3  # the filters are rounded in other stretches
    assert shares[0].max() > 0.01


def test_the_leads_of_training_are_read_and_beats_found_in_all(signal):
    noise = np.random.default_rng(0).normal(0, 0.02, (len(signal), 1)).astype(np.float32)
    wide = np.hstack([noise, signal[:, ::-1]])[: 30 * FS]
    stream = BeatStream(fs=FS, leads=["I", "V1", "II"])
    assert stream.leads_read == "II, V1 (trained on MLII, V1 or V5 or V4; choose with read=[...])"
    beats = stream.push(wide) + stream.finish()
    names = ("I", "V1", "II")
    assert_equal(beats, annotate(Recording(wide, fs=FS, leads=names), "beats_causal").columns("beats"))


def test_other_units_are_turned_into_millivolts(signal):
    part = signal[100 : 20 * FS]
    plain, micro = BeatStream(fs=FS, leads=LEADS), BeatStream(fs=FS, leads=LEADS, unit="uV")
    plain_beats, micro_beats = plain.push(part), micro.push(part.astype(np.float64) * 1000)
    assert [beat.sample for beat in plain_beats] == [beat.sample for beat in micro_beats]


def test_bad_arguments_and_samples_are_one_clear_line(signal):
    with pytest.raises(DataError, match=r"the stream: read in mV, its beats are about .* give unit=uV"):
        BeatStream(fs=FS, leads=LEADS).push(signal[100 : 30 * FS] * 1000)
    stream = BeatStream(fs=FS, leads=LEADS)
    with pytest.raises(
        DataError, match=r"expected samples \(time, lead\) of 2 lead\(s\) \(II, V1\), got .*\(5, 3\)"
    ):
        stream.push(np.zeros((5, 3)))
    with pytest.raises(DataError, match="expected numbers, got"):
        stream.push(np.array([["a", "b"]]))
    stream.finish()
    with pytest.raises(ConfigError, match="has been finished"):
        stream.push(np.zeros((5, 2)))
    with pytest.raises(ConfigError, match="this model reads no later beat"):
        BeatStream(fs=FS, leads=LEADS, look_ahead=3)
    with pytest.raises(ConfigError, match=r"read=\[II\] names 1 lead\(s\), and this network reads 2"):
        BeatStream(fs=FS, leads=LEADS, read=["II"])
    with pytest.raises(ConfigError, match="does not mark beats one by one"):
        BeatStream("rhythm", fs=FS, leads=["I"])
    with pytest.raises(DataError, match="of the stream at 70 Hz does not fit"):
        BeatStream(load_model("beats_causal"), fs=70, leads=LEADS)
