import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgrnn.data.cache import RecordSource, data_fingerprint, prepare_records
from ecgrnn.data.cache_entry import fingerprint_of, read_facts, write_facts
from ecgrnn.errors import DataError
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.annotations import read_annotations, write_annotations
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.symbols import BEAT_SYMBOLS

NAMES = ("s001", "s002", "s003")


@pytest.fixture
def records(small_database, tmp_path) -> Path:
    """A folder of three records that a test may change."""
    folder = tmp_path / "records"
    folder.mkdir()
    for name in NAMES:
        for file in small_database.glob(f"{name}.*"):
            shutil.copy(file, folder)
    return folder


def sources_in(folder: Path) -> list[RecordSource]:
    return [RecordSource(name, folder / name, patient=f"p-{name}", annotators=("atr",)) for name in NAMES]


def prepare(folder: Path, cache: Path, *, config: PreprocessingConfig | None = None, workers: int = 0):
    """Prepare three records, and give them with how many had to be prepared."""
    absent = []

    def progress(items, total):
        absent.append(total)
        return items

    options = config or PreprocessingConfig()
    found = prepare_records(sources_in(folder), options, cache=cache, workers=workers, progress=progress)
    return found, sum(absent)


def entry_of(record) -> Path:
    return record.folder


def test_an_entry_holds_what_preparing_the_record_gives(records, tmp_path):
    (record, *_), _ = prepare(records, tmp_path / "cache")
    wanted = prepare_record(read_record(records / "s001", n_leads=2), PreprocessingConfig())
    np.testing.assert_array_equal(record.signal, wanted.signal)
    assert (record.fs_hz, record.leads) == (wanted.fs_hz, wanted.leads)
    assert (record.source_fs_hz, record.source_samples) == (360.0, 21600)
    assert record.n_samples == len(wanted.signal)
    assert record.patient == "p-s001"
    kept, read = record.annotations("atr"), read_annotations(records / "s001", "atr", fs_hz=360.0)
    for name in ("sample", "symbol", "subtype", "aux_note"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(read, name))
    assert kept.fs_hz == 360.0


def test_a_record_is_prepared_once_and_then_found(records, tmp_path):
    first, prepared = prepare(records, tmp_path / "cache")
    again, prepared_again = prepare(records, tmp_path / "cache")
    assert (prepared, prepared_again) == (3, 0)
    assert [record.name for record in again] == list(NAMES)
    assert again == first


def test_only_what_is_absent_is_prepared(records, tmp_path):
    (first, *_), _ = prepare(records, tmp_path / "cache")
    shutil.rmtree(entry_of(first))
    found, prepared = prepare(records, tmp_path / "cache", workers=2)
    assert prepared == 1
    assert [record.name for record in found] == list(NAMES)


def test_a_file_that_was_only_touched_is_still_found(records, tmp_path):
    prepare(records, tmp_path / "cache")
    os.utime(records / "s001.dat", ns=(1, 1))
    assert prepare(records, tmp_path / "cache")[1] == 0


@pytest.mark.parametrize("suffix", ["dat", "atr", "hea"])
def test_a_changed_source_file_is_prepared_again(suffix, records, tmp_path):
    before, _ = prepare(records, tmp_path / "cache")
    if suffix == "dat":
        content = bytearray((records / "s002.dat").read_bytes())
        content[3000:3300] = bytes(300)
    elif suffix == "atr":
        content = (records / "s003.atr").read_bytes()
    else:
        content = (records / "s002.hea").read_bytes() + b"# a comment\n"
    (records / f"s002.{suffix}").write_bytes(content)
    after, prepared = prepare(records, tmp_path / "cache")
    assert prepared == 1
    same = [one.fingerprint == other.fingerprint for one, other in zip(before, after, strict=True)]
    assert same == [True, False, True]
    assert data_fingerprint(after) != data_fingerprint(before)
    assert prepare(records, tmp_path / "cache")[1] == 0


