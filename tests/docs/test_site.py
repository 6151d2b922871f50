import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import ecgrnn
from ecgrnn.models import shipped

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
CHAPTERS = sorted((DOCS / "course").glob("[0-9][0-9]_*.py"))
QUICK = ("01", "02")
CARDS = {f"models/{model.name}.md" for model in shipped()}
MADE = {"contributing.md", "changelog.md", "benchmarks.md", "reference/python.md", *CARDS}


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "documentation"]:
        del sys.modules[name]


def navigation() -> list[str]:
    def pages(part: object) -> list[str]:
        if isinstance(part, dict):
            part = list(part.values())
        return [page for one in part for page in pages(one)] if isinstance(part, list) else [str(part)]

    return pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])


def test_every_page_and_chapter_is_in_the_navigation_once():
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    chapters = {f"course/{chapter.stem}.md" for chapter in CHAPTERS}
    assert sorted(navigation()) == sorted(written | chapters | MADE)


def test_every_link_of_the_docs_leads_to_a_file_or_a_page_that_is_made():
    made = MADE | {f"course/{chapter.stem}.md" for chapter in CHAPTERS}
    checked = 0
    for page in [*DOCS.rglob("*.md"), *CHAPTERS]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            assert path.exists() or path.relative_to(DOCS).as_posix() in made, f"{page.name}: {target}"
            checked += 1
    assert checked > 50


def test_course_index_lists_every_chapter():
    index = (DOCS / "course" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\w+)\.md\)", index) == [chapter.stem for chapter in CHAPTERS]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_a_chapter_ends_with_an_exercise_and_its_solution(chapter):
    text = chapter.read_text(encoding="utf-8")
    assert text.count("# ## Exercise") == 1
    assert text.count('# %% tags=["solution"]') == 1
    assert text.index("# ## Exercise") < text.index('# %% tags=["solution"]')
    assert "# %%\n" not in text[text.index('# %% tags=["solution"]') :]


@pytest.mark.parametrize(
    "chapter", [one for one in CHAPTERS if one.stem.startswith(QUICK)], ids=lambda chapter: chapter.stem
)
def test_a_chapter_runs(chapter, monkeypatch):
    monkeypatch.chdir(chapter.parent)
    monkeypatch.syspath_prepend(chapter.parent)
    runpy.run_path(str(chapter))
    sys.modules.pop("figures", None)


def own_commands() -> list[list[str]]:
    """Every ``python -m ecgrnn`` of the pages that are written by hand for the site."""
    pages = [
        DOCS / "index.md",
        *(page for folder in ("start", "howto", "reference") for page in (DOCS / folder).glob("*.md")),
    ]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    lines = [
        line
        for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
        for line in block.splitlines()
    ]
    return [
        shlex.split(line.split("-m ecgrnn ")[1].split(" > ")[0], comments=True)
        for line in lines
        if "-m ecgrnn " in line
    ]


@pytest.mark.parametrize("words", own_commands(), ids=" ".join)
def test_a_command_of_the_docs_composes(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = words if {"--help", "--cfg"} & set(words) else [*words, "--cfg", "job"]
    assert ecgrnn.main(asked) == 0
    assert capsys.readouterr().err == ""


def test_the_extra_docs_and_the_citation_name_what_there_is():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    named = {re.split(r"[\[><=]", one)[0].lower() for one in project["optional-dependencies"]["docs"]}
    assert named <= pinned
    install = (DOCS / "start" / "install.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", install.partition("## Extras")[2], flags=re.MULTILINE)
    assert sorted(listed[1:]) == sorted(project["optional-dependencies"])  # below the head `NAME`
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == project["version"] == ecgrnn.__version__
    assert citation["authors"] == project["authors"]


def test_links_that_lead_nowhere_and_files_from_elsewhere_are_found(tmp_path):
    from documentation.links import faults

    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html#there">b</a><a href="b.html#not">b</a><a href="c.html">c</a>'
        '<a href="https://example.org">out</a><script src="https://example.org/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<p id="there">B</p><img src="no.png"><a href="a.html#top">a</a>')
    (tmp_path / "s.css").write_text(
        "@import 'https://example.org/f.css'; a{background:url(//example.org/p.png)}"
    )
    assert faults(tmp_path) == [
        "a.html: loads https://example.org/x.js",
        "a.html: b.html#not leads nowhere",
        "a.html: c.html leads nowhere",
        "b.html: no.png leads nowhere",
        "s.css: loads https://example.org/f.css",
        "s.css: loads //example.org/p.png",
    ]


