from xml.etree import ElementTree

from ecgrnn.evaluation.charts import Series, line_chart
from ecgrnn.evaluation.page import Html, page, percent, table


def test_text_in_a_table_is_escaped_and_html_is_not():
    made = table(["<i>"], [["<script>", Html("<b>1</b>"), None, 0.25, 1234]], caption="a & b")
    assert "<script>" not in made
    assert "&lt;script&gt;" in made
    assert "&lt;i&gt;" in made
    assert "a &amp; b" in made
    assert "<b>1</b>" in made
    assert "0.250" in made
    assert "1,234" in made


def test_a_page_forbids_everything_from_outside_and_knows_both_themes():
    made = page("a <b>", ["<p>x</p>"])
    assert "default-src 'none'" in made
    assert "prefers-color-scheme:dark" in made
    assert "<title>a &lt;b&gt;</title>" in made


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
