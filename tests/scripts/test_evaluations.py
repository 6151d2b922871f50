import importlib.util
import json
from pathlib import Path

import pytest
import yaml

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "evaluations.py"
spec = importlib.util.spec_from_file_location("evaluations", SCRIPT)
assert spec is not None
assert spec.loader is not None
evaluations = importlib.util.module_from_spec(spec)
spec.loader.exec_module(evaluations)


def write(run: Path, *, checkpoint: str, database: str, v_f1: float | None, leads: list[str] | None) -> None:
    run.mkdir()
    names = [f"{kind}_{ratio}" for kind in ("qrs", "sveb", "veb") for ratio in evaluations.RATIOS]
    statistics = {name: {"hits": 9, "total": 10, "percent": 90.0} for name in names}
    if v_f1 is None:  # no V beat, and one false alarm
        statistics["veb_sensitivity"] = {"hits": 0, "total": 0, "percent": None}
        statistics["veb_positive_predictivity"] = {"hits": 0, "total": 1, "percent": 0.0}
    summary = {
        "database": database,
        "split": "all",
        "scheme": "aami",
        "records": 2,
        "beats": 100,
        "classes": {"N": {"f1": 0.987}, "S": {"f1": 0.5}, "V": {"f1": v_f1}},
        "ec57": {"aami": {"statistics": statistics}},
    }
    (run / "summary.json").write_text(json.dumps(summary))
    (run / "config.yaml").write_text(yaml.safe_dump({"checkpoint": checkpoint, "leads": leads}))


def test_evaluations_are_joined_checkpoint_by_database(tmp_path, monkeypatch, capsys):
    write(tmp_path / "1", checkpoint="b.ckpt", database="svdb", v_f1=0.9, leads=None)
    write(tmp_path / "2", checkpoint="a.ckpt", database="svdb", v_f1=0.8, leads=["1"])
    write(tmp_path / "3", checkpoint="a.ckpt", database="afdb", v_f1=None, leads=None)
    runs = [str(tmp_path / name) for name in "123"]
    monkeypatch.setattr("sys.argv", ["evaluations.py", *runs, "--csv", str(tmp_path / "t.csv")])
    evaluations.main()
    rows = capsys.readouterr().out.splitlines()
    assert (
        rows[2]
        == "| a.ckpt | afdb | all | all | 2 | 100 | 98.7 | 50.0 | - | 90.0 | 90.0 | 90.0 | 90.0 | - | - |"
    )
    assert [row.split(" | ")[:2] for row in rows[3:]] == [["| a.ckpt", "svdb"], ["| b.ckpt", "svdb"]]
    assert " | 1 | " in rows[3]
    assert (
        (tmp_path / "t.csv").read_text().splitlines()[1].startswith("a.ckpt,afdb,all,all,2,100,98.7,50.0,-")
    )


def test_a_folder_without_an_evaluation_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["evaluations.py", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"expected summary\.json and config\.yaml"):
        evaluations.main()
