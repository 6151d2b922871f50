import hashlib
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copy2
from threading import Event, Lock, Thread

import numpy as np
import pooch
import pytest
import wfdb

from ecgrnn.data import download as room
from ecgrnn.data.databases import DATABASES
from ecgrnn.data.databases.database import Database
from ecgrnn.data.download import default_folder, download, locate, verify_record
from ecgrnn.errors import DataError

RECORDS = ("100", "101")
MITDB = replace(DATABASES["mitdb"], records=RECORDS, n_records=len(RECORDS))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A small PhysioNet project: two records, their annotations, and the list of sums."""
    folder = tmp_path / "published"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for record in RECORDS:
        write_record(folder, record, rng.integers(-900, 900, size=(500, 2)))
        wfdb.wrann(record, "atr", np.array([50, 300]), symbol=["N", "V"], write_dir=str(folder))
    (folder / "RECORDS").write_text("".join(f"{record}\n" for record in RECORDS))
    (folder / "index.html").write_text("not wanted")
    write_sums(folder)
    return folder


class Site(ThreadingHTTPServer):
    """PhysioNet on this machine: the files of a folder under an address, and what was asked for.

    Attributes:
        prefix: what addresses begin with, ``/SLUG/VERSION/``.
        asked: files in the order in which they were asked for.
        before: called with the file before it is sent.
        refuse: file to what its next requests get instead: a status, or 0 for a connection that breaks off.
        most: how many were sent at once.
    """

    daemon_threads = True

    def __init__(self, folder: Path, prefix: str = "/mitdb/1.0.0/") -> None:
        super().__init__(("127.0.0.1", 0), SiteHandler)
        self.folder, self.prefix = folder, prefix
        self.asked: list[str] = []
        self.before: Callable[[str], object] = lambda file: None
        self.refuse: dict[str, list[int]] = {}
        self.most, self._now, self._lock = 0, 0, Lock()

    @contextmanager
    def sending(self, file: str) -> Iterator[None]:
        with self._lock:
            self.asked.append(file)
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1


class SiteHandler(BaseHTTPRequestHandler):
    server: Site

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_GET(self) -> None:
        file = self.path.removeprefix(self.server.prefix)
        path = self.server.folder / file
        with self.server.sending(file):
            self.server.before(file)
            refused = self.server.refuse.get(file)
            status = refused.pop(0) if refused else 200 if path.is_file() else 404
            if status not in (0, 200):
                self.send_error(status)
                return
            content = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content if status else content[: len(content) // 2])

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Let PhysioNet's address lead to a site."""
    address(monkeypatch, site.server_port)
    thread = Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        thread.join()
        site.server_close()


