"""Where a database is: found on this machine, or fetched from PhysioNet, verified and moved into place."""

import logging
import re
import shutil
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from ecgrnn.data.databases.database import Database
from ecgrnn.data.databases.record_names import checked_name
from ecgrnn.errors import DataError
from ecgrnn.signals.formats.wfdb.checksums import verify_checksums

if TYPE_CHECKING:  # loaded where something is fetched, which is seldom
    import pooch

_PHYSIONET = "https://physionet.org/files"
# PhysioNet asks for no more than two connections at once.
_CONNECTIONS = 2
_TRIES = 3
# How long a server may be silent in the middle of a download.
_TIMEOUT_S = 60.0
# Where a firewall swallows packets a connection is given up after two minutes only: that is too long to wait
# for "no network".
_REACHABLE_S = 10.0
_SUMS = "SHA256SUMS.txt"


def locate(
    database: Database,
    *,
    root: Path | None,
    environment: Mapping[str, str],
    cache_root: Path,
    progress: bool = True,
) -> Path:
    """Give the folder of a database, downloading it where it is nowhere on this machine.

    Looked at in this order: ``root``, or the folder in it that is named like the database; the folder named
    like the database in ``ECGRNN_DATA``; ``data/physionet/NAME`` below ``cache_root``; PhysioNet, into that
    last folder.

    Args:
        database: an entry of the table of databases.
        root: ``data.root``; where given, nothing else is looked at and nothing is downloaded.
        environment: the environment variables, ``os.environ`` as a rule.
        cache_root: the folder below which the default place is.
        progress: whether a download shows a progress bar.

    Raises:
        DataError: the database is not there and cannot be fetched; names the folders and the ways out.
    """
    if root is not None:
        places = [root, root / database.name]
    else:
        given = environment.get("ECGRNN_DATA")
        places = [Path(given).expanduser() / database.name] if given else []
        places.append(default_folder(database, cache_root))
    for place in places:
        if _holds(place, database):
            return place
    if root is not None or database.slug is None:
        raise DataError(_absent(database, places))
    try:
        return download(database, places[-1], progress=progress)
    except OSError as error:
        raise DataError(f"{_absent(database, places)}\nIt could not be fetched: {error}") from error


def default_folder(database: Database, cache_root: Path) -> Path:
    """Give the folder a database is downloaded into."""
    return cache_root / "data" / "physionet" / database.name


def download(database: Database, folder: Path, *, progress: bool = True) -> Path:
    """Fetch a database from PhysioNet into a folder that appears only when everything in it is verified.

    Every file is compared with PhysioNet's published SHA-256 sum, then every record with its header. Two
    processes may do this at once: each works beside the folder, and the first one to finish is kept.

    Raises:
        DataError: PhysioNet lists other files than expected, a file or record came damaged, or the folder is
            there already and holds something else.
        OSError: there is no network, or the folder cannot be written.
    """
    if folder.is_dir() and any(folder.iterdir()):
        if _holds(folder, database):
            return folder
        raise DataError(
            f"{folder} exists without {database.marker}, so it is not a complete copy of {database.name}; "
            "move it away to have the database downloaded, or name the folder of a complete copy with "
            "data.root=DIR"
        )
    _check_reachable(f"{_address(database)}/{_SUMS}", within_s=_REACHABLE_S)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _fetch_all(database, beside, progress=progress)
        _verify_all(database, beside, progress=progress)
        beside.chmod(0o755)
        try:
            beside.rename(folder)
        except OSError:
            # A full folder cannot be renamed over: another process was first, and its copy is whole.
            if not _holds(folder, database):
                raise
    finally:
        # Reached on Ctrl-C as well; after the rename there is nothing left to remove.
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def verify_record(folder: Path, record: str) -> None:
    """Compare the signals of a record with what its header says: sample counts, and checksums that are not 0.

    Raises:
        DataError: a file is missing, short or damaged, or a signal's sum is not the header's checksum.
    """
    verify_checksums(folder / checked_name(record, source=str(folder)))


def _check_reachable(address: str, *, within_s: float) -> None:
    """Ask for a file's headers, and give up soon.

    Raises:
        OSError: no answer came in time, or none can come; any answer at all passes.
    """
    answers: list[OSError | None] = []

    def ask() -> None:
        """Ask for one small file, and keep what came of it."""
        try:
            with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=within_s):
                answers.append(None)
        except urllib.error.HTTPError:
            answers.append(None)
        except OSError as error:
            answers.append(error)

    # In a thread of its own, since looking a name up knows no time limit.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(within_s)
    if not answers:
        raise TimeoutError(f"no answer from {address} within {within_s:g} s")
    if answers[0] is not None:
        raise answers[0]


