import csv
import json
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import numpy as np
import pytest
import wfdb

from ecgrnn.cli import main
from ecgrnn.data.datamodule import EcgDataModule
from ecgrnn.data.splits.audit import audit_subsets
from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import Subset
from ecgrnn.options.data import DataConfig, LoaderConfig, PreprocessingConfig
from ecgrnn.reports.paper import strip_svg
from ecgrnn.signals.formats.wfdb.writer import write_digital
from ecgrnn.tasks.strips import rhythm_report, superclass_report
from ecgrnn.tasks.strips.schemes import RHYTHM_SCHEME
from ecgrnn.tasks.strips.view import StripView

RHYTHMS = "NNAAOONNAAOONNAAOOAO"
SUPERCLASSES = ("NORM", "IMI", "LVH")
TINY = [
    "network.encoder.convolutions.channels=[4,4]",
    "network.encoder.convolutions.strides=[10,4]",
    "network.encoder.hidden_size=4",
    "network.head_size=4",
    "loader.batch_size=8",
    "logger.tensorboard=false",
    "trainer.max_epochs=1",
    "trainer.enable_progress_bar=false",
]


def beating(rng, *, duration_s, fs_hz, irregular):
    """Give a lead of narrow spikes in digital units, 1000 a mV."""
    steps = 0.8 * (1 + irregular * rng.uniform(-0.4, 0.4, size=40))
    beats = np.cumsum(steps)
    time = np.arange(round(duration_s * fs_hz)) / fs_hz
    spikes = np.exp(-0.5 * ((time[:, None] - beats) / 0.02) ** 2).sum(axis=1)
    return np.round(1000 * spikes + rng.normal(0, 10, size=len(time))).astype(np.int16)


def write_mat(folder: Path, name: str, samples: np.ndarray) -> None:
    """Write a record as the challenge did: MATLAB version 4, a header of 24 bytes and 16-bit samples."""
    head = np.array([30, 1, len(samples), 0, 4], "<i4").tobytes() + b"val\0"
    (folder / f"{name}.mat").write_bytes(head + samples.astype("<i2").tobytes())
    header = f"{name} 1 300 {len(samples)}\n{name}.mat 16+24 1000/mV 16 0 -127 0 0 ECG\n"
    (folder / f"{name}.hea").write_text(header)


@pytest.fixture(scope="module")
def challenge(tmp_path_factory) -> list[str]:
    """Give the options for twenty strips of 9 to 12 s, laid out as the challenge's."""
    root = tmp_path_factory.mktemp("challenge")
    folder = root / "cinc2017"
    folder.mkdir()
    rng = np.random.default_rng(0)
    names = [f"A{number:05d}" for number in range(1, len(RHYTHMS) + 1)]
    for name, rhythm in zip(names, RHYTHMS, strict=True):
        write_mat(
            folder,
            name,
            beating(rng, duration_s=rng.uniform(9, 12), fs_hz=300.0, irregular=rhythm == "A"),
        )
    lines = [f"{name},{rhythm}\n" for name, rhythm in zip(names, RHYTHMS, strict=True)]
    (folder / "REFERENCE-v3.csv").write_text("".join(lines))
    return ["data=cinc2017", f"data.root={root}", f"data.cache={root / 'cache'}", "data.workers=0"]


@pytest.mark.parametrize("seed", [2, 4])
def test_a_recording_under_two_names_is_in_one_subset_where_records_are_in_folders(tmp_path, seed):
    names = ["A00227", "A01176", "A02656", "A03123", *(f"A{number:05d}" for number in range(1, 9))]
    rng = np.random.default_rng(0)
    drawn = [beating(rng, duration_s=9, fs_hz=300.0, irregular=False) for _ in names]
    drawn[1], drawn[3] = drawn[0], drawn[2]
    for name, samples in zip(names, drawn, strict=True):
        folder = tmp_path / "cinc2017" / "training" / name[:3]
        folder.mkdir(parents=True, exist_ok=True)
        write_mat(folder, name, samples)
    table = "".join(f"{name},{'NA'[k % 2]}\n" for k, name in enumerate(sorted(names)))
    (tmp_path / "cinc2017" / "REFERENCE-v3.csv").write_text(table)
    data = {"database": "cinc2017", "root": str(tmp_path), "cache": str(tmp_path / "cache"), "workers": 0}
    view = StripView(RHYTHM_SCHEME, strip_features=False, several=False, in_memory_mb=1.0)
    module = EcgDataModule(
        DataConfig(**data, split="holdout", split_seed=seed),
        PreprocessingConfig(n_leads=1),
        loader=LoaderConfig(),
        view=view,
        seed=0,
    )
    module.setup()
    subsets = {subset.value: module.records(subset) for subset in Subset}
    audit_subsets(module.split, subsets, view=view, counts={}).require()
    patient_of = {PurePosixPath(r.name).name: r.patient for records in subsets.values() for r in records}
    assert patient_of["A00227"] == patient_of["A01176"]
    assert patient_of["A02656"] == patient_of["A03123"]
    assert len(set(patient_of.values())) == len(names) - 2


