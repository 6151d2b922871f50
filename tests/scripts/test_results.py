import json
import os
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from ecgrnn.models import shipped

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def results(monkeypatch):
    """Import the script as Python does that runs it."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    yield import_module("results")
    for name in ("results", "result_tables", "folds", "trainings"):
        sys.modules.pop(name, None)


def test_every_table_of_readme_and_docs_has_the_figures_of_the_stored_results(results):
    assert results.write(check=True) == [], "run python scripts/results.py write"


def test_a_figure_changed_by_hand_is_found(results):
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    for table in re.findall(r"<!-- table .*?<!-- end of table -->", text, flags=re.DOTALL):
        figure = re.search(r"\d+\.\d", table)[0]
        forged = text.replace(table, table.replace(figure, "99.5", 1))
        assert results.rendered(forged, readme) == text != forged


def test_readme_has_no_result_outside_its_tables():
    text = re.sub(
        r"<!-- table .*?<!-- end of table -->", "", (ROOT / "README.md").read_text(), flags=re.DOTALL
    )
    assert re.findall(r"\d+\.\d+ (?:%|±)|± \d", text) == []


def test_readme_and_methods_name_every_model_and_every_stored_result(results):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    methods = (ROOT / "docs" / "science" / "methods.md").read_text(encoding="utf-8")
    for model in shipped():
        assert f"| [`{model.name}`]" in readme
    for path in results.FOLDER.glob("*.json"):
        assert f"[{path.stem}](../results/{path.name})" in methods


def test_an_unknown_table_is_refused(results):
    with pytest.raises(SystemExit, match=r"no table 'figures'; known are classes"):
        results.rendered("<!-- table figures -->\n<!-- end of table -->", ROOT / "README.md")


CONFUSION = [[8, 2, 0], [0, 4, 0], [0, 0, 6]]


def finished(run, *, confusion=CONFUSION, seed=0, options=("experiment=mitdb_beats",)):
    """Leave what a training of beats leaves: S at detected beats is nowhere in the reference."""
    names = ("N", "S", "V")
    ratios = {
        f"{kind}_{ratio}": {"percent": 50.0}
        for kind in ("qrs", "veb")
        for ratio in ("sensitivity", "positive_predictivity")
    }
    nothing = {f"sveb_{ratio}": {"percent": None} for ratio in ("sensitivity", "positive_predictivity")}
    summary = {
        "scheme": "aami",
        "classes": {name: {} for name in names},
        "confusion_matrix": confusion,
        "ec57": {"aami": {"statistics": ratios | nothing}},
        "intervals": {"N_f1": {"bca": [0.5, 0.9]}, "S_f1": {"bca": None}, "V_f1": {"bca": None}},
        "model": {"parameters": 7},
        "versions": {"ecgrnn": "0.1.0"},
    }
    run.mkdir(parents=True)
    (run / "summary.json").write_text(json.dumps(summary))
    (run / "overrides.yaml").write_text(yaml.safe_dump([*options, f"seed={seed}", f"run_dir={run}"]))
    os.utime(run / "summary.json", (86400, 86400))


SAID = {"title": "a recipe", "command": "a command"}


def test_figures_of_seeds_are_gathered_and_gathered_again(results, tmp_path, monkeypatch):
    finished(tmp_path / "runs" / "seed-0")
    finished(tmp_path / "runs" / "seed-1", seed=1, confusion=[[10, 0, 0], [0, 4, 0], [0, 0, 6]])
    monkeypatch.setattr(sys.modules["result_tables"], "FOLDER", tmp_path)
    results.gather("beats", tmp_path / "runs", commit="abc", said=SAID, folder=tmp_path)
    said = results.gather("beats", tmp_path / "runs", commit="def", folder=tmp_path)
    assert said.endswith("beats.json: 2 seeds")
    facts = json.loads((tmp_path / "beats.json").read_text())
    assert {key: facts[key] for key in ("title", "command", "commit", "date", "options")} == {
        **SAID,
        "commit": "def",
        "date": "1970-01-02",
        "options": ["experiment=mitdb_beats"],
    }
    rows = results.TABLES["classes"](["beats"], "").splitlines()
    assert "| N | 90.0 ± 14.1 | 100.0 ± 0.0 | 94.4 ± 7.9 | 50.0 to 90.0 |" in rows
    assert "| V, detected beats | 50.0 ± 0.0 | 50.0 ± 0.0 |  |  |" in rows
    assert not [row for row in rows if row.startswith("| S, detected")]


def test_beats_of_several_folds_are_counted_together(results, tmp_path):
    finished(tmp_path / "seed-0-fold-0")
    finished(tmp_path / "seed-0-fold-1", confusion=[[0, 0, 0], [6, 0, 0], [0, 0, 0]])
    results.gather("cv", tmp_path, commit="abc", said=SAID, folder=tmp_path)
    (run,) = json.loads((tmp_path / "cv.json").read_text())["runs"].values()
    assert run["figures"]["S sensitivity"] == 0.4
    assert "intervals" not in run


def test_what_cannot_be_gathered_is_refused(results, tmp_path):
    with pytest.raises(SystemExit, match="expected finished runs"):
        results.gather("beats", tmp_path, commit="abc", said=SAID, folder=tmp_path)
    finished(tmp_path / "seed-0")
    with pytest.raises(SystemExit, match="is new: give --title and --command"):
        results.gather("beats", tmp_path, commit="abc", folder=tmp_path)
    finished(tmp_path / "seed-1", options=("experiment=mitdb_beats_tiny",))
    with pytest.raises(SystemExit, match="expected runs with the same options"):
        results.gather("beats", tmp_path, commit="abc", said=SAID, folder=tmp_path)
    assert not (tmp_path / "beats.json").exists()
