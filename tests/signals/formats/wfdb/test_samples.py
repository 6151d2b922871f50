"""Every signal format, in frames of several samples, skewed, behind a prolog: against what wfdb reads."""

import numpy as np
import pytest
import wfdb

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.wfdb.checksums import verify_checksums
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.formats.wfdb.samples import INVALID_SAMPLES, checksum

BITS = {"8": 7, "16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12, "310": 10, "311": 10}
FLAC = {"508": 8, "516": 16, "524": 24}


def encoded(stream: np.ndarray, fmt: str) -> bytes:
    """Encode a stream of samples as signal(5) describes, one sample at a time, unlike the reader."""
    n, two = stream.tolist(), lambda value, bits: value & (1 << bits) - 1
    match fmt:
        case "8" | "80":
            return bytes(two(value + (128 if fmt == "80" else 0), 8) for value in n)
        case "16" | "61":
            return b"".join(two(v, 16).to_bytes(2, "little" if fmt == "16" else "big") for v in n)
        case "160":
            return b"".join((v + 32768).to_bytes(2, "little") for v in n)
        case "24" | "32":
            return b"".join(two(v, int(fmt)).to_bytes(int(fmt) // 8, "little") for v in n)
        case "212":
            n += [0] * (len(n) % 2)
            words = [(two(a, 12), two(b, 12)) for a, b in zip(n[::2], n[1::2], strict=True)]
            return b"".join(bytes([a & 255, a >> 8 | b >> 8 << 4, b & 255]) for a, b in words)
        case "310":
            threes = np.reshape(n + [0] * (-len(n) % 3), (-1, 3)).tolist()
            words = [
                two(a, 10) << 1 | (two(c, 10) & 31) << 11 | (two(b, 10) << 1 | two(c, 10) >> 5 << 11) << 16
                for a, b, c in threes
            ]
        case _:
            threes = np.reshape(n + [0] * (-len(n) % 3), (-1, 3)).tolist()
            words = [two(a, 10) | two(b, 10) << 10 | two(c, 10) << 20 for a, b, c in threes]
    return b"".join(word.to_bytes(4, "little") for word in words)


def write(folder, fmt, *, frames=(1, 1), skews=(0, 0), offset=0, n=241, seed=0, extra="", spare=0):
    """Write a record in any format; the leads as digital samples come back."""
    limit = (1 << BITS.get(fmt, FLAC.get(fmt, 0)) - 1) - 1
    rng = np.random.default_rng(seed)
    stored = [rng.integers(-limit, limit + 1, (n + spare) * count).astype(np.int64) for count in frames]
    if fmt in FLAC:
        import soundfile

        shift = 8 if fmt != "516" else 0
        kind = {"508": "PCM_S8", "516": "PCM_16", "524": "PCM_24"}[fmt]
        data = np.stack([np.append(np.zeros(offset, np.int64), lead) for lead in stored], axis=1) << shift
        data = data.astype(np.int32 if fmt == "524" else np.int16)
        soundfile.write(str(folder / "rec.dat"), data, 96000, subtype=kind, format="FLAC")
    else:
        by_frame = [lead.reshape(n + spare, -1) for lead in stored]
        stream = np.concatenate(by_frame, axis=1).reshape(-1)
        (folder / "rec.dat").write_bytes(bytes(range(offset)) + encoded(stream, fmt))
    values = [np.cumsum(lead) + 5 if fmt == "8" else lead for lead in stored]
    lines = [f"rec {len(frames)} 100 {n}{extra}"]
    for k, (count, skew) in enumerate(zip(frames, skews, strict=True)):
        form = fmt + (f"x{count}" if count > 1 else "") + (f":{skew}" if skew else "")
        form += f"+{offset}" if offset else ""
        lines.append(f"rec.dat {form} 200(3)/mV 16 0 5 {checksum(values[k])} 0 L{k}")
    (folder / "rec.hea").write_text("\n".join(lines) + "\n")
    return values


@pytest.mark.parametrize("fmt", [*BITS, *FLAC])
@pytest.mark.parametrize("offset", [0, 24])
@pytest.mark.parametrize("n", [241, 242, 240])
def test_every_format_is_read_as_wfdb_reads_it(tmp_path, fmt, offset, n):
    values = np.stack(write(tmp_path, fmt, offset=offset, n=n), axis=1)
    ours = read_record(tmp_path / "rec").signal
    np.testing.assert_allclose(ours, (values - 3) / 200, rtol=1e-6, atol=1e-6)
    theirs = wfdb.rdrecord(str(tmp_path / "rec"), physical=False).d_signal
    np.testing.assert_array_equal(theirs, values)
    verify_checksums(tmp_path / "rec")


@pytest.mark.parametrize("fmt", [*BITS, *FLAC])
@pytest.mark.parametrize(("frames", "skews"), [((1, 1), (0, 0)), ((4, 4), (0, 0)), ((3, 3), (0, 5))])
def test_stretches_of_every_format_agree_with_the_whole(tmp_path, fmt, frames, skews):
    write(tmp_path, fmt, frames=frames, skews=skews, spare=2)
    whole = read_record(tmp_path / "rec").signal
    assert len(whole) == 241 * frames[0]
    for start, stop in [(0, 1), (1, 2), (7, 30), (8, 31), (len(whole) - 3, len(whole)), (1, len(whole) - 1)]:
        part = read_record(tmp_path / "rec", start=start, stop=stop).signal
        np.testing.assert_array_equal(part, whole[start:stop])


@pytest.mark.parametrize("fmt", [*BITS, *FLAC])
def test_leads_of_several_samples_a_frame_keep_their_own_frequency(tmp_path, fmt):
    frames = (4, 4) if fmt in FLAC else (4, 2)
    values = write(tmp_path, fmt, frames=frames)
    for column, count in enumerate(frames):
        record = read_record(tmp_path / "rec", leads=[f"L{column}"])
        assert record.fs_hz == 100 * count
        np.testing.assert_allclose(record.signal[:, 0], (values[column] - 3) / 200, rtol=1e-6, atol=1e-6)
    if fmt == "61":
        return  # wfdb 4.3 stops there
    theirs = wfdb.rdrecord(str(tmp_path / "rec"), physical=False, smooth_frames=False).e_d_signal
    for mine, other in zip(values, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_leads_of_different_frequencies_are_not_read_together(tmp_path):
    write(tmp_path, "16", frames=(4, 2))
    with pytest.raises(DataError, match=r"one sampling frequency, got L0 400 Hz, L1 200 Hz"):
        read_record(tmp_path / "rec")
    header = read_header(tmp_path / "rec")
    assert (header.fs_hz, header.n_samples) == (400, 964)
    assert header.narrowed([1]).fs_hz == 200


@pytest.mark.parametrize("spare", [0, 2, 9])
def test_a_skewed_lead_is_read_later_and_its_checksum_covers_what_is_stored(tmp_path, spare):
    values = write(tmp_path, "16", skews=(0, 5), spare=spare)
    signal = read_record(tmp_path / "rec").signal
    there = min(241, 241 + spare - 5)
    np.testing.assert_allclose(signal[:there, 1], (values[1][5 : 5 + there] - 3) / 200, atol=1e-5)
    assert np.isnan(signal[there:, 1]).all()
    header = tmp_path / "rec.hea"
    sums = [checksum(values[0][:241]), checksum(values[1][: min(246, 241 + spare)])]
    lines = header.read_text().splitlines()
    for k, total in enumerate(sums):
        fields = lines[1 + k].split()
        fields[6] = str(total)
        lines[1 + k] = " ".join(fields)
    header.write_text("\n".join(lines) + "\n")
    verify_checksums(tmp_path / "rec")


@pytest.mark.parametrize("fmt", sorted(INVALID_SAMPLES))
def test_the_lowest_value_is_a_missing_sample(tmp_path, fmt):
    if fmt in FLAC:
        import soundfile

        lowest = np.array([[1], [-(1 << FLAC[fmt] - 1)], [2]]) << (0 if fmt == "516" else 8)
        kind = {"508": "PCM_S8", "516": "PCM_16", "524": "PCM_24"}[fmt]
        kept = lowest.astype(np.int32 if fmt == "524" else np.int16)
        soundfile.write(str(tmp_path / "rec.dat"), kept, 96000, subtype=kind, format="FLAC")
    else:
        (tmp_path / "rec.dat").write_bytes(encoded(np.array([1, INVALID_SAMPLES[fmt], 2]), fmt))
    (tmp_path / "rec.hea").write_text(f"rec 1 100 3\nrec.dat {fmt} 1/mV\n")
    np.testing.assert_array_equal(read_record(tmp_path / "rec").signal[:, 0], [1, np.nan, 2])


@pytest.mark.parametrize("fmt", [*BITS, *FLAC])
@pytest.mark.parametrize("extra", [" 10:23:05 2006", " 2006", " 25:61:00 99/99/9999"])
def test_a_base_date_that_makes_no_sense_is_not_needed(tmp_path, fmt, extra):
    values = write(tmp_path, fmt, extra=extra)
    assert read_record(tmp_path / "rec").signal.shape == (len(values[0]), 2)


@pytest.mark.parametrize("fmt", [*BITS, *FLAC])
def test_names_that_are_not_ascii_are_read(tmp_path, fmt):
    write(tmp_path, fmt)
    plain = read_record(tmp_path / "rec").signal
    (tmp_path / "rec.dat").rename(tmp_path / "Müller_心電図.dat")
    text = (tmp_path / "rec.hea").read_text().replace("rec", "Müller_心電図").replace("L0", "Ableitung Ⅱ")
    (tmp_path / "Müller_心電図.hea").write_text(text, encoding="utf-8")
    record = read_record(tmp_path / "Müller_心電図")
    assert record.leads == ("Ableitung Ⅱ", "L1")
    np.testing.assert_array_equal(record.signal, plain)


def test_an_unknown_format_lists_those_that_are_known(tmp_path):
    (tmp_path / "rec.dat").write_bytes(bytes(100))
    (tmp_path / "rec.hea").write_text("rec 1 100 10\nrec.dat 17 200/mV\n")
    with pytest.raises(DataError, match=r"format 17 is not known; expected one of 8, 16, .*524"):
        read_record(tmp_path / "rec")


def test_a_file_of_two_formats_is_refused(tmp_path):
    (tmp_path / "rec.dat").write_bytes(bytes(100))
    (tmp_path / "rec.hea").write_text("rec 2 100 10\nrec.dat 16 200/mV\nrec.dat 212 200/mV\n")
    with pytest.raises(DataError, match=r"rec\.dat holds the formats 16, 212; expected one format per file"):
        read_record(tmp_path / "rec")


def test_a_lead_without_a_file_is_missing(tmp_path):
    (tmp_path / "rec.dat").write_bytes(bytes(20))
    (tmp_path / "rec.hea").write_text("rec 2 100 10\n~ 0 200/mV\nrec.dat 16 200/mV\n")
    assert read_record(tmp_path / "rec").missing.tolist() == [10, 0]
