"""Sources, formats and writers of a stream: what comes in pieces, stops, comes back, or is no sample."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from ecgrnn.cli import main
from ecgrnn.errors import DataError
from ecgrnn.inference.annotate import annotate
from ecgrnn.inference.streaming.samples import decoder
from ecgrnn.inference.streaming.session import Account, Quantiles, Session
from ecgrnn.inference.streaming.sources import open_source
from ecgrnn.inference.streaming.stream import BeatStream
from ecgrnn.inference.streaming.writers import open_writer
from ecgrnn.options.choices import BeatOutput, SampleFormat
from ecgrnn.signals.annotations import read_annotations
from ecgrnn.signals.formats import read
from ecgrnn.signals.recording import Recording

FS, LEADS = 360, ("II", "V1")
WORDS = [f"fs={FS}", "leads=[II,V1]"]


@pytest.fixture(scope="module")
def signal_of_a_minute(small_database):
    return read(small_database / "s003").signal


@pytest.fixture(scope="module")
def whole(signal_of_a_minute):
    recording = Recording(as_counts(signal_of_a_minute) / np.float32(200), fs=FS, leads=LEADS)
    return annotate(recording, "beats_causal").columns("beats")


def as_counts(samples) -> np.ndarray:
    return np.rint(samples * 200).astype("<i2")


def pieces(data: bytes, size: int):
    return [data[start : start + size] for start in range(0, len(data), size)]


def decoded(form, data, *, size=13, gain=1.0):
    one = decoder(form, n_leads=2, gain=gain)
    return np.concatenate([one.push(piece) for piece in pieces(data, size)])


def test_every_format_gives_the_same_samples_in_pieces_of_any_size():
    samples = np.array([[0.5, -1.25], [np.nan, 2.0], [np.nan, np.nan], [3.0, 4.0]], np.float32)
    counts = np.where(np.isnan(samples), -32768, samples * 4).astype("<i2")
    text = b"II,V1\n0.5,-1.25\r\n# a remark\n,2\n\n nan ; -\n3\t4\n"
    for found in (
        decoded(SampleFormat.float32, samples.astype("<f4").tobytes()),
        decoded(SampleFormat.int16, counts.tobytes(), gain=4.0),
        decoded(SampleFormat.text, text),
    ):
        np.testing.assert_array_equal(found, samples)


def test_lines_that_are_no_samples_are_missing_ones_and_another_format_is_refused():
    one = decoder(SampleFormat.text, n_leads=2, gain=1.0)
    np.testing.assert_array_equal(one.push(b"1 2\n1 2 3\nxy 4\n5 6\n")[:, 0], [1, np.nan, np.nan, 5])
    assert list(one.bad) == [1, 2]
    assert one.shown == "'xy 4'"
    for wrong in (b"1 2 3\n" * 60, bytes(70_000)):
        with pytest.raises(DataError, match="format=text expected lines of 2 number"):
            decoder(SampleFormat.text, n_leads=2, gain=1.0).push(wrong)


def test_a_growing_file_is_followed_and_its_annotations_are_whole_at_any_time(
    signal_of_a_minute, whole, tmp_path
):
    source, out = tmp_path / "signal.raw", tmp_path / "bed.ecg"
    data = as_counts(signal_of_a_minute).tobytes()
    source.write_bytes(data[: len(data) // 2 + 1])
    sizes = []

    def grow():
        while not (found := len(read_annotations(tmp_path / "bed", "ecg", fs_hz=FS).sample)):
            time.sleep(0.05)
        sizes.append(found)
        with source.open("ab") as file:
            file.write(data[len(data) // 2 + 1 :])

    stream = BeatStream("beats_causal", fs=FS, leads=LEADS)
    writer = open_writer(BeatOutput.wfdb, str(out), standard=sys.stdout, about={"fs_hz": 360.0}, classes=())
    opened = open_source(str(source), wait_s=30.0)
    session = Session(
        opened,
        decoder(SampleFormat.int16, n_leads=2, gain=200.0),
        stream,
        writer,
        account=Account(),
        tell=pytest.fail,
    )
    growing = threading.Thread(target=grow)
    growing.start()
    session.run(lambda: session.account.n_samples == len(signal_of_a_minute))
    growing.join()
    writer.close()
    opened.close()
    written = read_annotations(tmp_path / "bed", "ecg", fs_hz=FS)
    np.testing.assert_array_equal(written.sample, whole["sample"])
    assert written.symbol.tolist() == whole["class"].tolist()
    assert 0 < sizes[0] < len(written.sample)
    assert session.account.n_samples == len(signal_of_a_minute)


def test_a_socket_that_comes_back_leaves_a_gap_that_is_told(signal_of_a_minute, tmp_path):
    data = signal_of_a_minute.astype("<f4").tobytes()
    first = socket.create_server(("localhost", 0))
    place = first.getsockname()[:2]
    address = f"tcp://localhost:{place[1]}"

    def serve():
        for server, part in ((first, data[: 30 * FS * 8 + 3]), (None, data[30 * FS * 8 :])):
            with server or socket.create_server(place) as listening:
                connection = listening.accept()[0]
            with connection:
                connection.sendall(part)
            time.sleep(0.4)

    serving = threading.Thread(target=serve)
    serving.start()
    told = []
    out = tmp_path / "beats.txt"
    writer = open_writer(BeatOutput.text, str(out), standard=sys.stdout, about={}, classes="NSVFQ")
    source = open_source(address, wait_s=30.0)
    session = Session(
        source,
        decoder(SampleFormat.float32, n_leads=2, gain=1.0),
        BeatStream("beats_causal", fs=FS, leads=LEADS),
        writer,
        account=Account(),
        tell=told.append,
    )
    account = session.account
    session.run(lambda: account.n_samples - account.missing == len(signal_of_a_minute))
    serving.join()
    source.close()
    writer.close()
    (gap,) = told
    assert gap.startswith("gap            ")
    assert f"without a sample from 30.00 s on: {address} was away" in gap
    lost = session.account.n_samples - len(signal_of_a_minute)
    assert 0 < lost == session.account.missing < 20 * FS
    assert len(out.read_text().splitlines()) > 50


def command(*words, **how):
    return subprocess.Popen(
        [sys.executable, "-m", "ecgrnn", "stream", *words, *WORDS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        **how,
    )


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_command_reads_standard_input_and_ends_cleanly_when_asked_to(signal_of_a_minute, whole):
    text = "".join(f"{a / 200} {b / 200}\n" for a, b in as_counts(signal_of_a_minute).tolist())
    process = command("source=-", "output=jsonl")
    process.stdin.write(text.encode())
    process.stdin.flush()
    rows = [json.loads(process.stdout.readline()) for _ in range(15)]  # while the source is still open
    process.send_signal(signal.SIGTERM)
    rest, said = process.communicate(timeout=300)
    assert process.returncode == 0
    beats = [*rows[1:], *map(json.loads, rest.splitlines())]
    assert rows[0] == {"kind": "stream", "fs_hz": 360.0, "leads": ["II", "V1"], "model": "beats_causal"}
    sure = len(beats) - 3  # what the end of the stream may have changed left out
    assert sure >= 11
    assert [beat["sample"] for beat in beats[:sure]] == whole["sample"][:sure].tolist()
    assert [beat["class"] for beat in beats[:sure]] == whole["class"][:sure].tolist()
    lines = said.decode().splitlines()
    assert [line.split()[0] for line in lines] == ["leads", "beats", "latency", "delay"]
    assert "Traceback" not in said.decode()


def test_a_reader_that_goes_away_ends_the_command_without_complaint(
    signal_of_a_minute, tmp_path, monkeypatch, capsys
):
    source = tmp_path / "signal.raw"
    source.write_bytes(signal_of_a_minute.astype("<f4").tobytes())
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody_reads:
        monkeypatch.setattr(sys, "stdout", nobody_reads)
        assert main(["stream", f"source={source}", "format=float32", "wait_s=0", *WORDS]) == 0
        monkeypatch.undo()
    lines = capsys.readouterr().err.splitlines()
    assert "stopped        nobody reads the annotations any more" in lines
    assert [line.split()[0] for line in lines] == ["leads", "stopped", "beats"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["source="], "source"),
        (["source=/nowhere/signal.txt"], "source=/nowhere/signal.txt: No such file or directory"),
        (["source=tcp://x"], "is no address; expected tcp://host:port"),
        (["source=tcp://localhost:1"], "source=tcp://localhost:1: Connection refused"),
        (["source={}", "output=wfdb"], "output=wfdb is written to a file: give one with out="),
        (["source={}", "out={}"], "is there already, and no file is overwritten"),
        (["source={}", "leads=[II]"], "has 1 lead(s) (II), and this network reads 2"),
        (["source={}", "wait_s=0"], "format=text expected lines of 2 number(s)"),
    ],
)
def test_a_bad_option_is_one_line_and_status_2(words, said, capsys, tmp_path):
    file = tmp_path / "signal.txt"
    file.write_text("1 2 3\n" * 100)
    words = [word.replace("{}", str(file)) for word in words]
    given = {word.partition("=")[0] for word in words}
    assert main(["stream", *[word for word in WORDS if word.partition("=")[0] not in given], *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert said in lines[-1]
    assert lines[-1].startswith("ecgrnn: ")


def test_quantiles_are_right_to_two_percent_in_bounded_memory():
    values = np.random.default_rng(0).lognormal(size=5000)
    quantiles = Quantiles()
    for value in values:
        quantiles.add(value)
    for share in (0.5, 0.99):
        assert quantiles.quantile(share) == pytest.approx(np.quantile(values, share), rel=0.03)
