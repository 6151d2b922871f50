from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from ecgrnn.cli import main
from ecgrnn.data import cache
from ecgrnn.data.databases import DATABASES
from ecgrnn.errors import DataError
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.annotations import Annotations, write_annotations
from ecgrnn.signals.formats.wfdb.writer import write_digital
from ecgrnn.tasks import task_of
from ecgrnn.training.data import build_datamodule


@pytest.fixture
def prepare(small_database, tmp_path):
    """Prepare the records of a folder into a cache named as asked for."""

    def run(name: str, *words: str) -> int:
        data = ["data=folder", f"data.root={small_database}", f"data.cache={tmp_path / name}"]
        return main(["prepare", *data, f"run_dir={tmp_path / 'runs' / name}", *words])

    return run


def entries(folder) -> dict[str, bytes]:
    """Give the signals of a cache by the name of their record."""
    return {path.parent.name: path.read_bytes() for path in folder.rglob("signal.npy")}


def test_processes_prepare_what_threads_prepare(prepare, tmp_path):
    assert prepare("threads", "processes=1") == 0
    assert prepare("processes", "processes=2") == 0
    assert entries(tmp_path / "processes") == entries(tmp_path / "threads")
    assert len(entries(tmp_path / "threads")) > 2


def test_the_shards_are_the_whole_and_share_no_record(prepare, tmp_path, capsys):
    prepare("whole")
    found = []
    for shard in range(3):
        capsys.readouterr()
        assert prepare(f"shard-{shard}", f"shard={shard}", "shards=3") == 0
        assert f"shard       {shard} of 3" in capsys.readouterr().out
        found += sorted(entries(tmp_path / f"shard-{shard}").items())
    assert sorted(found) == sorted(entries(tmp_path / "whole").items())


@pytest.fixture(scope="module")
def real_layout(tmp_path_factory) -> str:
    """Give a folder with two records of noise laid out as LUDB's and two as the challenge's."""
    root = tmp_path_factory.mktemp("layout")
    rng = np.random.default_rng(0)
    leads = DATABASES["ludb"].leads
    wave = Annotations(
        sample=np.array([100, 110, 120]),
        symbol=np.array(["(", "N", ")"]),
        subtype=np.zeros(3, np.int64),
        aux_note=np.array([""] * 3),
        fs_hz=500.0,
    )
    (root / "ludb" / "data").mkdir(parents=True)
    (root / "cinc2017").mkdir()
    for number in (1, 2):
        path = root / "ludb" / "data" / str(number)
        noise = rng.integers(-500, 500, (1000, len(leads))).astype(np.int16)
        write_digital(path, noise, fmt="16", fs_hz=500.0, leads=leads, gain_per_mv=1000.0)
        for lead in leads:
            write_annotations(path, lead, wave)
        strip = root / "cinc2017" / f"A0000{number}"
        write_digital(strip, noise[:, :1], fmt="16", fs_hz=300.0, leads=("ECG",), gain_per_mv=1000.0)
    (root / "cinc2017" / "REFERENCE-v3.csv").write_text("A00001,N\nA00002,A\n")
    return f"data.root={root}"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["task=beats"],
        ["task=transcribe", "preprocessing.n_leads=1"],
        ["task=delineate", "data.annotator=pqt", "preprocessing.n_leads=2"],
        ["experiment=mitdb_beats_tiny", "data=synthetic"],
        ["data=ludb", "task=delineate", "data.records=[data/1,data/2]"],
        ["experiment=ludb_delineation", "data.records=[data/1,data/2]"],
        ["data=cinc2017", "task=rhythm"],
        ["experiment=cinc2017_rhythm", "data.fold=1"],
    ],
    ids=" ".join,
)
def test_train_opens_the_entries_that_prepare_makes_with_the_same_words(
    words, small_data, real_layout, tmp_path, monkeypatch
):
    def open_only(options):
        build_datamodule(options, task_of(options.task)).prepare_data()

    monkeypatch.setattr("ecgrnn.commands.train.run", open_only)
    real = any("ludb" in word or "cinc2017" in word for word in words)
    data = [real_layout, "data.workers=0"] if real else small_data[:-1]
    found = {}
    for command in ("prepare", "train"):
        cache = tmp_path / command
        places = [f"data.cache={cache}", f"run_dir={tmp_path / 'runs' / command}"]
        assert main([command, *words, *data, *places]) == 0
        found[command] = entries(cache)
    assert found["prepare"] == found["train"]
    assert len(found["prepare"]) >= 2


def test_prepare_resumes_no_training(prepare, capsys):
    assert prepare("cache", "resume=runs/train/1") == 2
    assert "resume=runs/train/1 applies to train only" in capsys.readouterr().err


def test_an_unreadable_record_is_named(prepare, small_database, tmp_path, capsys):
    (tmp_path / "records").mkdir()
    for file in small_database.iterdir():
        (tmp_path / "records" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "records" / "s002.dat").write_bytes(b"short")
    assert prepare("cache", f"data.root={tmp_path / 'records'}", "processes=2") == 2
    said = capsys.readouterr().err
    assert "s002.dat" in said
    assert "Traceback" not in said


def test_a_process_that_dies_costs_nothing_that_is_prepared(small_database, tmp_path, monkeypatch):
    class Dying:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def map(self, prepare, sources, chunksize):
            yield prepare(sources[0])
            raise BrokenProcessPool

    sources = [cache.RecordSource(name, small_database / name, name, ("atr",)) for name in ("s001", "s002")]
    options = {"cache": tmp_path, "workers": 0, "progress": lambda items, total: items}
    with monkeypatch.context() as patched:
        patched.setattr(cache, "_pool", lambda workers, processes: Dying())
        with pytest.raises(DataError, match=r"died, perhaps for want of memory.*fewer than 2 processes"):
            cache.prepare_records(sources, PreprocessingConfig(), processes=2, **options)
    assert len(list(tmp_path.glob("s001-*"))) == 1
    first, _ = cache.prepare_records(sources, PreprocessingConfig(), processes=1, **options)
    assert np.isfinite(first.signal).all()
