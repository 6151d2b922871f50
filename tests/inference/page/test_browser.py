"""The page in a real browser: keys, mouse, reload, saving, a narrow screen; it fetches nothing."""

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from doubles import families_by_class, result_of

from ecgrnn.families.answers import Answers
from ecgrnn.inference.corrections.reading import read_corrections
from ecgrnn.inference.page import write_page

playwright = pytest.importorskip(
    "playwright.sync_api", reason="needs the package playwright: pip install 'ecgrnn[test]'"
)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

HEAD = ["record", "positions", "kind", "family", "sample", "answer", "by", "at"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"needs a browser, one of {', '.join(BROWSERS)}: apt-get install chromium")
    with playwright.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def result() -> SimpleNamespace:
    found = result_of(seconds=70.0, name='=x, "1"')
    found.families = families_by_class(found.recording, found.beats)
    return found


@pytest.fixture(scope="module")
def file(result: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "x.html"
    write_page(result, path)
    return path


@pytest.fixture
def opened(browser: Any, file: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Open the page; afterwards look that it fetched nothing and complained of nothing."""
    context = browser.new_context(**getattr(request, "param", {"viewport": {"width": 1280, "height": 900}}))
    page = context.new_page()
    complaints, fetched = list[str](), list[str]()
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda one: fetched.append(one.url))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert complaints == []
    assert {url for url in fetched if not url.startswith(("data:", "blob:"))} == {file.as_uri()}


def progress(page: Any) -> str:
    return str(page.locator("#progress").inner_text())


def current(page: Any) -> str:
    return str(page.locator("#now").inner_text())


def saved(page: Any) -> list[list[str]]:
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "corrections.csv"
    text = Path(download.value.path()).read_bytes().decode("utf-8")
    assert text.endswith("\n")
    assert "\r" not in text
    rows = list(csv.reader(io.StringIO(text), strict=True))
    assert rows[0] == HEAD
    return rows[1:]


def test_keys_confirm_change_split_and_undo(opened):
    opened.click("#start")
    assert current(opened).startswith("Family 1 of 5")
    opened.keyboard.press("v")
    opened.keyboard.press("Enter")
    opened.keyboard.press("m")
    assert current(opened).startswith("Family 4 of 5")
    assert "3 answers settle" in progress(opened)
    opened.keyboard.press("u")
    assert current(opened).startswith("Family 3 of 5")
    assert "2 answers settle" in progress(opened)
    opened.keyboard.press("ArrowUp")
    opened.keyboard.press("x")  # another answer for the second family
    opened.keyboard.press("ArrowDown")
    rows = saved(opened)
    proposed = [one.split()[2] for one in opened.locator(".family h3").all_text_contents()]
    assert [(row[2], row[3], row[5]) for row in rows] == [("family", "0", "V"), ("family", "1", "noise")]
    assert opened.locator(".family .answer").all_text_contents()[:2] == [
        f"answered: V instead of {proposed[0]}",
        f"answered: noise instead of {proposed[1]}",
    ]


def test_a_mixed_family_settles_no_beat_but_those_answered(opened):
    opened.click("#start")
    opened.keyboard.press("m")
    assert "settles 90.0 % of the beats" in progress(opened)  # what was expected to be right before
    opened.keyboard.press("ArrowUp")
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("Enter")
    assert "settle 90.1 % of the beats" in progress(opened)  # a tenth of a beat of 86


def test_a_beat_is_changed_in_its_strip_by_keys_and_by_mouse(opened):
    opened.click("#start")
    opened.keyboard.press("ArrowRight")
    first = opened.evaluate("document.activeElement.dataset.hit")
    assert current(opened).startswith("One beat")
    assert opened.locator('[data-answer="mixed"]').is_disabled()
    opened.keyboard.press("s")
    assert set(opened.locator(f'[data-b="{first}"]').all_text_contents()) == {"S"}
    opened.keyboard.press("ArrowRight")
    second = opened.evaluate("document.activeElement.dataset.hit")
    assert second != first
    opened.keyboard.press("Escape")
    assert current(opened).startswith("Family 1")
    opened.locator(f'.hit[data-hit="{second}"]').first.click()
    opened.click('[data-answer="noise"]')
    assert set(opened.locator(f'[data-b="{second}"]').all_text_contents()) == {"\u00d7"}
    data = opened.evaluate("JSON.parse(document.getElementById('asked').textContent)")
    wanted = [
        ["beat", str(data["beats"][one][1]), str(data["beats"][one][0]), answer]
        for one, answer in ((first, "S"), (second, "noise"))
    ]
    assert [row[2:6] for row in saved(opened)] == wanted


def test_an_answer_for_a_family_is_seen_at_its_beats_and_one_for_a_beat_outweighs_it(opened):
    opened.click("#start")
    opened.keyboard.press("ArrowRight")
    beat = opened.evaluate("document.activeElement.dataset.hit")
    opened.keyboard.press("Escape")
    opened.keyboard.press("f")
    assert opened.locator(f'[data-b="{beat}"]').first.text_content() == "F"
    opened.locator(f'.hit[data-hit="{beat}"]').first.click()
    opened.keyboard.press("n")
    assert opened.locator(f'[data-b="{beat}"]').first.text_content() == "N"


def test_the_mouse_is_enough(opened):
    opened.locator(".family").nth(1).click(position={"x": 5, "y": 5})
    assert current(opened).startswith("Family 2 of 5")
    opened.click('[data-answer="Q"]')
    opened.click('[data-answer=""]')
    assert "2 answers" in progress(opened)
    opened.click("#undo")
    opened.click("#undo")
    assert progress(opened).startswith("No answer yet")
    assert opened.locator("#save").is_disabled()


def test_answers_survive_a_reload_and_leaving_with_unsaved_ones_is_asked_about(opened):
    asked = list[str]()
    opened.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    opened.fill("#by", "A. Reader")
    opened.click("#start")
    opened.keyboard.press("s")
    opened.reload()
    assert asked == ["beforeunload"]
    assert "1 answer settles" in progress(opened)
    assert "not saved" in progress(opened)
    assert opened.input_value("#by") == "A. Reader"
    before = saved(opened)
    assert progress(opened).endswith("; saved.")
    opened.reload()
    assert asked == ["beforeunload"]
    assert saved(opened) == before
    opened.evaluate("localStorage.clear()")


def test_what_is_saved_is_a_csv_file_that_no_program_takes_for_formulas(opened):
    opened.fill("#by", '=cmd|"calc",\u00e4')
    opened.click("#start")
    opened.keyboard.press("V")
    row = saved(opened)[0]
    data = opened.evaluate("JSON.parse(document.getElementById('asked').textContent)")
    assert row[:4] == ['\'=x, "1"', "9f2c4e0d11aa77b3", "family", "0"]
    assert row[4] == str(data["families"][0]["sample"])
    assert row[6] == '\'=cmd|"calc",\u00e4'
    assert len(row[7]) == 20
    assert row[7].endswith("Z")


def test_what_is_saved_is_read_as_the_corrections_that_were_given(opened, result, tmp_path):
    opened.fill("#by", "A. Reader")
    opened.click("#start")
    for key in ("v", "x", "m", "ArrowUp", "ArrowRight", "f"):
        opened.keyboard.press(key)
    beat = int(opened.evaluate("document.activeElement.dataset.hit"))
    with opened.expect_download() as download:
        opened.click("#save")
    download.value.save_as(tmp_path / "corrections.csv")
    read = read_corrections(tmp_path / "corrections.csv", result.recording, result.families)
    assert read.answers == Answers({0: "V", 1: "noise", 2: "mixed"}, {beat: "F"})
    assert read.by == "A. Reader"


def test_answers_go_on_from_a_saved_file_and_one_of_another_record_is_refused(opened, tmp_path):
    opened.fill("#by", 'A "B", C')
    opened.click("#start")
    for key in ("v", "m", "ArrowUp", "ArrowRight", "f"):
        opened.keyboard.press(key)
    rows = saved(opened)
    assert [row[2] for row in rows] == ["family", "family", "beat"]
    file, other = tmp_path / "corrections.csv", tmp_path / "other.csv"
    for path, name in ((file, rows[0][0]), (other, "y")):
        with path.open("w", newline="", encoding="utf-8") as target:
            csv.writer(target, lineterminator="\n").writerows([HEAD, *([name, *row[1:]] for row in rows)])
    opened.evaluate("localStorage.clear()")
    for _ in rows:
        opened.keyboard.press("u")
    assert progress(opened).startswith("No answer yet")
    opened.set_input_files("#file", other)
    playwright.expect(opened.locator("#progress")).to_contain_text("other.csv is of record y")
    opened.set_input_files("#file", file)
    playwright.expect(opened.locator("#progress")).to_contain_text("3 answers settle")
    assert saved(opened) == rows


def test_letters_typed_as_the_name_are_no_answers(opened):
    opened.click("#by")
    opened.keyboard.type("nsvfqxmu ")
    assert progress(opened).startswith("No answer yet")


def test_without_storage_answers_last_as_long_as_the_page(browser, file):
    context = browser.new_context()
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('barred'); } })"
    )
    page = context.new_page()
    page.goto(file.as_uri())
    page.click("#start")
    page.keyboard.press("Enter")
    assert "1 answer settles" in progress(page)
    context.close()


@pytest.mark.parametrize(
    "opened",
    [
        {"viewport": {"width": 390, "height": 844}},
        {"java_script_enabled": False, "viewport": {"width": 390, "height": 844}},
    ],
    indirect=True,
    ids=["script", "no script"],
)
def test_a_narrow_screen_has_no_sideways_scrolling(opened, request):
    assert opened.locator("main").bounding_box()["width"] <= 390
    shown = opened.locator("#ask").is_visible()
    assert shown == ("no script" not in request.node.name)
    assert opened.locator(".family .template").first.is_visible()
    if shown:
        assert opened.evaluate("document.documentElement.scrollWidth") <= 390
        opened.click("#start")
        opened.click('[data-answer="S"]')
        assert "1 answer settles" in progress(opened)
        assert opened.locator("#ask").bounding_box()["height"] < 844 / 4


def test_every_control_has_a_name_and_the_progress_is_live(opened):
    opened.click("#start")
    names = opened.locator("#ask button, .hit").evaluate_all(
        "all => all.map((one) => one.getAttribute('aria-label') || one.textContent.trim())"
    )
    assert all(names)
    assert opened.locator("#progress").get_attribute("aria-live") == "polite"
    assert opened.get_by_label("Reader").is_visible()
    assert opened.locator(".family[tabindex='0']").count() == 1


PAINTED = """() => {
    const canvas = document.getElementById("paper"), { width, height } = canvas;
    const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const dark = new Array(height).fill(0), blue = new Array(height).fill(0);
    for (let k = 0; k < width * height; k++) {
        const [red, green, bluish, solid] = data.subarray(4 * k, 4 * k + 4), row = Math.floor(k / width);
        if (solid > 200 && red + green + bluish < 120 && k % width > 60) dark[row]++;
        if (solid > 150 && bluish - red > 110) blue[row]++;
    }
    return { dark, blue };
}"""
"""Counts in each row of the enlarged view the points of its traces, and of its bars for QRS complexes."""


def test_the_enlarged_view_draws_the_samples_and_waves_and_takes_no_answer(opened):
    opened.locator(".family .look").first.click()
    playwright.expect(opened.locator("#moment")).not_to_be_empty()
    painted = {name: np.array(counts) for name, counts in opened.evaluate(PAINTED).items()}
    mm = 96 / 25.4
    for top in (11 * mm, 41 * mm):  # of the first lead, and of the second
        dark = painted["dark"][round(top + 2 * mm) : round(top + 26 * mm)]
        height = dark.argmax() - np.flatnonzero(dark)[0]
        assert height / mm == pytest.approx(12.0, abs=2.0)  # a wave of 1.2 mV above its base
        assert painted["blue"][round(top + 27 * mm) : round(top + 31 * mm)].sum() > 20
    opened.keyboard.press("v")
    opened.keyboard.press("Escape")
    assert progress(opened).startswith("No answer yet")
