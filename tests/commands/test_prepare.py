from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from ecgrnn.cli import main
from ecgrnn.config import PreprocessingConfig
from ecgrnn.datasets import cache
from ecgrnn.errors import DataError


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