@pytest.mark.parametrize("layout", ["", "layout 0\n"])
def test_a_changed_second_segment_is_prepared_again(layout, records, tmp_path):
    line = "~ 0 200/mV 0 0 0 0 0 {}\n"
    leads = read_header(records / "s001").leads
    (records / "layout.hea").write_text("layout 2 360 0\n" + "".join(map(line.format, leads)))
    (records / "whole.hea").write_text(
        f"whole/{3 + bool(layout)} 2 360 44200\n{layout}s001 21600\n~ 1000\ns002 21600\n"
    )
    source = [RecordSource("whole", records / "whole", patient="p", annotators=())]
    absent = []

    def prepared():
        options = {"cache": tmp_path / "cache", "workers": 0}
        found = prepare_records(
            source, PreprocessingConfig(), **options, progress=lambda items, n: absent.append(n) or items
        )
        return found[0].signal[-1000:].copy()

    before = prepared()
    np.testing.assert_array_equal(before, prepared())
    assert absent == [1]
    shutil.copy(records / "s003.dat", records / "s002.dat")
    assert np.abs(prepared() - before).max() > 0.1
    assert absent == [1, 1]


def test_equal_signals_have_equal_digests_whatever_their_names(records, tmp_path):
    shutil.copy(records / "s001.dat", records / "s003.dat")
    shutil.copy(records / "s001.atr", records / "s003.atr")
    header = (records / "s001.hea").read_text()
    (records / "s003.hea").write_text(header.replace("s001", "s003"))
    (first, second, third), _ = prepare(records, tmp_path / "cache")
    assert first.digest == third.digest != second.digest
    assert first.fingerprint != third.fingerprint
    assert prepare(records, tmp_path / "cache")[0][2].digest == first.digest


def test_an_entry_of_an_earlier_release_is_prepared_again(records, tmp_path):
    (first, *_), _ = prepare(records, tmp_path / "cache")
    facts = read_facts(entry_of(first))
    del facts["record"]["digest"]
    write_facts(entry_of(first), facts)
    assert prepare(records, tmp_path / "cache")[1] == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: os.truncate(entry / "signal.npy", 1000),
        lambda entry: (entry / "signal.npy").unlink(),
        lambda entry: os.truncate(entry / "annotations-atr.npz", 10),
        lambda entry: (entry / "facts.json").write_text("{"),
        lambda entry: (entry / "facts.json").write_text("[1, 2]"),
        lambda entry: (entry / "facts.json").write_text("{}"),
        lambda entry: (entry / "facts.json").write_bytes(b"\xff\xfe\x00"),
        lambda entry: (entry / "facts.json").unlink(),
        shutil.rmtree,
    ],
    ids=[
        "signal cut",
        "signal gone",
        "annotations cut",
        "facts cut",
        "facts a list",
        "facts empty",
        "facts binary",
        "facts gone",
        "all gone",
    ],
)
def test_a_damaged_entry_is_prepared_again(damage, records, tmp_path):
    before, _ = prepare(records, tmp_path / "cache")
    signal = np.array(before[1].signal)
    damage(entry_of(before[1]))
    after, prepared = prepare(records, tmp_path / "cache")
    assert prepared == 1
    np.testing.assert_array_equal(after[1].signal, signal)
    assert nothing_half_written(tmp_path / "cache")
    assert prepare(records, tmp_path / "cache")[1] == 0


@pytest.mark.parametrize("part", ["signal.npy", "annotations-atr.npz", "facts.json"])
def test_no_damage_anywhere_in_an_entry_changes_what_is_read(part, records, tmp_path):
    (_, right, _), _ = prepare(records, tmp_path / "cache")
    signal, marks = np.array(right.signal), right.annotations("atr")
    file = entry_of(right) / part
    whole, status = file.read_bytes(), file.stat()
    rng = np.random.default_rng(0)
    for _ in range(25):
        damaged = bytearray(whole)
        first = int(rng.integers(len(whole)))
        for at in range(first, min(first + int(rng.integers(1, 40)), len(whole))):
            damaged[at] ^= int(rng.integers(1, 256))
        file.write_bytes(damaged)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + int(rng.integers(1, 10**9))))
        (_, found, _), _ = prepare(records, tmp_path / "cache")
        for given in (found.signal, found.read()):
            np.testing.assert_array_equal(given, signal)
        assert (found.fs_hz, found.leads, found.digest) == (right.fs_hz, right.leads, right.digest)
        read = found.annotations("atr")
        np.testing.assert_array_equal(read.sample, marks.sample)
        np.testing.assert_array_equal(read.symbol, marks.symbol)
        assert file.read_bytes() == whole
    assert nothing_half_written(tmp_path / "cache")


