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
    assert np.ptp(points[:, 0]) == pytest.approx(3.99 * 25.0, abs=0.02)
    assert np.ptp(points[:, 1]) == pytest.approx(20.0, abs=0.05)
    first, second = np.interp(points[0, 0] + np.array([6.25, 18.75]), *points.T)
    assert first < second  # up is positive


def test_a_trace_passes_all_samples_though_not_all_are_points_of_it():
    points = points_of(strip_svg(signal_of(), fs_hz=FS_HZ, leads=("I", "II"), start_s=0.0))
    drawn = np.interp(points[0, 0] + np.arange(400) / FS_HZ * 25.0, *points.T)
    wanted = -10.0 * signal_of()[:, 0]
    assert np.abs(drawn - drawn[0] - wanted).max() < 0.06
    assert len(points) < 200


def test_missing_samples_leave_a_gap():
    signal = signal_of()
    signal[100:150, 0] = np.nan
    svg = strip_svg(signal, fs_hz=FS_HZ, leads=("I", "II"), start_s=0.0)
    seconds = (points_of(svg)[:, 0] - points_of(svg)[0, 0]) / 25.0
    assert not ((seconds > 0.992) & (seconds < 1.498)).any()
    assert {0.99, 1.5} <= set(seconds.round(3))
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
