"""What is damaged beside recordings: databases, splits, the cache, checkpoints, run folders, options."""

import contextlib
import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
from subject import Files, Subject, zipped

from ecgrnn.data.cache import RecordSource, prepare_records
from ecgrnn.data.databases import open_database
from ecgrnn.data.databases.patients import resolve_patients
from ecgrnn.data.kept_arrays import keep, read_kept
from ecgrnn.data.splits.build import build_split
from ecgrnn.errors import EcgrnnError
from ecgrnn.models import checkpoint_path
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.signals.formats.paths import recordings_at


def stored_subjects(record: Path, simulated: Path, work: Path) -> list[Subject]:
    """Make subjects of a record, and of a simulated database of four."""
    return [*_databases(simulated), *_cache(record, work), *_checkpoints(), *_run_folder(), *_words()]


def _databases(simulated: Path) -> list[Subject]:
    names = [f"s{number:03d}" for number in range(1, 5)]
    headers = {f"{name}.hea": (simulated / f"{name}.hea").read_bytes() for name in names}
    split = {"train": names[:2], "validation": names[2:3], "test": names[3:], "patients": {"s001": "one man"}}
    text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in split.items()).encode()
    listed = {**headers, "RECORDS": "\n".join(names).encode() + b"\n"}
    n = 3
    ptbxl = _ptbxl(n)
    cinc = {f"A{number:05d}.hea": headers["s001.hea"] for number in range(1, 7)}
    cinc["REFERENCE-v3.csv"] = "".join(f"A{k:05d},{c}\n" for k, c in enumerate("NAO~NN", 1)).encode()
    signals = {f"{name}.dat": (simulated / f"{name}.dat").read_bytes()[:3000] for name in names}
    return [
        Subject("split file", {**headers, "split.yaml": text}, ("split.yaml",), _use_split, weight=6),
        Subject("list of records", listed, ("RECORDS", "s002.hea"), _use_folder, weight=3),
        Subject("tables of PTB-XL", ptbxl, tuple(name for name in ptbxl if name.endswith("csv")), _use_ptbxl),
        Subject("labels of CinC 2017", cinc, ("REFERENCE-v3.csv",), _use_cinc),
        Subject("folder of recordings", {**headers, **signals}, tuple(headers), _use_paths, weight=2),
    ]


def _ptbxl(n: int) -> Files:
    head = "ecg_id,patient_id,scp_codes,strat_fold,filename_lr\n"
    rows = [f"{k},{k}.0,\"{{'NORM': 100.0}}\",{k},records100/00000/0000{k}_lr\n" for k in range(1, n + 1)]
    header = b"x 1 100 1000\nx.dat 16 1000(0)/mV 16 0 0 0 0 I\n"
    statements = ",description,diagnostic,diagnostic_class\nNORM,normal,1.0,NORM\n"
    headers = {f"records100/00000/0000{k}_lr.hea": header for k in range(1, n + 1)}
    return {
        "ptbxl_database.csv": (head + "".join(rows)).encode(),
        "scp_statements.csv": statements.encode(),
        **headers,
    }


def corrections(record: Path) -> Subject:
    """Make answers about the families of beats of a record."""
    from ecgrnn.inference.annotate import annotate
    from ecgrnn.signals.formats import read

    result = annotate(read(record), models=["beats_tiny"])
    families = result.beat_families
    if families is None:
        raise ValueError("there are no families to correct")
    head = "record,positions,kind,family,sample,answer,by,at"
    origin, middle = f"{record.name},{families.positions}", families.columns["middle"].tolist()
    beat = int(families.evidence.sample[3])
    rows = [
        f"{origin},family,{at},{sample},V,Jo,2026-01-01T10:00:00Z" for at, sample in enumerate(middle[:3])
    ]
    text = "\n".join([head, *rows, f"{origin},beat,,{beat},noise,Jo,2026-01-01T10:00:00Z"]) + "\n"

    def use(folder: Path) -> object:
        """Correct the beats."""
        return dict(result.correct(folder / "corrections.csv").columns("beats"))

    return Subject(
        "corrections", {"corrections.csv": text.encode()}, ("corrections.csv",), use, weight=2, slow=True
    )


def _use_split(folder: Path) -> object:
    database = open_database("folder", folder)
    split = build_split(
        str(folder / "split.yaml"),
        database=database,
        counts={name: np.array([5, 5]) for name in database.records},
        validation_fraction=0.3,
        folds=3,
        fold=0,
        seed=0,
        records=database.records,
    )
    return dict(split.subsets), dict(split.patients)


def _use_folder(folder: Path) -> object:
    database = open_database("folder", folder)
    return database.records, resolve_patients(database.records, database.patients, {}), database.leads


def _use_ptbxl(folder: Path) -> object:
    database = open_database("ptbxl", folder)
    return database.records, dict(database.patients), dict(database.folds), database.strip_labels(folder)


def _use_cinc(folder: Path) -> object:
    database = open_database("cinc2017", folder)
    return database.records, database.strip_labels(folder)


def _use_paths(folder: Path) -> object:
    return [str(path.relative_to(folder)) for path in recordings_at(folder)]


