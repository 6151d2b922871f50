import base64
import hashlib
import re
from datetime import datetime
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from doubles import FS_HZ, families_by_class, result_of

from ecgrnn.errors import DataError
from ecgrnn.inference.page import page_of, write_page
from ecgrnn.inference.page.exhibits import choose
from ecgrnn.inference.page.findings.findings import find
from ecgrnn.signals.recording import Recording


class Tags(HTMLParser):
    """Lists the tags of a page and complains about those that are not closed in order."""

    VOID = frozenset({"meta", "br", "link", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        if tag in {"p", "li", "option"} and self.open[-1] != tag:
            return
        while self.open[-1] in {"p", "li", "option"} and self.open[-1] != tag:
            self.open.pop()
        assert self.open.pop() == tag


def tags_of(page: str) -> list[str]:
    reader = Tags()
    reader.feed(page)
    assert not reader.open
    return reader.seen


def test_a_page_is_whole_needs_nothing_and_says_what_it_is(tmp_path):
    write_page(
        result_of(notes=("lead RESP left out",), start=datetime.fromisoformat("2026-03-01T23:55:00")),
        tmp_path / "a" / "x.html",
    )
    page = (tmp_path / "a" / "x.html").read_text()
    tags_of(page)
    assert not re.search(r"https?://|\bsrc=|@import", page)
    assert set(re.findall(r'href="(.)', page)) == {"#", "d"}  # within the page, and data:
    for text in (
        "not a medical device",
        "model of beats",
        "model of waves",
        "model of rhythms",
        "lead RESP left out",
        "2026-03-01 23:55:00",
        "II, V5",
        "ventricular ectopic beats",
        "SDNN",
        "QTc Fridericia",
        "atrial fibrillation",
        "Full disclosure",
        "Lorenz",
        "V couplet",
        "day 2 00:",
    ):
        assert text in page, text
    assert [one.name for one in (tmp_path / "a").iterdir()] == ["x.html"]


def test_families_are_shown_without_a_script_and_each_script_has_its_digest():
    result = result_of(seconds=30.0)
    assert "families" not in page_of(result)
    result.families = families_by_class(result.recording, result.beats)
    page = page_of(result)
    tags_of(page)
    assert page.count('class="family"') == len(result.families.columns["n"])
    assert page.count('class="strip template"') == len(result.families.columns["n"])
    assert "Nearest to the middle of the family, 0:" in page
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in digests)
    assert f'script-src {allowed}"' in page
    empty = np.array([0] * len(result.families.columns["n"]))
    result.families.columns["n"] = empty  # all were called noise
    assert 'id="families"' not in page_of(result)


def test_a_corrected_page_says_by_whom_and_a_page_has_all_notes():
    result = result_of(seconds=30.0, notes=("of reading",))
    result.notes = ("of reading", "beats read II")
    result.corrected = SimpleNamespace(by="A <b>", at="2026-11-28T10:00:00Z", n_seen=1, n_followed=1200)
    page = page_of(result)
    assert "corrected by A &lt;b&gt; on 2026-11-28T10:00:00Z" in page
    assert "1 beat seen, 1,200 others followed" in page
    assert "without review by a person" not in page
    assert page.count("<li>of reading</li>") == page.count("<li>beats read II</li>") == 1


def test_the_policy_of_a_page_lets_its_own_script_run_alone():
    page = page_of(result_of())
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'\""
        in page
    )
    assert page.count("<script") == 2  # the other one is data


def test_hostile_names_are_escaped():
    bad = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'"
    result = result_of(leads=(bad, "V5"), name=bad, notes=(bad,))
    result.models["beats"] = bad
    page = page_of(result)
    tags = tags_of(page)
    assert tags.count("script") == 2
    assert "img" not in tags
    assert "<script>alert" not in page
    assert "alert(1)" in page  # as text


def test_a_page_without_the_script_still_has_every_hour_as_a_picture():
    page = page_of(result_of(seconds=3 * 3600.0))
    assert page.count("data:image/png;base64,") == 3
    assert len(re.findall(r'<tr><th scope="row">\d:\d\d(?::\d\d)?</th>', page)) >= 3  # hour by hour


