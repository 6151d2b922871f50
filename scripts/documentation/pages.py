"""Lays out what the site is built from: docs/, chapters that were run, files from outside docs/."""

import re
import shutil
from pathlib import Path

import nbformat
from documentation.chapters import COURSE, ROOT, chapter_files, executed, markdown

import ecgrnn
from ecgrnn.models import CARD, shipped

FROM_OUTSIDE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "scripts/benchmarks/README.md": "benchmarks.md",
    **{f"ecgrnn/models/{model.name}/{CARD}": f"models/{model.name}.md" for model in shipped()},
}
"""Files of the repository to pages of the site."""

GROUPS = {
    "inference": "Models and what they find",
    "tasks": "Models and what they find",
    "signals": "Recordings, signals and annotations",
    "options": "Options",
    "nn": "Recurrent layers",
    "metrics": "Scores",
    "simulator": "Simulated recordings",
    "errors": "Errors",
    "cli": "The command line from Python",
}
"""First package of a public name's module to the section of the reference in which it stands."""


def lay_out(folder: Path) -> None:
    """Write everything that the site is built from into an empty folder."""
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("__pycache__", "[0-9][0-9]_*.py"))
    for source, page in FROM_OUTSIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        (folder / page).parent.mkdir(exist_ok=True)
        (folder / page).write_text(from_docs(text), encoding="utf-8")
    (folder / "reference" / "python.md").write_text(python_page(), encoding="utf-8")
    for chapter in chapter_files():
        notebook = executed(chapter)
        place = folder / "course" / chapter.stem
        title, _, body = markdown(notebook).partition("\n")
        place.with_suffix(".md").write_text(f"{title}\n\n{_downloads(chapter)}\n{body}", encoding="utf-8")
        nbformat.write(notebook, place.with_suffix(".ipynb"))
        shutil.copy(chapter, place.with_suffix(".py"))
    for page in folder.rglob("*.md"):
        depth = len(page.relative_to(folder).parents) - 1
        text = to_pages(page.read_text(encoding="utf-8"), up="../" * depth)
        page.write_text(text, encoding="utf-8")


def from_docs(text: str) -> str:
    """Point links of a file from outside docs/ at the pages in docs/."""
    return re.sub(r"\]\((?:\.\./)*docs/([^)]+)\)", r"](\1)", text)


def to_pages(text: str, *, up: str) -> str:
    """Point links to files outside docs/ at the pages that are made from them."""
    for path, page in FROM_OUTSIDE.items():
        text = re.sub(rf"\]\((?:\.\./)+{re.escape(path)}(#[^)]*)?\)", rf"]({up}{page}\1)", text)
    return text


def python_page() -> str:
    """Write the reference of the public face: every name of ``ecgrnn.__all__``, by what it is for."""
    sections: dict[str, list[str]] = {title: [] for title in GROUPS.values()}
    for name in ecgrnn.__all__:
        if name != "__version__":
            package = ecgrnn._MODULE_OF[name].split(".")[1]
            sections.setdefault(GROUPS.get(package, package), []).append(name)
    lines = [
        "# Python",
        "`import ecgrnn` costs nothing: a name is imported when it is first used. What is listed here can be "
        "relied on; everything else may move. Units end a name (`fs_hz`, `start_s`), and bad input raises an "
        "`ecgrnn.EcgrnnError` that says what was expected.",
    ]
    for title, names in sections.items():
        if names:
            lines += [f"## {title}", *(f"::: ecgrnn.{name}" for name in sorted(names, key=str.lower))]
    return "\n\n".join(lines) + "\n"


def _downloads(chapter: Path) -> str:
    return (
        f'<p class="notebook">This page as a <a href="{chapter.stem}.ipynb" download>notebook</a> or '
        f'<a href="{chapter.name}" download>in Python</a>; both need '
        f'<a href="{(COURSE / "figures.py").name}" download>figures.py</a> beside them.</p>\n'
    )
