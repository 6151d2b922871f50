import csv
import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest

from ecgrnn.cli import main
from ecgrnn.tasks.beats.report.page import model_card, report
from ecgrnn.tasks.beats.scoring import files

FEW = "resamples=200"


@pytest.fixture(scope="module")
def evaluated(trained, tmp_path_factory):
    """Two evaluations of the same checkpoint."""
    folder = tmp_path_factory.mktemp("evaluated")
    checkpoint = trained / "checkpoints" / "best.ckpt"
    for name in ("one", "two"):
        words = [f"checkpoint={checkpoint}", FEW, "questions=[0,3]", f"run_dir={folder / name}"]
        assert main(["evaluate", *words]) == 0
    return folder


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_two_evaluations_of_one_checkpoint_are_equal_to_the_byte(evaluated):
    files = {
        name: {
            path.relative_to(evaluated / name): path.read_bytes()
            for path in (evaluated / name).rglob("*")
            if path.is_file() and path.name != "config.yaml"  # which names the run folder
        }
        for name in ("one", "two")
    }
    assert files["one"] == files["two"]
    assert len(files["one"]) > 20


def test_figures_are_those_of_the_end_of_training(evaluated, trained):
    at_end, later = (
        json.loads((folder / "summary.json").read_text()) for folder in (trained, evaluated / "one")
    )
    skipped = {"intervals", "resampling", "ec57", "questions"}  # fewer draws here, and questions
    assert {key: at_end[key] for key in at_end if key not in skipped} == {
        key: later[key] for key in later if key not in skipped
    }
    for scheme in ("aami", "bxb"):
        assert at_end["ec57"][scheme]["matrix"] == later["ec57"][scheme]["matrix"]
    assert set(later["seconds"]) == {"prepare", "train"}


def test_the_summary_has_what_other_programs_rely_on(evaluated):
    summary = json.loads((evaluated / "one" / "summary.json").read_text())
    assert {
        "database", "split", "scheme", "records", "record_names", "beats", "accuracy", "macro_f1",
        "macro_f1_classes", "classes", "confusion_matrix", "seconds", "versions",
    } <= set(summary)  # fmt: skip
    assert summary["beats"] == sum(sum(row) for row in summary["confusion_matrix"])
    assert set(summary["ec57"]) == {"aami", "bxb"}
    assert summary["fitted_on_validation"]["records"]


def test_questions_to_the_reference_are_scored_beside_figures_without_any(evaluated):
    summary = json.loads((evaluated / "one" / "summary.json").read_text())
    none, three = summary["questions"]
    assert [none["asked"], three["asked"]] == [0, 3]
    assert none["beats_asked"] == 0
    assert none["classes"] == none["counted"]
    for name, score in none["classes"].items():
        assert score == {key: summary["classes"][name][key] for key in score}
    ec57 = summary["ec57"]["aami"]["statistics"]
    for name, key in (("S", "sveb"), ("V", "veb")):
        own = none["own_positions"]["classes"][name]
        percent = ec57[f"{key}_sensitivity"]["percent"]
        assert own["sensitivity"] == (None if percent is None else pytest.approx(percent / 100))
    assert three["beats_asked"] == 3 * summary["records"]
    assert three["settled"] >= none["settled"]
    # those asked are left out, and right where they are counted
    support = [sum(one["support"] for one in three[key].values()) for key in ("counted", "classes")]
    assert support[0] - support[1] == three["beats_asked"]
    assert set(three["methods"]) == {"head", "fixed", "families", "nearest", "random"}
    rows = rows_of(evaluated / "one" / "questions.csv")
    (row,) = (
        row
        for row in rows
        if (row["asked"], row["positions"], row["method"], row["class"]) == ("3", "reference", "head", "V")
    )
    f1 = three["classes"]["V"]["f1"]
    assert row["f1"] == ("" if f1 is None else str(f1))
    assert "After a few questions about each record" in (evaluated / "one" / "report.html").read_text()


@pytest.mark.parametrize("questions", ["[]", "[-1,2]"])
def test_questions_are_numbers_of_questions(trained, questions, tmp_path, capsys):
    words = [f"checkpoint={trained / 'checkpoints' / 'best.ckpt'}", f"run_dir={tmp_path}"]
    assert main(["evaluate", *words, f"questions={questions}"]) == 2
    assert "must list numbers of questions" in capsys.readouterr().err