def address(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(room, "_PHYSIONET", f"http://127.0.0.1:{port}")


@pytest.fixture
def physionet(published: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Serve the project."""
    with serving(Site(published), monkeypatch) as site:
        yield site


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Do not wait between tries; gives how long it would have been."""
    found: list[float] = []
    monkeypatch.setattr(pooch.core.time, "sleep", found.append)
    return found


def write_record(folder: Path, record: str, signal: np.ndarray) -> None:
    leads = signal.shape[1]
    wfdb.wrsamp(
        record,
        fs=360,
        units=["mV"] * leads,
        sig_name=["MLII", "V5"][:leads],
        d_signal=signal,
        fmt=["212"] * leads,
        adc_gain=[200.0] * leads,
        baseline=[0] * leads,
        write_dir=str(folder),
    )


def write_sums(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS.txt")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(folder).as_posix()}\n"
        for path in files
    ]
    (folder / "SHA256SUMS.txt").write_text("".join(lines))


def seek(
    root: Path | None, cache_root: Path, *, data: Path | None = None, database: Database = MITDB
) -> Path:
    environment = {} if data is None else {"ECGRNN_DATA": str(data)}
    return locate(database, root=root, environment=environment, cache_root=cache_root, progress=False)


def in_place(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "100.hea").touch()
    return folder


def left_beside(folder: Path) -> list[Path]:
    return list(folder.parent.iterdir()) if folder.parent.is_dir() else []


def test_the_root_given_comes_before_the_environment_and_the_default(tmp_path: Path) -> None:
    root = in_place(tmp_path / "copy")
    in_place(tmp_path / "data" / "mitdb")
    assert seek(root, tmp_path, data=tmp_path / "data") == root


def test_the_root_may_hold_a_folder_named_like_the_database(tmp_path: Path) -> None:
    folder = in_place(tmp_path / "all" / "mitdb")
    assert seek(tmp_path / "all", tmp_path) == folder


def test_the_environment_comes_before_the_default(tmp_path: Path) -> None:
    kept = in_place(tmp_path / "data" / "mitdb")
    default = in_place(default_folder(MITDB, tmp_path))
    assert seek(None, tmp_path, data=tmp_path / "data") == kept
    assert seek(None, tmp_path, data=tmp_path / "elsewhere") == default


def test_a_root_without_the_database_is_an_error_and_downloads_nothing(
    tmp_path: Path, physionet: Site
) -> None:
    with pytest.raises(DataError, match=re.escape(f"looked for 100.hea in {tmp_path / 'wrong'} and")):
        seek(tmp_path / "wrong", tmp_path)
    assert physionet.asked == []


def test_no_data_and_no_network_names_the_folders_and_the_two_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address(monkeypatch, closed.getsockname()[1])
    with pytest.raises(DataError) as caught:
        seek(None, tmp_path, data=tmp_path / "data")
    message = str(caught.value)
    for part in (
        str(tmp_path / "data" / "mitdb"),
        str(default_folder(MITDB, tmp_path)),
        "data.root=DIR",
        "ECGRNN_DATA",
        "wget -r -N -c -np https://physionet.org/files/mitdb/1.0.0/",
        "refused",
    ):
        assert part in message
    assert left_beside(default_folder(MITDB, tmp_path)) == []


def test_a_database_that_is_not_published_is_an_error_without_download(
    tmp_path: Path, physionet: Site
) -> None:
    with pytest.raises(
        DataError, match=r"synthetic is not on PhysioNet; name its folder with data\.root=DIR"
    ):
        seek(None, tmp_path, database=DATABASES["synthetic"])
    assert physionet.asked == []


def test_absent_data_is_downloaded_whole_and_only_once(
    tmp_path: Path, published: Path, physionet: Site
) -> None:
    folder = seek(None, tmp_path)
    assert folder == default_folder(MITDB, tmp_path)
    wanted = {"RECORDS"} | {f"{record}.{suffix}" for record in RECORDS for suffix in ("hea", "dat", "atr")}
    assert {path.name for path in folder.iterdir()} == wanted
    assert all((folder / name).read_bytes() == (published / name).read_bytes() for name in wanted)
    assert left_beside(folder) == [folder]
    physionet.asked.clear()
    assert seek(None, tmp_path) == folder
    assert physionet.asked == []


def test_a_folder_that_is_no_whole_copy_is_named_before_anything_is_fetched(
    tmp_path: Path, physionet: Site
) -> None:
    folder = default_folder(MITDB, tmp_path)
    folder.mkdir(parents=True)
    (folder / "100.dat").touch()
    with pytest.raises(DataError, match=re.escape(f"{folder} exists without 100.hea")) as caught:
        seek(None, tmp_path)
    assert "move it away" in str(caught.value)
    assert physionet.asked == []


def test_an_empty_folder_is_downloaded_into(tmp_path: Path, physionet: Site) -> None:
    default_folder(MITDB, tmp_path).mkdir(parents=True)
    assert (seek(None, tmp_path) / "100.hea").is_file()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, PermissionError, MemoryError])
def test_a_download_that_stops_halfway_leaves_nothing(
    tmp_path: Path, physionet: Site, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    fetch = pooch.HTTPDownloader.__call__

    def fetch_and_stop(self: object, url: str, output_file: str, source: object) -> None:
        fetch(self, url, output_file, source)
        if url.endswith("101.dat"):
            raise stop

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fetch_and_stop)
    folder = tmp_path / "data" / "mitdb"
    with pytest.raises(stop):
        download(MITDB, folder, progress=False)
    assert left_beside(folder) == []


def test_a_connection_that_always_breaks_off_is_given_up_and_leaves_nothing(
    tmp_path: Path, physionet: Site, waits: list[float]
) -> None:
    physionet.refuse["101.dat"] = [0] * 9
    with pytest.raises(DataError, match="It could not be fetched: "):
        seek(None, tmp_path)
    assert physionet.asked.count("101.dat") == 3
    assert left_beside(default_folder(MITDB, tmp_path)) == []