def _cache(record: Path, work: Path) -> list[Subject]:
    """Prepare a record once; a damaged entry must be prepared again and give the same."""
    home = work / "prepared"
    home.mkdir()
    for suffix in ("hea", "dat", "atr"):
        shutil.copy2(record.with_suffix(f".{suffix}"), home / f"rec.{suffix}")
    text = (home / "rec.hea").read_text().replace(record.name, "rec")
    (home / "rec.hea").write_text(text)
    source = RecordSource("rec", home / "rec", "p", ("atr",))

    def prepared(folder: Path) -> object:
        """Open the record's entry below a folder, made anew where it is damaged."""
        (one,) = prepare_records(
            [source],
            PreprocessingConfig(n_leads=1, fs_hz=125.0, highpass_hz=0.5, lowpass_hz=40.0),
            cache=folder,
            workers=0,
            progress=lambda items, total: items,
        )
        marks = one.annotations("atr")
        signal = np.array(one.signal)
        return one.fs_hz, one.leads, one.fingerprint, signal, marks.sample, marks.symbol, marks.aux_note

    whole = work / "cache"
    prepared(whole)
    files = {
        str(path.relative_to(whole)): path.read_bytes() for path in sorted(whole.rglob("*")) if path.is_file()
    }
    kept = work / "kept.npz"
    keep(kept, {"rows": np.arange(600).reshape(-1, 3), "names": np.array(["a", "b"])}, key="k")
    return [
        Subject("cache entry", files, tuple(files), prepared, sure=True, weight=10),
        Subject(
            "kept arrays",
            {"kept.npz": kept.read_bytes()},
            ("kept.npz",),
            _use_kept,
            sure=True,
            weight=2,
        ),
    ]


def _use_kept(folder: Path) -> object:
    arrays = read_kept(folder / "kept.npz", key="k")
    if arrays is None:
        raise EcgrnnError("they are computed again")
    return dict(arrays)


def _checkpoints() -> list[Subject]:
    content = checkpoint_path("beats_tiny").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    weights = tuple(name for name in inside if "/data/" in name)
    facts = tuple(name for name in inside if name.endswith("data.pkl"))

    def pack(files: Files) -> Files:
        """Put the parts into an archive with right checksums."""
        return {"model.ckpt": zipped(files)}

    return [
        Subject(
            "checkpoint", {"model.ckpt": content}, ("model.ckpt",), _use_model, sure=True, weight=5, slow=True
        ),
        Subject(
            "checkpoint, weights", inside, weights, _use_model, sure=True, pack=pack, weight=2, slow=True
        ),
        Subject("checkpoint, facts", inside, facts, _use_model, pack=pack, weight=6, slow=True),
    ]


def _use_model(folder: Path) -> object:
    """Load a model."""
    from ecgrnn.inference.checkpoint import load_model

    model = load_model(folder / "model.ckpt")
    weights = {name: tensor.numpy() for name, tensor in model.network.state_dict().items()}
    return weights, repr(sorted(model.facts.items(), key=str))


def _run_folder() -> list[Subject]:
    config = b"run_dir: x\nresume: null\nseed: 0\ntask:\n  name: beats\ntrainer:\n  max_epochs: 3\n"
    files = {
        "overrides.yaml": b"- task=beats\n- trainer.max_epochs=3\n- data.split='a b'\n",
        "config.yaml": config,
        "summary.json": b'{"seconds": {"prepare": 1.0, "train": 2.5}, "n": [1, 2]}\n',
        "csv/metrics.csv": b"epoch,step,train/loss\n0,10,0.5\n1,20,0.25\n",
        "checkpoints/best.ckpt": b"",
    }
    damaged = tuple(name for name in files if name != "checkpoints/best.ckpt")
    return [Subject("run folder", files, damaged, _use_run, weight=3, slow=True)]


def _use_run(folder: Path) -> object:
    from ecgrnn.training import run_folder
    from ecgrnn.training.course import training_curves, training_seconds

    words = run_folder.resumed_words([f"resume={folder}"], {})
    now = {"seed": 0, "task": {"name": "beats"}, "trainer": {"max_epochs": 3}, "run_dir": "x", "resume": None}
    run_folder.check_resumed(folder, now)
    checkpoint = folder / "checkpoints" / "best.ckpt"
    return len(words), training_curves(checkpoint), training_seconds(checkpoint)


def _words() -> list[Subject]:
    """Options as they are typed, one a line."""
    typed = [
        *(
            "task=beats",
            "data=synthetic",
            "data.n_patients=4",
            "data.split='a b'",
            "network.encoder.cell=gru",
        ),
        *("optimizer.learning_rate=1e-3", "preprocessing.leads=[I,II]", "trainer.max_epochs=3", "seed=1"),
    ]
    files = {"words": "\n".join(typed).encode()}
    return [Subject("options", files, ("words",), _use_words, weight=0.3, slow=True)]


def _use_words(folder: Path) -> object:
    """Compose the options of a training, without beginning one."""
    from ecgrnn.cli import main as command_line

    content = (folder / "words").read_bytes()[:20_000].decode("utf-8", "surrogateescape")
    words = [line for line in content.split("\n") if line][:30]
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        status = command_line(["train", *words, "--cfg=job"])
    if status == 2:
        raise EcgrnnError(said.getvalue().strip())
    if status:
        raise AssertionError(f"exit status {status}: {said.getvalue()}")
    return out.getvalue()