def _address(database: Database) -> str:
    return f"{_PHYSIONET}/{database.slug}/{database.version}"


def _holds(folder: Path, database: Database) -> bool:
    return (folder / database.marker).is_file()


def _absent(database: Database, places: list[Path]) -> str:
    looked = " and ".join(str(place) for place in places)
    lines = f"{database.name} is not here: looked for {database.marker} in {looked}."
    if database.slug is None:
        return f"{lines} {database.name} is not on PhysioNet; name its folder with data.root=DIR."
    return (
        f"{lines}\nTwo ways out: (1) with a copy, name its folder with data.root=DIR, or set ECGRNN_DATA to "
        f"the folder that holds {database.name}/; (2) on a machine with network, leave data.root out to have "
        f"it downloaded, or get version {database.version} of {database.slug!r} from PhysioNet yourself: "
        f"wget -r -N -c -np https://physionet.org/files/{database.slug}/{database.version}/"
    )


def _fetch_all(database: Database, folder: Path, *, progress: bool) -> None:
    sums = Path(_source(database, folder, {_SUMS: (_SUMS, None)}).fetch(_SUMS, downloader=_downloader()))
    wanted = _wanted(database, sums.read_text(encoding="utf-8"))
    sums.unlink()
    source = _source(database, folder, wanted)
    for local in source.registry:
        (folder / local).parent.mkdir(parents=True, exist_ok=True)
    bar = tqdm(
        total=len(source.registry), desc=f"downloading {database.name}", unit="file", disable=not progress
    )
    pool = ThreadPoolExecutor(_CONNECTIONS)
    try:
        for job in as_completed([pool.submit(_fetch, source, local) for local in source.registry]):
            job.result()
            bar.update()
    finally:
        pool.shutdown(cancel_futures=True)
        bar.close()


def _source(database: Database, folder: Path, wanted: Mapping[str, tuple[str, str | None]]) -> "pooch.Pooch":
    """Give what fetches files into a folder, each compared with its SHA-256 sum and tried again.

    Args:
        database: whose files they are.
        folder: where they go.
        wanted: name on PhysioNet to the local name and the sum, where it is known.
    """
    import pooch

    logging.getLogger("pooch").setLevel(logging.WARNING)  # a bar tells of the progress
    return pooch.create(
        path=folder,
        base_url=_address(database),
        registry=dict(wanted.values()),
        urls={local: f"{_address(database)}/{remote}" for remote, (local, _) in wanted.items()},
        retry_if_failed=_TRIES - 1,
    )


def _downloader() -> "pooch.HTTPDownloader":
    import pooch

    # The files are of a few MB. As a stream, an answer such as 404 would leave its connection open.
    return pooch.HTTPDownloader(timeout=_TIMEOUT_S, stream=False, chunk_size=1 << 16)


def _fetch(source: "pooch.Pooch", local: str) -> None:
    """Fetch one file.

    Raises:
        DataError: what comes is not what was published.
        OSError: it cannot be fetched, or not be written.
    """
    try:
        path = source.fetch(local, downloader=_downloader())
    except OSError:
        raise  # some of them are a ValueError, too
    except ValueError as error:
        raise DataError(
            f"{source.get_url(local)} arrived damaged: expected SHA-256 {source.registry[local]}, "
            f"got another one {_TRIES} times; nothing was kept, try again"
        ) from error
    # Fetched as a temporary file, which nobody else may read.
    Path(path).chmod(0o644)


def _wanted(database: Database, sums: str) -> dict[str, tuple[str, str]]:
    """Read PhysioNet's list of sums into remote name to (local name, sum), for the files that are needed."""
    wanted: dict[str, tuple[str, str]] = {}
    for line in sums.splitlines():
        expected, _, name = line.strip().partition(" ")
        remote = name.strip().lstrip("*")
        match = re.fullmatch(database.remote_files, remote)
        if match:
            local = match.group(1) if match.re.groups and match.group(1) else remote
            wanted[remote] = (checked_name(local, source=_SUMS), expected.lower())
    headers = sum(local.endswith(".hea") for local, _ in wanted.values())
    if headers != database.n_records:
        raise DataError(
            f"PhysioNet's {_SUMS} of {database.slug} {database.version} lists {headers} records; "
            f"expected {database.n_records}; get a copy another way and give it as data.root=DIR"
        )
    return wanted


def _verify_all(database: Database, folder: Path, *, progress: bool) -> None:
    records = database.read(database, folder).records
    for record in tqdm(records, desc=f"verifying {database.name}", unit="record", disable=not progress):
        verify_record(folder, record)