def test_links_from_and_to_files_outside_docs_become_links_between_pages():
    pytest.importorskip("jupytext", reason="needs the extra docs: pip install -c constraints.txt '.[docs]'")
    pytest.importorskip("latex2mathml", reason="needs the extra docs")
    pytest.importorskip("nbclient", reason="needs the extra docs")
    from documentation.chapters import with_formulas
    from documentation.pages import from_docs, to_pages

    assert from_docs("[a](docs/scale.md#slurm)") == "[a](scale.md#slurm)"
    assert to_pages("[b](../scripts/benchmarks/README.md#x)", up="../") == "[b](../benchmarks.md#x)"
    assert to_pages("[c](../ecgrnn/models/waves/MODEL_CARD.md)", up="") == "[c](models/waves.md)"
    assert with_formulas("costs `$1` and $x_t$").startswith("costs `$1` and <span><math")


def test_a_page_is_code_output_figures_and_folded_solutions():
    pytest.importorskip("jupytext", reason="needs the extra docs: pip install -c constraints.txt '.[docs]'")
    pytest.importorskip("latex2mathml", reason="needs the extra docs")
    pytest.importorskip("nbclient", reason="needs the extra docs")
    import nbformat.v4 as v4
    from documentation.chapters import markdown

    printed = v4.new_output("stream", name="stdout", text="1\n")
    drawn = v4.new_output(
        "display_data", data={"text/html": "<div>\n\n<svg></svg>\n</div>", "text/plain": "x"}
    )
    solution = v4.new_code_cell("2", outputs=[printed], metadata={"tags": ["solution"]})
    notebook = v4.new_notebook(
        cells=[v4.new_markdown_cell("# A"), v4.new_code_cell("1", outputs=[drawn]), solution]
    )
    assert markdown(notebook) == (
        "# A\n\n```python\n1\n```\n\n<div>\n<svg></svg>\n</div>\n\n"
        '<details class="solution" markdown="1"><summary>Solution</summary>\n\n```python\n2\n```\n\n'
        '```text title="Output"\n1\n```\n\n</details>\n'
    )


@pytest.mark.skipif(
    "ECGRNN_SITE" not in os.environ, reason="minutes: .ci/run builds the site; here with ECGRNN_SITE=1"
)
def test_the_site_builds_strictly(tmp_path):
    pytest.importorskip("zensical", reason="needs the extra docs: pip install -c constraints.txt '.[docs]'")
    built = subprocess.run(
        [sys.executable, ROOT / "scripts" / "docs.py", "--out", tmp_path / "site"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert "no faults found" in built.stdout
    reference = (tmp_path / "site" / "reference" / "python.html").read_text(encoding="utf-8")
    for name in set(ecgrnn.__all__) - {"__version__"}:
        assert f'id="ecgrnn.{name}"' in reference


def test_the_search_works_from_a_disk(tmp_path):
    from documentation.offline import make_searchable

    scripts = tmp_path / "assets" / "javascripts"
    (scripts / "workers").mkdir(parents=True)
    (scripts / "workers" / "search.1a.min.js").write_text('onmessage = () => "</script>"')
    (tmp_path / "search.json").write_text('{"items": []}')
    (tmp_path / "course").mkdir()
    page = tmp_path / "course" / "a.html"
    page.write_text('<body><script src="../assets/javascripts/bundle.2b.min.js"></script></body>')
    make_searchable(tmp_path)
    assert (tmp_path / "search.js").read_text() == 'var __index = {"items": []};\n'
    before, after = page.read_text().split('<script src="../assets/javascripts/bundle.2b.min.js">')
    assert before.endswith('<script src="../assets/javascripts/offline.js"></script>')
    assert after == "</script></body>"
    own = (scripts / "offline.js").read_text()
    assert own.startswith('const SEARCH_WORKER = "onmessage = () => \\"</script>\\"";\n')
    assert 'location.protocol === "file:"' in own