def test_a_strip_of_ten_seconds_is_shown_as_a_whole():
    page = page_of(result_of(seconds=10.0, labels="N", leads=[f"L{k}" for k in range(12)]))
    tags_of(page)
    assert page.count('class="trace"') == 12
    assert "<script" not in page
    assert "needs 4 min of normal intervals, there are" in page
    assert "Full disclosure" not in page


@pytest.mark.parametrize(
    "kinds", [(), ("beats",), ("waves",), ("rhythms",), ("waves", "rhythms"), ("beats", "waves", "rhythms")]
)
@pytest.mark.parametrize("seconds", [0.5, 8.0, 61.0])
def test_pages_of_any_kinds_of_annotation_and_of_any_length_are_whole(kinds, seconds):
    page = page_of(result_of(seconds=seconds, kinds=kinds))
    tags_of(page)
    assert "nan" not in re.sub(r"<script.*", "", page, flags=re.DOTALL)
    if "beats" not in kinds:
        assert "no model annotated beats" in page
    else:
        assert ("no beat was found" in page) == (seconds == 0.5)


def test_a_recording_without_a_beat_says_so():
    result = result_of(seconds=100.0)
    result.beats = result.beats.iloc[:0]
    page = page_of(result)
    tags_of(page)
    assert "no beat was found" in page
    assert "100.0 %" in page  # not readable
    assert "No beat for 100.0 s: asystole, or not readable" in page


def test_missing_leads_and_stretches_are_said_and_not_counted():
    result = result_of(seconds=600.0, labels="N")
    signal = np.array(result.recording.signal)
    signal[20000:26000] = np.nan
    lost = Recording(signal, fs=FS_HZ, leads=["MLII", "V5"])
    kept = result.beats[(result.beats["sample"] < 20000) | (result.beats["sample"] >= 26000)]
    result.recording, result.beats = lost, kept.reset_index(drop=True)
    found = find(result)
    assert found.unreadable_s.shape == (1, 2)
    assert found.unreadable_s[0] == pytest.approx([200.0, 260.0], abs=1.0)
    assert "0 of 10 min" not in page_of(result)
    page = page_of(result)
    assert "pauses over 2 s" in page
    assert "longest pause" not in page


def test_a_pause_in_which_waves_were_marked_is_doubtful():
    result = result_of(seconds=120.0, labels="N")
    result.beats = result.beats.drop(index=[50, 51, 52]).reset_index(drop=True)
    assert "doubtful: 3 QRS complexes marked in it" in page_of(result)
    result.waves = result.waves.iloc[:0]
    page = page_of(result)
    assert "3.20 s" in page
    assert "doubtful" not in page


def test_the_strips_show_each_kind_of_ectopy_once():
    titles = [title for one in choose(find(result_of())) for title in one.titles]
    for wanted in (
        "Fastest 10 s",
        "Slowest 10 s",
        "Single ventricular ectopic beat",
        "V couplet",
        "Longest and fastest V run, 3 beats",
        "Single supraventricular ectopic beat",
        "Fusion beat",
        "Unclassifiable or paced beat",
        "Longest atrial fibrillation",
        "Among the least certain beats",
    ):
        assert sum(title.startswith(wanted) for title in titles) >= 1, wanted


def test_no_strip_reaches_beyond_the_recording():
    found = find(result_of(seconds=65.3))
    assert all(0.0 <= one.start_s <= 55.31 for one in choose(found))


def test_the_whole_signal_is_never_read_at_once():
    result = result_of(seconds=3700.0)
    whole, longest = result.recording, []

    class Watched:
        def read(self, start, stop, columns):
            longest.append(stop - start)
            return whole._source.read(start, stop, columns)

    result.recording = Recording.of_source(
        Watched(), n_samples=whole.n_samples, fs_hz=FS_HZ, leads=whole.leads, name="x"
    )
    assert page_of(result) == page_of(SimpleNamespace(**vars(result) | {"recording": whole}))
    assert max(longest) <= 605 * FS_HZ


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_page(result_of(seconds=5.0), tmp_path / "file" / "x.html")
