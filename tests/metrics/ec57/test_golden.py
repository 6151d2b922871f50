"""EC57 scores of real records against the printed output of the WFDB software, to the digit."""

import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ecgrnn.metrics.ec57.scores import RecordToScore, score_records
from ecgrnn.metrics.ec57.text import episode_line_text, episode_matrix_text, matrix_text
from ecgrnn.signals.annotations import Annotations, read_annotations
from ecgrnn.tasks.score_files import read_pairs

GOLDEN = Path(__file__).parents[2] / "golden" / "ec57"
FS_HZ = 360.0
DURATION_S = 650_000 / FS_HZ
BEAT_RECORDS = ("100", "105", "203", "207", "208", "210")
RHYTHM_RECORDS = ("203", "210", "219", "222")
PERIODS = {
    "": {},
    ".from0": {"start_s": 0.0},
    ".w50ms": {"window_s": 0.05},
}


def read(folder: Path, record: str, annotator: str) -> Annotations:
    return read_annotations(folder / record, annotator, fs_hz=FS_HZ)


def records(mitdb: Path, names: tuple[str, ...], annotator: str) -> list[RecordToScore]:
    return [
        RecordToScore(name, read(mitdb, name, "atr"), read(GOLDEN, name, annotator), FS_HZ, DURATION_S)
        for name in names
    ]


def expected(name: str) -> str:
    return (GOLDEN / name).read_text()


@pytest.mark.parametrize("annotator", ["fab", "shut", "qrs"])
@pytest.mark.parametrize("period", PERIODS)
def test_line_and_shutdown_reports_equal_those_of_bxb(
    annotator: str, period: str, real_database: Callable[[str], Path]
):
    scores = score_records(records(real_database("mitdb"), BEAT_RECORDS, annotator), **PERIODS[period])
    texts = scores.texts()
    assert texts["line.txt"] == expected(f"{annotator}{period}.line.txt")
    assert texts["shutdown.txt"] == expected(f"{annotator}{period}.shutdown.txt")


@pytest.mark.parametrize("annotator", ["fab", "shut", "qrs"])
@pytest.mark.parametrize("report", ["matrix.txt", "sumstats.txt"])
def test_matrix_and_sumstats_reports_equal_those_of_bxb_and_sumstats(
    annotator: str, report: str, real_database: Callable[[str], Path]
):
    scores = score_records(records(real_database("mitdb"), BEAT_RECORDS, annotator), test_annotator=annotator)
    assert scores.texts()[report] == expected(f"{annotator}.{report}")


INVENTED = (
    "plain learning fast fast250 round150 round250 "
    "round350 slow128 shutdown shutdownbeats single flutter both"
)


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ec57")
    with tarfile.open(GOLDEN / "invented.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "invented"


@pytest.mark.parametrize("kind", INVENTED.split())
def test_reports_on_invented_annotations_equal_those_of_bxb_and_sumstats(kind: str, invented: Path):
    folder = invented / kind
    start_s, window_s = (float(word) for word in (folder / "options.txt").read_text().split())
    pairs = read_pairs(folder, folder, annotators=("atr", "tst"), start_s=start_s)
    assert len(pairs) == 6
    scores = score_records(pairs, test_annotator="tst", start_s=start_s, window_s=window_s)
    texts = scores.texts()
    for name in ("line.txt", "shutdown.txt", "sumstats.txt"):
        assert texts[name] == (folder / name).read_text(), name
    # this archive holds bxb's whole standard report, where the texts beside it leave out the shutdown
    whole = matrix_text(scores.beats, reference_annotator="atr", test_annotator="tst", shutdown=True)
    assert whole == (folder / "matrix.txt").read_text()
    assert texts.get("standard.txt", whole) == whole


def test_beats_missed_in_shutdown_leave_out_s_in_the_text_and_not_in_the_figures(
    real_database: Callable[[str], Path],
):
    scores = score_records(records(real_database("mitdb"), ("201",), "shut"))
    assert scores.texts()["shutdown.txt"] == expected("shut201.shutdown.txt")
    figures = scores.to_dict()["records"]["201"]["missed_in_shutdown"]
    assert (figures["beats"]["hits"], figures["S"]["hits"]) == (22, 5)
    assert figures["beats"]["percent"] == pytest.approx(100 * 22 / figures["beats"]["total"])


def test_rhythm_reports_equal_those_of_epicmp(real_database: Callable[[str], Path]):
    af = score_records(records(real_database("mitdb"), RHYTHM_RECORDS, "rhy")).af
    assert tuple(af) == RHYTHM_RECORDS
    assert episode_line_text(af) == expected("rhythm-af.line.txt")
    text = episode_matrix_text(af, reference_annotator="atr", test_annotator="rhy")
    assert text == expected("rhythm-af.matrix.txt")


def test_reference_scores_perfectly_against_itself_within_5_s(real_database: Callable[[str], Path]):
    mitdb = real_database("mitdb")
    names = sorted(path.stem for path in mitdb.glob("*.atr"))
    began = time.process_time()
    annotations = {name: read(mitdb, name, "atr") for name in names}
    scores = score_records(RecordToScore(name, a, a, FS_HZ, DURATION_S) for name, a in annotations.items())
    scores.texts()
    assert time.process_time() - began < 5.0
    assert len(names) == 48
    for c in scores.beats.values():
        assert c.matrix.sum() == np.trace(c.matrix) > 0
        assert c.rr_error_ms == 0.0