def test_every_held_out_record_has_its_annotation_files_and_rows(evaluated):
    folder = evaluated / "one"
    names = json.loads((folder / "summary.json").read_text())["record_names"]
    for where in ("annotations", "annotations_at_reference"):
        assert sorted(path.name for path in (folder / where).iterdir()) == sorted(f"{n}.ecg" for n in names)
    assert [row["record"] for row in rows_of(folder / "records.csv")] == names
    assert [row["left_out"] for row in rows_of(folder / "influence.csv")][1:] == names
    assert (folder / "ec57" / "aami" / "sumstats.txt").read_text() != ""


def test_scoring_the_written_files_gives_the_reported_scores(evaluated, small_database, tmp_path):
    folder = evaluated / "one"
    words = [
        f"reference={small_database}",
        f"test={folder / 'annotations'}",
        "test_annotator=ecg",
        "start_s=0",
    ]
    assert main(["score", *words, f"run_dir={tmp_path / 'score'}"]) == 0
    for name in ("sumstats.txt", "line.txt", "matrix.txt"):
        assert (tmp_path / "score" / name).read_text() == (folder / "ec57" / "bxb" / name).read_text()


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.outside, self.open, self.ids, self.links = [], [], set(), set()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids |= {found["id"]} if "id" in found else set()
        for key in ("src", "href", "xlink:href"):
            if key in found:
                self.links.add(found[key])
        if tag not in {"meta", "br", "link", "path", "rect", "line", "circle", "polyline"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_is_one_well_formed_page_that_loads_nothing(evaluated):
    text = (evaluated / "one" / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert not re.search(r"https?://|@import|<script|url\((?!#)", text)
    assert "not a medical device" in text


def test_text_of_records_cannot_become_markup_in_the_report(
    trained, tmp_path, monkeypatch, spoil, assert_escaped
):
    made = []
    monkeypatch.setattr(files, "report", lambda shown: made.append(shown) or "")
    checkpoints = trained / "checkpoints"
    words = [f"checkpoint={checkpoints / 'best.ckpt'}", f"compare={checkpoints / 'last.ckpt'}", FEW]
    assert main(["evaluate", *words, f"run_dir={tmp_path / 'run'}"]) == 0
    (shown,) = made
    kept = ("scheme", "curve", "class", "kind", "probabilities")
    parts = {field.name: getattr(shown, field.name) for field in dataclasses.fields(shown)}
    spoiled = {
        name: spoil(part, but=kept) for name, part in parts.items() if name not in ("drawings", "learning")
    }
    assert_escaped(report(dataclasses.replace(shown, **spoiled)))
    card = model_card(spoil(shown.summary), title=spoil("title"))
    assert r"title\<img" in card
    assert not re.search(r"(?<!\\)<", card)


def test_every_table_of_the_report_names_its_scheme(evaluated):
    text = (evaluated / "one" / "report.html").read_text()
    captions = re.findall(r"<caption>(.*?)</caption>", text)
    assert len(captions) > 8
    assert all("scheme" in caption.lower() for caption in captions)


def test_the_model_card_has_data_use_limits_and_intervals(evaluated):
    card = (evaluated / "one" / "MODEL_CARD.md").read_text()
    for part in ("## Data", "## Intended use", "## Limits", "## Results", "Not a medical device"):
        assert part in card
    assert re.search(r"accuracy [<>]? ?\d+\.\d %", card)
    assert "fewer than 20: intervals, where there are any, are too narrow" in card


def test_two_checkpoints_are_compared_on_the_same_records(trained, tmp_path):
    checkpoints = trained / "checkpoints"
    words = [f"checkpoint={checkpoints / 'best.ckpt'}", f"compare={checkpoints / 'last.ckpt'}", FEW]
    assert main(["evaluate", *words, f"run_dir={tmp_path / 'run'}"]) == 0
    rows = rows_of(tmp_path / "run" / "comparison.csv")
    assert {row["convention"] for row in rows} == {"reference_positions", "ec57"}
    (accuracy,) = (row for row in rows if row["statistic"] == "accuracy")
    assert float(accuracy["difference"]) == 0.0
    assert float(accuracy["p_value"]) == 1.0
    assert "Two checkpoints" in (tmp_path / "run" / "report.html").read_text()


def test_an_unknown_scheme_and_a_bad_level_are_refused(trained, tmp_path, capsys):
    checkpoint = f"checkpoint={trained / 'checkpoints' / 'best.ckpt'}"
    assert main(["evaluate", checkpoint, "scheme=amai", f"run_dir={tmp_path / 'a'}"]) == 2
    assert "aami" in capsys.readouterr().err
    assert main(["evaluate", checkpoint, "level=1.5", f"run_dir={tmp_path / 'b'}"]) == 2
    assert "level" in capsys.readouterr().err