@pytest.fixture(scope="module")
def rhythm_run(challenge, command_line, tmp_path_factory) -> Path:
    run_dir = tmp_path_factory.mktemp("rhythm") / "run"
    words = ["task=rhythm", "test_checkpoint=last", "optimizer=averaged", "trainer.precision=bf16-mixed"]
    assert command_line("train", *challenge, *TINY, *words, f"run_dir={run_dir}") == 0
    return run_dir


@pytest.fixture(scope="module")
def superclass_run(command_line, tmp_path_factory) -> Path:
    """Give the run of a network trained on twelve records laid out as PTB-XL's."""
    root = tmp_path_factory.mktemp("ptbxl")
    folder = root / "ptbxl"
    (folder / "records100" / "00000").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = ["ecg_id,patient_id,scp_codes,strat_fold,filename_lr,filename_hr"]
    leads = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
    for number in range(1, 13):
        name = f"records100/00000/{number:05d}_lr"
        lead = beating(rng, duration_s=10.0, fs_hz=100.0, irregular=False)
        digital = np.outer(lead, rng.uniform(0.2, 1, size=12)).astype(np.int16)
        write_digital(folder / name, digital, fmt="16", fs_hz=100.0, leads=leads, gain_per_mv=1000.0)
        codes = f"\"{{'{SUPERCLASSES[number % 3]}': 100.0, 'SR': 0.0}}\""
        rows.append(f"{number},{number}.0,{codes},{max(1, number - 2)},{name},none")
    (folder / "ptbxl_database.csv").write_text("\n".join(rows) + "\n")
    (folder / "scp_statements.csv").write_text(",diagnostic_class\nNORM,NORM\nIMI,MI\nLVH,HYP\nSR,\n")
    run_dir = root / "run"
    data = ["data=ptbxl", f"data.root={root}", f"data.cache={root / 'cache'}", "data.workers=0"]
    assert command_line("train", *data, "task=superclass", *TINY, f"run_dir={run_dir}") == 0
    return run_dir


def summary_of(run_dir: Path) -> dict:
    return json.loads((run_dir / "summary.json").read_text())


