import re
from xml.etree import ElementTree

import numpy as np
import pytest

from ecgrnn.reports.paper import Mark, strip_svg

FS_HZ = 100.0


def signal_of(seconds: float = 4.0) -> np.ndarray:
    time = np.arange(round(seconds * FS_HZ)) / FS_HZ
    return np.stack([np.sin(2 * np.pi * time), np.zeros_like(time)], axis=1).astype(np.float32)


def points_of(svg: str, lead: int = 0) -> np.ndarray:
    """Walk along a trace, in mm."""
    paths = re.findall(r'class="trace" transform="scale\(0.01\)" d="([^"]*)"', svg)
    points = []
    for piece in re.findall(r"M[^M]*", paths[lead]):
        numbers = np.array([int(number) for number in re.findall(r"-?\d+", piece)]).reshape(-1, 2)
        points.append(np.cumsum(numbers, axis=0) / 100)
    return np.concatenate(points)


def test_a_second_is_25_mm_and_a_millivolt_10_mm():
    points = points_of(strip_svg(signal_of(), fs_hz=FS_HZ, leads=("I", "II"), start_s=0.0))
    assert points[100, 0] - points[0, 0] == pytest.approx(25.0, abs=0.02)
    assert np.ptp(points[:, 1]) == pytest.approx(20.0, abs=0.05)
    assert points[25, 1] < points[75, 1]  # up is positive


def test_missing_samples_leave_a_gap():
    signal = signal_of()
    signal[100:150, 0] = np.nan
    svg = strip_svg(signal, fs_hz=FS_HZ, leads=("I", "II"), start_s=0.0)
    assert len(points_of(svg)) == 350
    assert svg.count("M") > strip_svg(signal_of(), fs_hz=FS_HZ, leads=("I", "II"), start_s=0.0).count("M")


def test_a_strip_without_any_sample_is_drawn_all_the_same():
    svg = strip_svg(np.full((50, 1), np.nan, np.float32), fs_hz=FS_HZ, leads=("I",), start_s=0.0)
    assert ElementTree.fromstring(svg).tag == "svg"


def test_a_wrong_class_is_marked_and_a_right_one_is_not():
    marks = [Mark(1.0, "N", "N", "V"), Mark(2.0, "S", "A", "S")]
    svg = strip_svg(signal_of(), fs_hz=FS_HZ, leads=("I", "II"), start_s=0.0, marks=marks)
    assert re.findall(r'class="label wrong"[^>]*>(\w)<', svg) == ["V"]
    assert 'class="symbol"> A<' in svg


def test_names_and_symbols_from_records_cannot_become_markup():
    marks = [Mark(1.0, "N", "<b>", "N")]
    svg = strip_svg(signal_of(), fs_hz=FS_HZ, leads=("<script>", "&"), start_s=0.0, marks=marks)
    assert "<script>" not in svg
    assert "<b>" not in svg
    assert ElementTree.fromstring(svg).tag == "svg"


def test_a_lead_beyond_the_paper_is_cut_off_at_its_row():
    signal = signal_of() * 20
    points = points_of(strip_svg(signal, fs_hz=FS_HZ, leads=("I", "II"), start_s=0.0))
    assert points[:, 1].min() >= 10.0
    assert points[:, 1].max() <= 55.0
