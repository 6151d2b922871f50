"""The source runs no text as code, opens no shell, and unpickles nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "ecgrnn").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")])
RUNS_TEXT = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput"}
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
LOADERS = {"yaml.BaseLoader", "yaml.CBaseLoader", "yaml.SafeLoader", "_LOADER"}


def faults(tree: ast.AST) -> Iterator[str]:
    """Name what in a source file could run what a file says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            yield from (f"import {name}" for name in names if name.split(".")[0] in PICKLES)
        elif isinstance(node, ast.Call):
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            called = ast.unparse(node.func)
            if called in RUNS_TEXT:
                yield called
            if given.get("shell", "False") != "False":
                yield "shell"
            if given.get("allow_pickle", "False") != "False" or (
                called == "np.load" and "allow_pickle" not in given
            ):
                yield "np.load"
            if called.endswith("torch.load") and given.get("weights_only") != "True":
                yield "torch.load"
            if called in {"yaml.load", "yaml.parse"} and given.get("Loader") not in LOADERS:
                yield called
            if called in {"yaml.unsafe_load", "yaml.full_load", "pd.read_pickle"}:
                yield called


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_file_runs_what_a_file_says(path):
    assert not list(faults(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    "text",
    [
        "eval(x)",
        "exec(x)",
        "os.system(x)",
        "subprocess.run(x, shell=True)",
        "import pickle",
        "from pickle import loads",
        "np.load(x)",
        "np.load(x, allow_pickle=True)",
        "torch.load(x)",
        "torch.load(x, weights_only=False)",
        "yaml.load(x, Loader=yaml.Loader)",
        "yaml.unsafe_load(x)",
    ],
)
def test_the_test_itself_finds_each_way(text):
    assert len(list(faults(ast.parse(text)))) == 1
