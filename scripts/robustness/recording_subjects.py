"""Recordings that are damaged: WFDB records in every signal format, and every other kind of file."""

import dataclasses
import io
import random
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from subject import Files, Subject, zipped

from ecgrnn.errors import EcgrnnError
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.annotations import read_annotations, write_annotations
from ecgrnn.signals.detection.detect import MINIMUM_FS_HZ, detect_qrs
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.reference import read_reference

SECONDS = 20
"""Length of the recordings: long enough for the detector, short enough for thousands of them."""


def recording_subjects(record: Path, data: Path | None, work: Path) -> list[Subject]:
    """Make subjects of a record with its annotations, and of real ones where there are any."""
    return [*_wfdb(record), *_formats(record, work), *([] if data is None else _short_records(data))]


def _use_recording(path: Path, **options: Any) -> object:
    """Read a recording whole, look for beats and prepare it as a training does."""
    recording = read(path, **options)
    signal = recording.signal
    found: object = None
    if recording.fs_hz >= MINIMUM_FS_HZ and len(signal) > recording.fs_hz:
        found = detect_qrs(np.nan_to_num(signal), fs_hz=recording.fs_hz)
    config = PreprocessingConfig(n_leads=1, fs_hz=125.0, highpass_hz=0.5, lowpass_hz=40.0)
    try:
        prepared: object = prepare_record(recording.stretch(), config).signal
    except EcgrnnError as error:
        prepared = str(error)
    return recording.leads, recording.fs_hz, signal, found, prepared


def _use_annotator(path: Path) -> object:
    """Annotate a recording with the smallest model and write every file."""
    from ecgrnn.inference.annotate import annotate  # torch takes seconds, and few subjects need it

    result = annotate(read(path), models=["beats_tiny"])
    with tempfile.TemporaryDirectory() as out:
        folder = Path(out)
        result.to_wfdb(folder)
        result.to_csv(folder)
        result.to_jsonl(folder / "x.jsonl")
        result.to_html(folder / "x.html")
    beats = dict(result.columns("beats"))
    chances = [column for name, column in beats.items() if name.startswith("p_")]
    if any(not np.isfinite(column).all() for column in chances):
        raise AssertionError("probabilities that are not finite")
    return beats


def _use_record(folder: Path) -> object:
    """Read a WFDB record with its annotations."""
    recording = _use_recording(folder / "rec")
    header = read_header(folder / "rec")
    marks = read_reference(
        folder / "rec", "atr", fs_hz=header.fs_hz, n_samples=header.n_samples, frame_hz=header.frame_hz
    )
    one = marks.annotations
    return recording, one.sample, one.symbol, one.aux_note


def _use_score(folder: Path) -> object:
    from ecgrnn.metrics.ec57.scores import score_records
    from ecgrnn.tasks.score_files import read_pairs

    pairs = read_pairs(folder, folder, annotators=("atr", "test"), records=["rec"])
    return score_records(pairs, start_s=0.0).texts()


def _wfdb(record: Path) -> list[Subject]:
    files = renamed(record, "rec", ("hea", "dat", "atr"))
    simple = ("rec.hea", "rec.dat", "rec.atr")
    scored = {**files, "rec.test": files["rec.atr"]}
    made = [
        Subject("WFDB record", files, simple, _use_record, weight=3),
        Subject("WFDB header", files, ("rec.hea",), _use_record, weight=5),
        Subject("WFDB annotations", files, ("rec.atr",), _use_record, weight=4),
        Subject("annotations scored", scored, ("rec.atr", "rec.test"), _use_score, weight=2, slow=True),
        Subject("recording annotated", files, ("rec.hea", "rec.dat"), _annotated, weight=0.4, slow=True),
        Subject("WFDB segments", _segments(files), ("rec.hea", "a.hea", "a.dat"), _recording, weight=2),
    ]
    noise = random.Random(5).randbytes(30_000)
    bits = {
        "8": 8,
        "16": 16,
        "24": 24,
        "32": 32,
        "61": 16,
        "80": 8,
        "160": 16,
        "212": 12,
        "310": 10,
        "311": 10,
    }
    for fmt, width in bits.items():
        stored = [f"rec.dat {fmt} {2**width / 4:g}(0)/mV {width} 0 0 0 0 {lead}" for lead in ("II", "V1")]
        header = "\n".join([f"rec 2 250 {SECONDS * 50}", *stored]) + "\n"
        both = {"rec.hea": header.encode(), "rec.dat": noise}
        made.append(Subject(f"WFDB format {fmt}", both, tuple(both), _recording, weight=0.6))
    return [*made, *_flac()]


def _recording(folder: Path) -> object:
    return _use_recording(folder / "rec")


def _annotated(folder: Path) -> object:
    return _use_annotator(folder / "rec")


