"""What several test rooms share: real databases, a small simulated one, and a model trained on it."""

import os
import warnings
from collections.abc import Callable, Collection
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ecgrnn.cli import main
from ecgrnn.simulator.simulate import write_database

# Before torch is imported: networks in tests are tiny, and several test files run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def real_database() -> Callable[[str], Path]:
    """Give the folder of a real database below ECGRNN_DATA, or skip the test and say why."""

    def folder(name: str) -> Path:
        root = os.environ.get("ECGRNN_DATA")
        if root is None or not (Path(root) / name).is_dir():
            pytest.skip(f"needs the real database {name}: set ECGRNN_DATA to a folder that holds {name}/")
        return Path(root) / name

    return folder


@pytest.fixture(scope="session")
def small_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a simulated database of 8 patients, one minute each, where ``data=synthetic`` looks for it."""
    folder = tmp_path_factory.mktemp("synthetic") / "n8-60s-seed0"
    write_database(folder, n_patients=8, seed=0, duration_s=60.0)
    return folder


@pytest.fixture(scope="session")
def small_data(small_database: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Give the options that make a command use the small database, and a cache of its own."""
    return [
        f"data.root={small_database.parent}",
        "data.n_patients=8",
        "data.duration_s=60",
        "data.workers=0",
        f"data.cache={tmp_path_factory.mktemp('cache')}",
    ]


@pytest.fixture(scope="session")
def small_training(small_data: list[str]) -> list[str]:
    """Give the words of the smallest training that is still whole, but for its run folder."""
    return [
        "train",
        "task=beats",
        *small_data,
        "network.encoder.hidden_size=8",
        "network.encoder.num_layers=1",
        "network.head_size=8",
        "loader.batch_size=64",
        "logger.tensorboard=false",
        "trainer.max_epochs=1",
        "trainer.enable_progress_bar=false",
    ]


@pytest.fixture(scope="session")
def command_line() -> Callable[..., int]:
    """Give ``ecgrnn.cli.main`` for commands that train, deaf to what only Lightning can mend."""

    def run(*words: str) -> int:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*LeafSpec.*")
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            return main(words)

    return run


@pytest.fixture(scope="session")
def trained(
    command_line: Callable[..., int], small_training: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Give the run folder of a network trained for one epoch on the small database."""
    run_dir = tmp_path_factory.mktemp("trained") / "run"
    assert command_line(*small_training, f"run_dir={run_dir}") == 0
    return run_dir


HOSTILE = """<img src="x" onerror='alert(1)'>&amp;</script>"""


@pytest.fixture(scope="session")
def spoil() -> Callable[..., Any]:
    """Give a function that appends markup to every text in plain data, but to those under some keys."""

    def spoiled(data: Any, *, but: Collection[str] = ()) -> Any:
        match data:
            case str():
                return data + HOSTILE
            case dict():
                return {key: one if key in but else spoiled(one, but=but) for key, one in data.items()}
            case list() | tuple():
                return type(data)(spoiled(one, but=but) for one in data)
        return data

    return spoiled


class _Read(HTMLParser):
    """Tags, values of attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="session")
def assert_escaped() -> Callable[[str], None]:
    """Give a check that a page shows spoiled texts as they are, and that none became markup."""

    def check(page: str) -> None:
        read = _Read()
        read.feed(page)
        assert HOSTILE in read.text
        assert not read.tags & {"img", "script"}
        assert not [name for name, _ in read.attributes if name.startswith("on") or name == "src"]

    return check