def test_an_entry_damaged_while_it_is_in_use_is_prepared_again(records, tmp_path):
    (first, second, _), _ = prepare(records, tmp_path / "cache")
    signal = np.array(second.signal)
    file = entry_of(second) / "signal.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 0x10
    file.write_bytes(content)
    for _ in range(2):
        np.testing.assert_array_equal(second.signal, signal)
    with (entry_of(first) / "signal.npy").open("r+b") as opened:
        opened.write(b"damaged")
    os.truncate(records / "s001.dat", 1000)
    with pytest.raises(DataError, match=r"s001\.dat is truncated"):
        _ = first.signal


@pytest.mark.parametrize("fact", ["fs_hz", "source_fs_hz", "n_samples", "source_samples"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), "360", None])
def test_facts_that_no_record_can_have_are_prepared_again(fact, value, records, tmp_path):
    (first, *_), _ = prepare(records, tmp_path / "cache")
    facts = read_facts(entry_of(first))
    write_facts(entry_of(first), {**facts, "record": {**facts["record"], fact: value}})
    assert prepare(records, tmp_path / "cache")[1] == 1


@pytest.mark.parametrize(
    ("fact", "values"),
    {
        "leads": (["MLII"], "MV", ["MLII", 1], None),
        "missing": ([0], [0, 1.0], "00", None),
        "contents": ("ab", [1, 2]),
        "merged": (-1, True, 1.0, None),
        "digest": (None, 1),
    }.items(),
)
def test_facts_of_another_type_are_prepared_again(fact, values, records, tmp_path):
    (first, *_), _ = prepare(records, tmp_path / "cache")
    for value in values:
        facts = read_facts(entry_of(first))
        write_facts(entry_of(first), {**facts, "record": {**facts["record"], fact: value}})
        assert prepare(records, tmp_path / "cache")[1] == 1, value


def test_a_touched_record_is_hashed_once_and_not_at_every_start(records, tmp_path, monkeypatch):
    prepare(records, tmp_path / "cache")
    os.utime(records / "s001.dat")
    hashed = []

    def counted(files):
        hashed.append(files)
        return fingerprint_of(files)

    monkeypatch.setattr("ecgrnn.data.cache_entry.fingerprint_of", counted)
    assert [prepare(records, tmp_path / "cache")[1] for _ in range(3)] == [0, 0, 0]
    assert len(hashed) == 1


def test_beats_annotated_twice_are_merged_and_counted(records, tmp_path):
    annotations = read_annotations(records / "s001", "atr", fs_hz=360.0)
    names = ("sample", "symbol", "subtype", "aux_note")
    fields = {name: np.repeat(getattr(annotations, name), 2) for name in names}
    is_beat = np.isin(annotations.symbol, list(BEAT_SYMBOLS))
    write_annotations(records / "s001", "atr", replace(annotations, **fields))
    (first, *_), _ = prepare(records, tmp_path / "cache")
    assert (first.merged, first.outside) == (is_beat.sum(), 0)
    beats = first.annotations("atr")
    np.testing.assert_array_equal(
        beats.sample[np.isin(beats.symbol, list(BEAT_SYMBOLS))], annotations.sample[is_beat]
    )
    assert prepare(records, tmp_path / "cache")[0][0].merged == is_beat.sum()


def test_a_fact_of_another_version_is_prepared_again(records, tmp_path):
    (first, *_), _ = prepare(records, tmp_path / "cache")
    facts = read_facts(entry_of(first))
    facts["record"]["colour"] = "red"
    write_facts(entry_of(first), facts)
    assert prepare(records, tmp_path / "cache")[1] == 1