def _flac() -> list[Subject]:
    signal = np.random.default_rng(0).integers(-900, 900, (SECONDS * 250, 2)).astype(np.int16)
    content = io.BytesIO()
    soundfile.write(content, signal, 250, format="FLAC", subtype="PCM_16")
    lines = [
        f"rec 2 250 {len(signal)}",
        *(f"rec.dat 516 200(0)/mV 12 0 0 0 0 {lead}" for lead in ("I", "II")),
    ]
    files = {"rec.hea": ("\n".join(lines) + "\n").encode(), "rec.dat": content.getvalue()}
    return [Subject("WFDB format 516 (FLAC)", files, tuple(files), _recording)]


def _segments(files: Files) -> Files:
    lines = files["rec.hea"].decode().splitlines()
    n_leads, fs_hz, n_samples = lines[0].split()[1:4]
    leads = [line.replace("rec.dat", "a.dat") for line in lines[1 : 1 + int(n_leads)]]
    part = "\n".join([f"a {n_leads} {fs_hz} {n_samples}", *leads]) + "\n"
    whole = f"rec/3 {n_leads} {fs_hz} {2 * int(n_samples) + 500}\na {n_samples}\n~ 500\na {n_samples}\n"
    return {"rec.hea": whole.encode(), "a.hea": part.encode(), "a.dat": files["rec.dat"]}


def _short_records(data: Path) -> list[Subject]:
    """Give whole records of LUDB (12 leads) and CinC 2017 (.mat files)."""
    ludb = renamed(data / "ludb" / "data" / "1", "rec", ("hea", "dat"))
    flat = next((data / "cinc2017").rglob("A00001.hea")).with_suffix("")
    cinc = renamed(flat, "rec", ("hea", "mat"))
    return [
        Subject("LUDB record", ludb, tuple(ludb), _recording, weight=2),
        Subject("CinC 2017 record (.mat)", cinc, tuple(cinc), _recording, weight=2),
    ]


def _formats(record: Path, work: Path) -> list[Subject]:
    """Write the recording as every kind of file that tests have a writer of."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "signals" / "formats"))
    import writers

    recording = read(record)
    fs_hz, leads = recording.fs_hz, recording.leads
    signal = np.nan_to_num(recording.stretch(stop=int(6 * fs_hz)).signal)
    made = []
    for name, kind in writers.KINDS.items():
        if name == "WFDB":
            continue
        n = min(kind.most_leads, signal.shape[1])
        file = work / f"made{kind.suffix}"
        kind.write(file, signal[:, :n], fs_hz, leads[:n])
        told = {"fs": fs_hz, "leads": list(leads[:n])}
        options = {key: told.get(key) if value is None else value for key, value in kind.options.items()}
        made.append(_of_file(name, f"made{kind.suffix}", file.read_bytes(), options))
    with zipfile.ZipFile(io.BytesIO((work / "made.npz").read_bytes())) as archive:
        inside = {part: archive.read(part) for part in archive.namelist()}
    packed = _of_file("NumPy archive, inside", "made.npz", b"", {})
    made.append(
        dataclasses.replace(
            packed, files=inside, damaged=tuple(inside), pack=lambda files: {"made.npz": zipped(files)}
        )
    )
    return made


def _of_file(name: str, file: str, content: bytes, options: dict[str, Any]) -> Subject:
    sure = name == "NumPy archive"
    return Subject(
        name,
        {file: content},
        (file,),
        lambda folder: _use_recording(folder / file, **options),
        sure=sure,
        weight=1.5,
    )


def excerpt(data: Path, work: Path) -> Path:
    """Cut the beginning of record 100 of mitdb, as its files are: format 212 and its annotations."""
    source = data / "mitdb" / "100"
    header = read_header(source)
    n_samples = int(SECONDS * header.fs_hz)
    lines = source.with_suffix(".hea").read_text().splitlines()
    lines[0] = f"100 2 360 {n_samples}"
    lines[1:3] = [" ".join([*line.split()[:6], "0", *line.split()[7:]]) for line in lines[1:3]]
    place = work / "real"
    place.mkdir()
    (place / "100.hea").write_text("\n".join(lines) + "\n")
    (place / "100.dat").write_bytes(source.with_suffix(".dat").read_bytes()[: n_samples * 3])
    marks = read_annotations(source, "atr", fs_hz=header.fs_hz)
    inside = marks.sample < n_samples
    part = {name: getattr(marks, name)[inside] for name in ("sample", "symbol", "subtype", "aux_note")}
    write_annotations(place / "100", "atr", dataclasses.replace(marks, **part))
    return place / "100"


def renamed(record: Path, name: str, suffixes: Sequence[str]) -> Files:
    """Read a record's files, named otherwise, in the header, too."""
    files = {f"{name}.{suffix}": record.with_suffix(f".{suffix}").read_bytes() for suffix in suffixes}
    header = files[f"{name}.hea"].decode()
    lines = header.splitlines()
    lines = [line.replace(f"{record.name}.", f"{name}.", 1) for line in lines]
    lines[0] = lines[0].replace(record.name, name, 1)
    return {**files, f"{name}.hea": ("\n".join(lines) + "\n").encode()}