def test_a_server_that_falls_silent_is_given_up(
    tmp_path: Path, physionet: Site, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Event()
    physionet.before = lambda file: file == "100.dat" and silent.wait(5)
    monkeypatch.setattr(room, "_TIMEOUT_S", 0.2)
    begun = time.perf_counter()
    with pytest.raises(OSError, match="timed out"):
        download(MITDB, tmp_path / "data" / "mitdb", progress=False)
    silent.set()
    assert time.perf_counter() - begun < 4
    assert left_beside(tmp_path / "data" / "mitdb") == []


def test_files_come_from_the_published_version_and_a_missing_one_is_named(
    tmp_path: Path, published: Path, physionet: Site, waits: list[float]
) -> None:
    folder = seek(None, tmp_path)
    for record in RECORDS:
        verify_record(folder, record)
    (published / "101.atr").unlink()
    with pytest.raises(DataError, match=r"could not be fetched: 404 .*/mitdb/1\.0\.0/101\.atr"):
        seek(None, tmp_path / "again")


def test_files_may_be_read_by_everybody_as_their_folder(tmp_path: Path, physionet: Site) -> None:
    folder = seek(None, tmp_path)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    assert folder.stat().st_mode & 0o777 == 0o755


def test_no_more_than_two_connections_are_open_at_once(tmp_path: Path, physionet: Site) -> None:
    physionet.before = lambda file: time.sleep(0.05)
    seek(None, tmp_path)
    assert physionet.most == 2


def test_a_network_that_swallows_everything_is_given_up_soon_and_nothing_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # connects, and never answers
        address(monkeypatch, deaf.getsockname()[1])
        monkeypatch.setattr(room, "_REACHABLE_S", 0.2)
        begun = time.perf_counter()
        with pytest.raises(DataError, match=r"It could not be fetched: .*(within 0\.2 s|timed out)"):
            seek(None, tmp_path)
        assert time.perf_counter() - begun < 5
    assert not default_folder(MITDB, tmp_path).parent.exists()


def test_any_answer_is_a_network(tmp_path: Path, physionet: Site, waits: list[float]) -> None:
    physionet.refuse["SHA256SUMS.txt"] = [404] * 9
    with pytest.raises(DataError, match="It could not be fetched: 404"):
        seek(None, tmp_path)
    assert set(physionet.asked) == {"SHA256SUMS.txt"}
    assert left_beside(default_folder(MITDB, tmp_path)) == []


def test_a_fetch_that_fails_for_a_moment_is_tried_again(
    tmp_path: Path, published: Path, physionet: Site, waits: list[float]
) -> None:
    physionet.refuse |= {"100.dat": [503, 0], "101.hea": [500]}
    folder = download(MITDB, tmp_path / "data" / "mitdb", progress=False)
    assert (folder / "100.dat").read_bytes() == (published / "100.dat").read_bytes()
    assert sorted(waits) == [1, 1, 2]


@pytest.mark.parametrize("file", ["100.dat", "101.atr"])
def test_a_file_with_another_sum_than_published_is_refused(
    tmp_path: Path, published: Path, physionet: Site, waits: list[float], file: str
) -> None:
    (published / file).write_bytes(b"another content")
    folder = tmp_path / "data" / "mitdb"
    with pytest.raises(DataError, match=rf"mitdb/1\.0\.0/{file} arrived damaged: expected SHA-256"):
        download(MITDB, folder, progress=False)
    assert left_beside(folder) == []


def test_a_record_that_does_not_fit_its_header_is_refused_though_its_sum_is_right(
    tmp_path: Path, published: Path, physionet: Site
) -> None:
    damage_sample(published / "101.dat")
    write_sums(published)
    folder = tmp_path / "data" / "mitdb"
    with pytest.raises(
        DataError, match=r"101 is damaged: lead 'MLII' has the checksum \d+, its header says \d+"
    ):
        download(MITDB, folder, progress=False)
    assert left_beside(folder) == []


def test_a_published_list_without_all_records_is_refused(
    tmp_path: Path, published: Path, physionet: Site
) -> None:
    (published / "101.hea").unlink()
    write_sums(published)
    with pytest.raises(DataError, match="lists 1 records; expected 2"):
        download(MITDB, tmp_path / "data" / "mitdb", progress=False)
    assert physionet.asked == ["SHA256SUMS.txt"]


def test_of_two_downloads_at_once_the_first_is_kept(tmp_path: Path, physionet: Site) -> None:
    folder = tmp_path / "data" / "mitdb"
    # The other process finishes while this one is still fetching.
    physionet.before = lambda file: file == "101.dat" and not folder.exists() and in_place(folder)
    assert download(MITDB, folder, progress=False) == folder
    assert [path.name for path in folder.iterdir()] == ["100.hea"]
    assert left_beside(folder) == [folder]


def test_threads_that_download_at_once_all_get_one_whole_folder(
    tmp_path: Path, published: Path, physionet: Site
) -> None:
    folder = tmp_path / "data" / "mitdb"
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(download, MITDB, folder, progress=False) for _ in range(3)]
        assert {job.result() for job in jobs} == {folder}
    assert left_beside(folder) == [folder]
    for record in RECORDS:
        verify_record(folder, record)


