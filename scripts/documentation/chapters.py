"""Chapters of the course: notebooks as text (docs/course/*.py), run and turned into pages."""

import hashlib
import os
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import jupytext
import nbformat
from latex2mathml.converter import convert
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent.parent
COURSE = ROOT / "docs" / "course"
KEPT = ROOT / ".cache" / "course"
LONGEST_S = 600
"""A cell is stopped after this time. A chapter takes less than a minute on idle cores."""


def chapter_files() -> list[Path]:
    """List the notebooks, in the order in which they are read."""
    return sorted(COURSE.glob("[0-9][0-9]_*.py"))


def environment() -> dict[str, str]:
    """Give the variables that chapters run with: this checkout's package, and one thread."""
    return {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"} | os.environ | {"PYTHONPATH": str(ROOT)}


def executed(chapter: Path) -> NotebookNode:
    """Run a chapter, or take its last run where neither it, its data, the package nor torch has changed."""
    kept = KEPT / f"{chapter.stem}-{_key(chapter)}.ipynb"
    if kept.is_file():
        return nbformat.read(kept, as_version=4)
    notebook = jupytext.read(chapter)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = NotebookNode(kernelspec=NotebookNode(kernel))
    place = {"metadata": {"path": str(chapter.parent)}}
    NotebookClient(notebook, timeout=LONGEST_S, resources=place).execute(env=environment())
    for old in KEPT.glob(f"{chapter.stem}-*.ipynb"):
        old.unlink()
    KEPT.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, kept)
    return notebook


def markdown(notebook: NotebookNode) -> str:
    """Write an executed notebook as a page: code, what it printed and drew; solutions are folded away."""
    return "\n\n".join(part for cell in notebook.cells for part in _cell(cell)) + "\n"


def with_formulas(text: str) -> str:
    """Set TeX between dollars as MathML, which browsers draw without a script.

    >>> with_formulas("no more than `$HOME`"), with_formulas("$x$")[:5]
    ('no more than `$HOME`', '<span')
    """
    pieces = re.split(r"(```.*?```|`[^`\n]*`)", text, flags=re.DOTALL)  # every second one is code
    for k in range(0, len(pieces), 2):
        pieces[k] = re.sub(
            r"\$\$(.+?)\$\$", lambda found: _mathml(found[1], "block"), pieces[k], flags=re.DOTALL
        )
        pieces[k] = re.sub(r"\$([^$\n]+)\$", lambda found: _mathml(found[1], "inline"), pieces[k])
    return "".join(pieces)


def _mathml(tex: str, display: str) -> str:
    mathml = convert(tex.strip(), display=display).replace("*", "&#42;").replace("_", "&#95;")
    # Markdown takes a line that begins with math for a block of its own
    return mathml if display == "block" else f"<span>{mathml}</span>"


def _key(chapter: Path) -> str:
    """Hash everything that the outputs of a chapter depend on."""
    files = [chapter, COURSE / "figures.py", *COURSE.glob("data/*"), *(ROOT / "ecgrnn").rglob("*.py")]
    content = hashlib.sha256()
    for file in sorted(files):
        content.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    for package in ("torch", "numpy", "scipy"):
        content.update(version(package).encode())
    return content.hexdigest()[:16]


def _cell(cell: NotebookNode) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield with_formulas(cell.source)
        return
    solution = "solution" in cell.metadata.get("tags", [])
    if solution:
        yield '<details class="solution" markdown="1"><summary>Solution</summary>'
    yield f"```python\n{cell.source}\n```"
    for output in cell.outputs:
        yield _output(output)
    if solution:
        yield "</details>"


def _output(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return f'```text title="Output"\n{output.text.rstrip()}\n```'
    data = output.data
    if "text/html" in data:  # without a blank line, Markdown leaves HTML as it is
        return "\n".join(line for line in data["text/html"].splitlines() if line.strip())
    if "text/markdown" in data:
        return data["text/markdown"]
    return f'```text title="Output"\n{data["text/plain"].rstrip()}\n```'