def rows_of(path: Path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_rhythm_classifier_is_judged_on_the_fold_it_never_saw(rhythm_run):
    summary = summary_of(rhythm_run)
    rows = rows_of(rhythm_run / "records.csv")
    held_out = {"A00001", "A00006", "A00015", "A00017", "A00019", "A00020"}  # fold 0 of the file
    assert {row["record"] for row in rows} == held_out
    assert list(summary["classes"]) == ["N", "A", "O", "~"]
    f1 = [summary["classes"][name]["f1"] for name in "NAO"]
    assert summary["macro_f1"] == pytest.approx(sum(f1) / 3)
    assert "mean F1 (N A O)" in (rhythm_run / "report.html").read_text()


def results_of(classes, *, label, spoil):
    """Give what a report asks of results: two strips whose record has a hostile name."""
    return SimpleNamespace(
        classes=classes,
        probabilities=np.eye(2, len(classes)),
        dataset=SimpleNamespace(label=label),
        records=[SimpleNamespace(name=spoil("A00001"))] * 2,
        held_out=SimpleNamespace(title=spoil("title")),
    )


def test_text_of_records_cannot_become_markup_in_the_reports(
    rhythm_run, superclass_run, spoil, assert_escaped, monkeypatch
):
    signal = np.zeros((100, 1), np.float32)
    strip = strip_svg(signal, fs_hz=100.0, leads=[spoil("II")], start_s=0.0)
    monkeypatch.setattr(rhythm_report, "draw_strip", lambda results, row: strip)
    monkeypatch.setattr(superclass_report, "draw_strip", lambda results, row: strip)
    rhythms = results_of(spoil(["N", "A"]), label=np.array([0, 0]), spoil=spoil)
    shown = [rhythm_report.Shown("mistake", 1), rhythm_report.Shown("hit", 0)]
    page = rhythm_report.rhythm_report(spoil(summary_of(rhythm_run)), rhythms, shown)
    assert_escaped(page)
    labels = np.array([[0, 1], [0, 1]])
    classes = results_of(spoil(["NORM", "MI"]), label=labels, spoil=spoil)
    page = superclass_report.superclass_report(spoil(summary_of(superclass_run)), classes)
    assert page.count(", false positive") == page.count(", missed") == 1
    assert_escaped(page)


def test_evaluating_a_rhythm_classifier_gives_the_figures_of_its_training(rhythm_run, challenge, tmp_path):
    checkpoint = rhythm_run / "checkpoints" / "last.ckpt"
    words = [f"checkpoint={checkpoint}", f"run_dir={tmp_path / 'again'}", *challenge[1:]]
    assert main(["evaluate", *words]) == 0
    again, before = summary_of(tmp_path / "again"), summary_of(rhythm_run)
    assert again["confusion_matrix"] == before["confusion_matrix"]


def test_predict_names_the_rhythm_of_a_strip(rhythm_run, challenge, tmp_path, capsys):
    checkpoint = rhythm_run / "checkpoints" / "last.ckpt"
    folder = Path(challenge[1].split("=")[1]) / "cinc2017"
    words = [f"checkpoint={checkpoint}", f"record={folder / 'A00015'}", f"run_dir={tmp_path}"]
    assert main(["predict", *words]) == 0
    (row,) = rows_of(tmp_path / "A00015.csv")
    assert sum(float(row[f"p_{name}"]) for name in "NAO~") == pytest.approx(1, abs=1e-5)
    (scored,) = (r for r in rows_of(rhythm_run / "records.csv") if r["record"] == "A00015")
    assert float(row["p_A"]) == pytest.approx(float(scored["p_A"]), abs=1e-4)
    written = wfdb.rdann(str(tmp_path / "A00015"), "ecg")
    assert written.symbol == ["+"]
    assert written.aux_note[0] in {"(N", "(AFIB", "(OTHER", "(NOISE"}
    assert f"called         {row['class']}" in capsys.readouterr().out


def test_superclasses_are_judged_by_the_area_under_each_curve(superclass_run, tmp_path, capsys):
    summary = summary_of(superclass_run)
    assert summary["records"] == 1  # strat_fold 10
    assert list(summary["classes"]) == ["NORM", "MI", "STTC", "CD", "HYP"]
    record = superclass_run.parent / "ptbxl" / "records100" / "00000" / "00003_lr"
    checkpoint = superclass_run / "checkpoints" / "best.ckpt"
    assert main(["predict", f"checkpoint={checkpoint}", f"record={record}", f"run_dir={tmp_path}"]) == 0
    (row,) = rows_of(tmp_path / "00003_lr.csv")
    called = [name for name in summary["classes"] if float(row[f"p_{name}"]) >= 0.5]
    assert row["class"].split() == called


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda folder: (folder / "REFERENCE-v3.csv").unlink(), "REFERENCE-v3.csv"),
        (lambda folder: (folder / "REFERENCE-v3.csv").write_text("A00001,X\n"), "got ['A00001', 'X']"),
        (lambda folder: (folder / "A00001.mat").write_bytes(b"val"), "A00001"),
        (lambda folder: (folder / "A00001.mat").unlink(), "A00001.mat"),
    ],
)
def test_a_damaged_challenge_is_named_in_one_line(spoil, named, tmp_path, capsys):
    folder = tmp_path / "cinc2017"
    folder.mkdir()
    write_mat(folder, "A00001", np.zeros(3000, np.int16))
    (folder / "REFERENCE-v3.csv").write_text("A00001,N\n")
    spoil(folder)
    words = ["data=cinc2017", f"data.root={tmp_path}", f"data.cache={tmp_path / 'cache'}", "data.workers=0"]
    assert main(["train", *words, "task=rhythm", f"run_dir={tmp_path / 'run'}"]) == 2
    said = capsys.readouterr().err.replace("\r", "\n").splitlines()
    assert named in said[-1]
    assert "Traceback" not in "".join(said)


def test_records_without_labels_are_refused():
    view = StripView(scheme=RHYTHM_SCHEME, strip_features=False, several=False, in_memory_mb=0.0)
    with pytest.raises(ConfigError, match="data=cinc2017"):
        view.counts([SimpleNamespace(name="100", labels=())])