def test_published_folders_of_cinc2017_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = tmp_path / "published"
    published.mkdir()
    write_record(published, "A00001", np.arange(200).reshape(-1, 1))
    (published / "A00001.dat").rename(published / "A00001.mat")
    header = (published / "A00001.hea").read_text()
    (published / "A00001.hea").write_text(header.replace(".dat", ".mat"))
    (published / "REFERENCE-v3.csv").write_text("A00001,N\n")
    for folder in ("training/A00", "validation"):
        (published / folder).mkdir(parents=True)
        for path in published.glob("A0*"):
            copy2(path, published / folder)
    for path in published.glob("A0*"):
        path.unlink()
    write_sums(published)
    with serving(Site(published, "/challenge-2017/1.0.0/"), monkeypatch):
        folder = download(replace(DATABASES["cinc2017"], n_records=1), tmp_path / "cinc2017", progress=False)
    assert {path.name for path in folder.iterdir()} == {"A00001.hea", "A00001.mat", "REFERENCE-v3.csv"}


def test_a_download_shows_its_progress(
    tmp_path: Path, physionet: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    download(MITDB, tmp_path / "data" / "mitdb")
    shown = capsys.readouterr().err
    assert "downloading mitdb" in shown
    assert "verifying mitdb" in shown


def damage_sample(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(bytes(content))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def lead_out(path: Path) -> None:
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace("100.dat", "../100.dat"))


def no_signals(path: Path) -> None:
    path.with_suffix(".hea").write_text("100 0 360 500\n")


def no_flac(path: Path) -> None:
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace(".dat 212", ".dat 516"))


def no_header(path: Path) -> None:
    path.with_suffix(".hea").write_text("nonsense\n")


def test_a_whole_record_is_verified(published: Path) -> None:
    for record in RECORDS:
        verify_record(published, record)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_sample, "has the checksum"),
        (truncate, "is truncated"),
        (Path.unlink, "has a header but no signal"),
        (lead_out, "outside its own folder"),
        (no_signals, "no signal"),
        (no_flac, "cannot be read"),
        (no_header, "cannot be parsed"),
    ],
)
def test_a_damaged_record_is_named(published: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(published / "100.dat")
    with pytest.raises(DataError, match=f"100.*({message})"):
        verify_record(published, "100")


def test_a_checksum_of_zero_is_not_compared(published: Path) -> None:
    damage_sample(published / "100.dat")
    header = published / "100.hea"
    lines = header.read_text().splitlines()
    for index in (1, 2):
        fields = lines[index].split()
        fields[6] = "0"
        lines[index] = " ".join(fields)
    header.write_text("\n".join(lines) + "\n")
    verify_record(published, "100")


@pytest.mark.parametrize("name", ["mitdb", "ludb", "cinc2017", "ptbxl"])
def test_real_records_verify(real_database, name: str) -> None:
    folder = real_database(name)
    for header in sorted(folder.rglob("*.hea"))[:12]:
        verify_record(folder, header.relative_to(folder).with_suffix("").as_posix())


def test_the_files_that_are_fetched_are_those_of_the_real_list(real_database) -> None:
    sums = (real_database("ludb") / "SHA256SUMS.txt").read_text()
    wanted = room._wanted(DATABASES["ludb"], sums)
    assert len(wanted) == 200 * 14 + 3