def test_other_options_have_entries_of_their_own(records, tmp_path):
    plain = PreprocessingConfig()
    one, _ = prepare(records, tmp_path / "cache", config=plain)
    other, prepared = prepare(records, tmp_path / "cache", config=replace(plain, fs_hz=90.0, lowpass_hz=30.0))
    assert prepared == 3
    assert one[0].n_samples == 2 * other[0].n_samples
    assert prepare(records, tmp_path / "cache", config=plain)[1] == 0


def test_an_entry_at_the_own_frequency_serves_whoever_asks_for_that_frequency(records, tmp_path):
    own, _ = prepare(records, tmp_path / "cache", config=PreprocessingConfig(fs_hz=None))
    named, prepared = prepare(records, tmp_path / "cache", config=PreprocessingConfig(fs_hz=360.0))
    assert (prepared, named) == (0, own)
    other, prepared = prepare(records, tmp_path / "cache", config=PreprocessingConfig(fs_hz=250.0))
    assert (prepared, other[0].fs_hz) == (3, 250.0)


def test_the_fingerprint_tells_files_and_not_options(records, tmp_path):
    one, _ = prepare(records, tmp_path / "cache")
    other, _ = prepare(records, tmp_path / "cache", config=PreprocessingConfig(fs_hz=250.0))
    assert data_fingerprint(one) == data_fingerprint(other)
    assert data_fingerprint(one) == data_fingerprint(one[::-1])
    assert data_fingerprint(one) != data_fingerprint(one[:2])


def test_a_signal_is_mapped_and_cannot_be_written_to(records, tmp_path):
    (record, *_), _ = prepare(records, tmp_path / "cache")
    assert isinstance(record.signal, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        record.signal[0] = 1.0


def test_the_number_of_workers_changes_nothing(records, tmp_path):
    one, _ = prepare(records, tmp_path / "one", workers=0)
    many, _ = prepare(records, tmp_path / "many", workers=3)
    for left, right in zip(one, many, strict=True):
        assert left.name == right.name
        np.testing.assert_array_equal(left.signal, right.signal)


def test_a_record_that_cannot_be_prepared_leaves_nothing_half_written(records, tmp_path):
    os.truncate(records / "s002.dat", 1000)
    with pytest.raises(DataError, match=r"s002\.dat"):
        prepare(records, tmp_path / "cache")
    assert nothing_half_written(tmp_path / "cache")


def test_a_cache_that_cannot_be_written_says_which_option_names_it(records):
    with pytest.raises(DataError, match=r"/dev/null/cache cannot be written .*data\.cache"):
        prepare(records, Path("/dev/null/cache"))


def test_two_processes_at_once_both_get_whole_entries(records, tmp_path):
    arguments = [sys.executable, "-c", PREPARE_TOGETHER, str(records), str(tmp_path / "cache"), str(tmp_path)]
    processes = [subprocess.Popen([*arguments, name], stdout=subprocess.PIPE) for name in ("one", "other")]
    said = [process.communicate(timeout=900)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    found, prepared = prepare(records, tmp_path / "cache")
    assert prepared == 0
    assert [json.loads(line) for line in said] == [[float(record.signal.sum()) for record in found]] * 2
    assert nothing_half_written(tmp_path / "cache")


PREPARE_TOGETHER = """
import json, sys, time
from pathlib import Path
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.data.cache import RecordSource, prepare_records

records, cache, meeting, name = sys.argv[1:]
(Path(meeting) / f"{name}.ready").touch()
while len(list(Path(meeting).glob("*.ready"))) < 2:
    time.sleep(0.001)
found = prepare_records(
    [RecordSource(name, Path(records) / name, name, ("atr",)) for name in ("s001", "s002", "s003")],
    PreprocessingConfig(),
    cache=Path(cache),
    workers=0,
    progress=lambda items, total: items,
)
print(json.dumps([float(record.signal.sum()) for record in found]))
"""


def nothing_half_written(cache: Path) -> bool:
    return all((entry / "facts.json").is_file() and entry.name[0] != "." for entry in cache.iterdir())
