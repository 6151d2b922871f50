import re
from xml.etree import ElementTree

import numpy as np
import pytest
from jinja2 import UndefinedError

from ecgrnn.reports.charts import Series, line_chart
from ecgrnn.reports.figures import percent, share
from ecgrnn.reports.render import drawn, render
from ecgrnn.signals.annotations import Waves
from ecgrnn.tasks.delineation.strips import wave_strip


@pytest.fixture
def fill(tmp_path):
    """Give a function that fills in a template with all macros at hand."""

    def filled(text: str, **data) -> str:
        names = "section, table, row, with_interval, tile, bar"
        template = tmp_path / "tried.html"
        template.write_text(f'{{% from "macros.html" import {names} with context %}}{text}')
        return render(template, **data)

    return filled


@pytest.fixture
def fill_page(tmp_path):
    """Give a function that makes a page with one section."""

    def filled(**data) -> str:
        template = tmp_path / "tried.html"
        template.write_text(
            '{% extends "page.html" %}{% from "macros.html" import section with context %}'
            "{% block title %}{{ title }}{% endblock %}"
            '{% block sections %}{% call section("a", title) %}<p>x</p>{% endcall %}{% endblock %}'
        )
        return render(template, **data)

    return filled


def test_text_in_a_table_is_escaped_and_a_drawing_is_not(fill):
    made = fill(
        "{% call table(head, caption) %}{{ row(cells) }}{% endcall %}",
        head=["<i>"],
        caption="a & b",
        cells=["<script>", drawn("<b>1</b>"), None, 0.25, 1234],
    )
    assert "<script>" not in made
    assert "&lt;script&gt;" in made
    assert "&lt;i&gt;" in made
    assert "<caption>a &amp; b</caption>" in made
    assert "<b>1</b>" in made
    assert "<td>—</td><td>0.250</td><td>1,234</td>" in made


def test_a_page_forbids_everything_from_outside_and_knows_both_themes(fill_page):
    made = fill_page(title="a <b>")
    assert made.startswith("<!doctype html>")
    assert "default-src 'none'" in made
    assert "prefers-color-scheme:dark" in made
    assert "<title>a &lt;b&gt;</title>" in made


def test_a_page_links_to_its_sections_before_the_first(fill_page):
    made = fill_page(title="First & last")
    assert '<nav aria-label="Sections">\n<a href="#a">First &amp; last</a>\n</nav>' in made
    assert made.index("<nav") < made.index('<section id="a">')


def test_a_name_that_was_not_given_is_no_empty_place(fill):
    with pytest.raises(UndefinedError, match="forgotten"):
        fill("{{ forgotten }}")
    with pytest.raises(UndefinedError, match="forgotten"):
        fill("{{ summary.forgotten }}", summary={})


def test_a_figure_that_is_not_defined_has_a_dash_and_no_bar(fill):
    nothing = {"estimate": None, "bca": None}
    made = fill('{{ tile("F1", found) }}{{ bar(none, "x") }}{{ with_interval(found) }}', found=nothing)
    assert made.count("—") == 3
    assert "no interval" in made
    assert "<svg" not in made
    assert "--v" not in made


def test_a_chart_is_well_formed_and_keeps_its_points_inside():
    made = line_chart(
        [Series("<a>", [(0.0, 0.0), (0.5, 2.0), (1.0, float("nan"))])], x_label="x & y", y_label="<"
    )
    root = ElementTree.fromstring(f"<div>{made}</div>")
    points = next(root.iter("polyline")).get("points").split()
    assert len(points) == 2
    assert float(points[1].split(",")[1]) == 12.0  # the upper edge


def test_a_share_that_is_not_defined_is_a_dash():
    assert percent(None) == percent(float("nan")) == "—"
    assert percent(0.9742, digits=2) == "97.42 %"


def test_nothing_below_one_is_printed_as_all_and_nothing_above_zero_as_none(fill):
    assert percent(0.99996) == "> 99.9 %"
    assert percent(0.99996, digits=3) == "99.996 %"
    assert percent(0.0004) == "< 0.1 %"
    assert (percent(1.0), percent(0.0)) == ("100.0 %", "0.0 %")
    assert share(0.9999) == "> 0.999"
    made = fill("{{ with_interval(found) }}", found={"estimate": 0.99999, "bca": [0.9, 0.99999]})
    assert made == '&gt; 99.9 % <span class="ci">(90.0 to &gt; 99.9)</span>'


def test_the_title_of_the_vertical_axis_stands_left_of_its_numbers():
    points = [(0.0, 0.83251), (1.0, 0.83259)]
    made = line_chart(
        [Series("a", points), Series("", points)], x_label="x", y_label="y", y_range=(0.8325, 0.8326)
    )
    assert made.count("<span>") == 1  # the second curve has no name
    numbers = re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="end">([\d.]+)</text>', made)
    assert numbers
    for x, text in numbers:
        assert float(x) - 6.6 * len(text) > 16  # the title's baseline is at 12


def test_waves_are_named_in_their_bars_and_missing_samples_are_left_blank():
    waves = Waves(
        onset=np.array([10, 40, 70]),
        peak=np.array([15, 45, 80]),
        offset=np.array([20, 50, 95]),
        kind=np.array(["P", "QRS", "T"]),
    )
    signal = np.sin(np.arange(100.0)).astype(np.float32)
    whole = wave_strip(signal, fs_hz=100.0, name="II", reference=waves, found=waves, marks_fs_hz=100.0)
    signal[60:70] = np.nan
    gap = wave_strip(signal, fs_hz=100.0, name="II", reference=waves, found=waves, marks_fs_hz=100.0)
    assert re.findall(r'class="letter"[^>]*>(\w)<', whole) == ["P", "Q", "T"] * 2
    trace = re.compile(r'class="trace"[^>]* d="([^"]*)"')
    assert [trace.search(made).group(1).count("M") for made in (whole, gap)] == [1, 2]


def test_a_lead_without_any_sample_is_drawn_empty():
    none = Waves(*(np.zeros(0, np.int64),) * 3, kind=np.zeros(0, "U3"))
    signal = np.full(50, np.nan, np.float32)
    made = wave_strip(signal, fs_hz=100.0, name="II", reference=none, found=none, marks_fs_hz=100.0)
    assert "nan" not in made
