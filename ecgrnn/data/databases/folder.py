"""Any folder of WFDB records: what is known of it is in the folder."""

from dataclasses import replace
from pathlib import Path

from ecgrnn.data.databases.database import Database, with_records_below
from ecgrnn.errors import ConfigError
from ecgrnn.options.data import DataConfig


def _given(data: DataConfig) -> Path:
    if data.root is None:
        raise ConfigError("data.root is not given; set data.root=DIR, the folder that holds the records")
    return Path(data.root).expanduser()


def _read(database: Database, folder: Path) -> Database:
    """Take the folder's records and its name."""
    found = with_records_below(database, folder)
    return replace(
        found, name=folder.resolve().name, title=f"records in {folder}", n_records=len(found.records)
    )


def _same_folder(first: DataConfig, second: DataConfig) -> bool:
    folders = [Path(data.root or "").expanduser().resolve() for data in (first, second)]
    return folders[0] == folders[1]


FOLDER = Database(
    name="folder",
    title="Any folder of WFDB records",
    version="",
    slug=None,
    n_records=0,
    marker="",
    leads=(),
    fs_hz=None,
    licence="",
    citation="",
    # Its records are the user's own: a model that has not seen them is scored on all of them.
    default_scored_split="all",
    read=_read,
    place=_given,
    same_names=_same_folder,
)
