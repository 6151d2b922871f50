"""What a Python user may import from ``ecgrnn`` and rely on."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ecgrnn
from ecgrnn.signals.annotations import read_annotations

ROOT = Path(__file__).resolve().parent.parent
NAMES = [name for name in ecgrnn.__all__ if name != "__version__"]
FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(ecgrnn, name))]
CLASSES = [name for name in NAMES if inspect.isclass(getattr(ecgrnn, name))]


def in_new_process(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return done.stdout.strip()


def test_each_public_name_is_a_function_or_a_class_with_a_docstring():
    assert sorted([*FUNCTIONS, *CLASSES]) == sorted(NAMES)
    for name in NAMES:
        assert inspect.getdoc(vars(ecgrnn)[name]), name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_says_what_it_takes_and_which_errors_it_raises(name):
    function = getattr(ecgrnn, name)
    said = inspect.getdoc(function)
    if name == "main":
        assert "exit status" in said  # it raises nothing: errors are told, and the status says so
        return
    assert "Raises:\n" in said
    if name == "recurrence":
        said += inspect.getdoc(ecgrnn.Recurrence)
    for parameter in inspect.signature(function).parameters:
        assert re.search(rf"\b{parameter}\b", said), f"{name} does not explain {parameter}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_number_that_a_public_function_takes_has_its_unit_in_its_name(name):
    for parameter in inspect.signature(getattr(ecgrnn, name)).parameters.values():
        if parameter.annotation in (float, float | None):
            assert parameter.name.endswith(("_hz", "_s", "_mv")) or parameter.name in {"dropout", "fs"}, (
                parameter
            )


@pytest.mark.parametrize("name", CLASSES)
def test_a_public_class_says_what_it_holds_or_takes(name):
    kind = getattr(ecgrnn, name)
    if not issubclass(kind, Exception):
        assert re.search(r"^(Attributes|Args):$", inspect.getdoc(kind), flags=re.MULTILINE)


def test_the_package_is_imported_without_torch_and_so_is_what_needs_none():
    heavy = "torch", "pandas", "pytorch_lightning", "hydra", "matplotlib", "scipy", "numpy"
    loaded = f"print([name for name in {heavy} if name in sys.modules])"
    assert in_new_process(f"import sys, ecgrnn; dir(ecgrnn); {loaded}") == "[]"
    script = f"import sys; from ecgrnn import read, Recording, read_record, detect_qrs; {loaded}"
    assert in_new_process(script) == "['scipy', 'numpy']"


def test_the_package_is_imported_at_once():
    script = "import time; begun = time.perf_counter(); import ecgrnn; print(time.perf_counter() - begun)"
    assert min(float(in_new_process(script)) for _ in range(3)) < 0.05


def test_every_name_comes_by_a_star_and_a_wrong_one_is_an_error():
    script = "from ecgrnn import *; import ecgrnn; print(set(ecgrnn.__all__) <= set(globals()))"
    assert in_new_process(script) == "True"
    assert set(ecgrnn.__all__) <= set(dir(ecgrnn))
    with pytest.raises(AttributeError, match="read_records"):
        ecgrnn.read_records  # noqa: B018 - reading it is the test


def test_a_type_checker_sees_the_names_that_are_there_at_run_time():
    tree = ast.parse((ROOT / "ecgrnn" / "__init__.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0]
    typed = {alias.name: node.module for node in imports for alias in node.names}
    del typed["import_module"]
    assert typed == ecgrnn._MODULE_OF
    assert {*typed, "__version__"} == set(ecgrnn.__all__)


def test_the_lines_of_the_docs_find_beats_and_score_them(tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs" / "howto" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (lines,) = [block for block in blocks if "score_records" in block]
    ecgrnn.write_record(ecgrnn.simulate_record(1, seed=0, duration_s=60.0), tmp_path)
    for file in tmp_path.glob("s001.*"):
        file.rename(file.with_stem("rec"))
    header = tmp_path / "rec.hea"
    header.write_text(header.read_text().replace("s001", "rec"))
    monkeypatch.chdir(tmp_path)
    exec(lines, {})
    assert "Gross" in capsys.readouterr().out
    assert len(read_annotations(tmp_path / "rec", "qrs", fs_hz=360.0).sample) > 40
