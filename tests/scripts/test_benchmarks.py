import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def load(script: Path, monkeypatch):
    """Import a script as Python does that runs it: with its own folder in the path."""
    monkeypatch.syspath_prepend(str(script.parent))
    spec = importlib.util.spec_from_file_location(f"script_{script.stem}", script)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", sorted(SCRIPTS.rglob("*.py")), ids=lambda path: path.stem)
def test_every_script_finds_what_it_imports(script, monkeypatch):
    if script.parent.name == "documentation":
        pytest.importorskip(
            "jupytext", reason="needs the extra docs: pip install -c constraints.txt '.[docs]'"
        )
    assert load(script, monkeypatch).__doc__


def test_every_benchmark_is_in_the_list_with_its_command():
    page = (SCRIPTS / "benchmarks" / "README.md").read_text()
    for script in (SCRIPTS / "benchmarks").glob("*.py"):
        if script.stem != "timing":
            assert f"| `{script.name}` |" in page
            assert f"python scripts/benchmarks/{script.name}" in page


def test_recurrent_layers_are_timed_against_the_lstm_of_as_many_steps(tmp_path, monkeypatch, capsys):
    module = load(SCRIPTS / "benchmarks" / "recurrence.py", monkeypatch)
    words = ["--steps", "6", "20", "--rounds", "1", "--hidden", "4", "--written-out-to", "6"]
    monkeypatch.setattr(sys, "argv", ["recurrence.py", *words, "--out", str(tmp_path / "out.json")])
    module.main()
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert [row["layer"] for row in rows if row["steps"] == 20] == [
        "lstm", "gru", "rnn_tanh", "min_gru", "min_lstm", "gru, torch's"
    ]  # fmt: skip
    assert [row["times_lstm"] for row in rows if row["layer"] == "lstm"] == [1.0, 1.0]
    assert sum("written out" in row["layer"] for row in rows) == 2
    assert "us_a_step" in capsys.readouterr().out
