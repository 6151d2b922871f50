"""The table of databases: a new one is a module here, a line in the table, and a file in ``conf/data``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ecgrnn.data.databases.afdb import AFDB
from ecgrnn.data.databases.cinc2017 import CINC2017
from ecgrnn.data.databases.database import Database, opened
from ecgrnn.data.databases.edb import EDB
from ecgrnn.data.databases.folder import FOLDER
from ecgrnn.data.databases.incartdb import INCARTDB
from ecgrnn.data.databases.ltafdb import LTAFDB
from ecgrnn.data.databases.ludb import LUDB
from ecgrnn.data.databases.mitdb import MITDB
from ecgrnn.data.databases.nstdb import NSTDB
from ecgrnn.data.databases.ptbxl import PTBXL
from ecgrnn.data.databases.qtdb import QTDB
from ecgrnn.data.databases.svdb import SVDB
from ecgrnn.data.databases.synthetic import SYNTHETIC
from ecgrnn.errors import ConfigError, nearest

_ALL = (
    *(SYNTHETIC, MITDB, SVDB, INCARTDB, EDB, QTDB, NSTDB, AFDB, LTAFDB),
    *(LUDB, CINC2017, PTBXL, FOLDER),
)

DATABASES: Mapping[str, Database] = {database.name: database for database in _ALL}


def find_database(name: str) -> Database:
    """Give a database by name.

    Raises:
        ConfigError: no database has this name; says the nearest one that exists.
    """
    if name not in DATABASES:
        raise ConfigError(
            f"there is no database {name!r}{nearest(name, DATABASES)}; any folder: data={FOLDER.name}"
        )
    return DATABASES[name]


def open_database(
    name: str,
    folder: Path,
    *,
    annotator: str = "atr",
    patients: Mapping[str, str] | None = None,
    records: Sequence[str] = (),
) -> Database:
    """Give a database by name, with everything filled in that only its folder knows, see ``opened``.

    Raises:
        ConfigError: no database has this name.
        DataError: a record has no header in the folder, a table is missing or damaged, or ``records`` names
            one that is not in the database.
    """
    return opened(find_database(name), folder, annotator=annotator, patients=patients, records=records)
