import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ecgrnn.evaluation.evaluate import evaluation_of
from ecgrnn.evaluation.held_out import open_held_out
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.metrics.ec57.scores import score_records
from ecgrnn.options.commands import EvaluateConfig
from ecgrnn.tasks.beats.report.gallery import choose_exhibits, gallery_rows
from ecgrnn.tasks.beats.scoring.calibration import fit_on_validation, threshold_figures
from ecgrnn.tasks.beats.scoring.detected import start_of_period
from ecgrnn.tasks.beats.scoring.held_out import HeldOutBeats, read_beats
from ecgrnn.tasks.beats.scoring.results import (
    AT_REFERENCE,
    evaluate_beats,
    matrices_by_record,
)
from ecgrnn.tasks.beats.scoring.summary import summarise
from ecgrnn.tasks.score_files import in_scheme, read_pairs


@pytest.fixture(scope="module")
def options(trained, tmp_path_factory):
    checkpoint = trained / "checkpoints" / "best.ckpt"
    data = dataclasses.replace(load_model(checkpoint).data, database=None)
    run_dir = tmp_path_factory.mktemp("results")
    return EvaluateConfig(run_dir=str(run_dir), checkpoint=str(checkpoint), data=data, resamples=200)


@pytest.fixture(scope="module")
def results(options):
    model = load_model(Path(options.checkpoint))
    held_out = open_held_out(model, options.data)
    return evaluate_beats(evaluation_of(model, held_out, options, seconds={}))


def with_labels(beats: HeldOutBeats, predicted: np.ndarray) -> HeldOutBeats:
    logits = np.eye(len(beats.scheme.classes), dtype=np.float32)[predicted] * 5
    return dataclasses.replace(beats, logits=logits)


def test_the_engine_counts_files_at_reference_positions_as_the_confusion_matrix_does(results, options):
    held_out = results.held_out
    pairs = read_pairs(
        held_out.folder,
        Path(options.run_dir) / AT_REFERENCE,
        annotators=(held_out.annotator, "ecg"),
        records=[record.name for record in held_out.test],
    )
    scores = score_records(in_scheme(pairs, results.beats.scheme), start_s=0.0)
    engine = np.stack([comparison.matrix for comparison in scores.beats.values()])
    np.testing.assert_array_equal(engine[:, :5, :5], matrices_by_record(results.beats))
    assert engine[:, 5:].sum() == engine[:, :, 5:].sum() == 0


def test_nothing_is_fitted_on_the_test_subset(results):
    split = results.held_out.split
    assert results.fitted.records == split.validation
    assert not set(results.fitted.records) & set(split.test)


def test_temperature_and_thresholds_come_from_the_validation_beats(results):
    held_out = results.held_out
    validation = read_beats(
        results.reading.model,
        held_out.own["validation"],
        annotator=held_out.own_annotator,
        scheme=results.beats.scheme,
        batch_size=1024,
    )
    assert fit_on_validation(validation) == results.fitted
    figures = threshold_figures(results.beats, results.fitted)
    for k, name in enumerate(results.beats.scheme.classes):
        of_class = validation.table.label == k
        assert figures[name]["validation_positives"] == of_class.sum()
        assert figures[name]["validation_patients"] == len(set(validation.table.record[of_class].tolist()))


def test_twice_the_logits_need_twice_the_temperature(results):
    sometimes_wrong = results.beats.table.label.copy()
    sometimes_wrong[::5] = (sometimes_wrong[::5] + 1) % len(results.beats.scheme.classes)
    once = with_labels(results.beats, sometimes_wrong)
    twice = dataclasses.replace(once, logits=once.logits * 2)
    temperatures = [fit_on_validation(beats).temperature for beats in (once, twice)]
    assert temperatures[1] == pytest.approx(2 * temperatures[0], rel=1e-3)


def test_the_gallery_shows_mistakes_as_mistakes_and_hits_as_hits(results):
    beats = results.beats
    wrong = beats.table.label.copy()
    wrong[::7] = (wrong[::7] + 1) % len(beats.scheme.classes)
    made = dataclasses.replace(
        results, reading=dataclasses.replace(results.reading, beats=with_labels(beats, wrong))
    )
    exhibits = choose_exhibits(made)
    rows = gallery_rows(made, exhibits)
    for row in rows:
        assert (row["reference"] == row["predicted"]) == (row["kind"] == "hit")
    assert {row["kind"] for row in rows} == {"mistake", "hit", "worst"}
    mistakes = [row["reference"] for row in rows if row["kind"] == "mistake"]
    assert max(mistakes.count(name) for name in mistakes) <= 3


def test_a_model_without_mistakes_has_no_worst_record(results):
    perfect = with_labels(results.beats, results.beats.table.label)
    made = dataclasses.replace(results, reading=dataclasses.replace(results.reading, beats=perfect))
    assert {exhibit.kind for exhibit in choose_exhibits(made)} == {"hit"}
    summary = summarise(made, seconds={})
    assert summary["accuracy"] == 1.0
    assert summary["intervals"]["accuracy"]["bca"] is None  # of width zero


def test_short_records_are_scored_from_their_beginning_and_long_ones_from_five_minutes(results):
    record = results.held_out.test[0]
    assert start_of_period([record]) == 0.0
    long = dataclasses.replace(record, source_samples=round(601 * record.source_fs_hz))
    assert start_of_period([long]) == 300.0
    assert start_of_period([long, record]) == 0.0
