import dataclasses

import numpy as np
import pytest
import torch

from ecgrnn.errors import ConfigError, DataError
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.inference.leads import for_leads, leads_read, named_leads, trained_on
from ecgrnn.signals.detection.detect import detect_qrs
from ecgrnn.signals.detection.records import find_beats, find_beats_of
from ecgrnn.signals.formats import read
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.formats.wfdb.writer import write_digital


@pytest.fixture(scope="module")
def checkpoint(trained):
    return trained / "checkpoints" / "best.ckpt"


@pytest.fixture(scope="module")
def model(checkpoint):
    return load_model(checkpoint)


@pytest.fixture
def ward(small_database, tmp_path):
    """Give a folder with the record ``s003`` under other lead names, behind a lead of noise."""
    raw = (small_database / "s003.dat").read_bytes()
    header = (small_database / "s003.hea").read_text().splitlines()
    (tmp_path / "s003.dat").write_bytes(raw)
    (tmp_path / "s003.atr").write_bytes((small_database / "s003.atr").read_bytes())
    first, second = (line.replace("MLII", "II") for line in header[1:3])
    noise = np.random.default_rng(0).integers(-100, 100, int(header[0].split()[3]), "<i2")
    (tmp_path / "noise.dat").write_bytes(noise.tobytes())
    lines = [header[0].replace("s003 2", "s003 3"), "noise.dat 16 200/mV 16 0 0 0 0 I", first, second]
    (tmp_path / "s003.hea").write_text("\n".join(lines) + "\n")
    return tmp_path


def one_lead(folder):
    digital = np.random.default_rng(0).integers(-500, 500, (4000, 1)).astype(np.int16)
    write_digital(folder / "one", digital, fmt="16", fs_hz=360.0, leads=("II",), gain_per_mv=200.0)
    return folder / "one"


def test_a_checkpoint_knows_the_names_of_the_leads_it_was_trained_on(model):
    assert model.trained_leads == (("MLII",), ("V1",))
    assert trained_on(model) == "trained on MLII, V1"


def test_an_older_checkpoint_loads_and_says_that_it_does_not_know(checkpoint, ward, tmp_path):
    content = torch.load(checkpoint, weights_only=True)
    del content["ecgrnn"]["trained_leads"]
    torch.save(content, tmp_path / "old.ckpt")
    old = load_model(tmp_path / "old.ckpt")
    assert old.trained_leads == ()
    told = "I, II (it does not say which it was trained on; choose with leads=[...])"
    assert leads_read(old, read(ward / "s003")).endswith(told)
    content["ecgrnn"]["preprocessing"]["leads"] = ["MLII", "V1"]
    torch.save(content, tmp_path / "named.ckpt")
    assert load_model(tmp_path / "named.ckpt").trained_leads == (("MLII",), ("V1",))


def test_other_names_than_those_of_training_are_told(model, ward, small_database):
    assert leads_read(model, read(small_database / "s003")) == "MLII, V1"
    wanted = "I, II (trained on MLII, V1; choose with leads=[...])"
    assert leads_read(for_leads(model, read(ward / "s003"), None), read(ward / "s003")) == wanted
    wanted = "II, V1 (trained on MLII, V1; choose with leads=[...])"
    assert leads_read(for_leads(model, read(ward / "s003"), ["II", "V1"]), read(ward / "s003")) == wanted


def test_names_of_several_records_and_in_other_letters_are_no_difference(model, ward):
    several = dataclasses.replace(model, trained_leads=(("V5", "i"), ("II", "V1")))
    assert leads_read(several, read(ward / "s003")) == "I, II"
    assert trained_on(several) == "trained on V5 or i, II or V1"


def test_a_record_with_too_few_leads_names_the_way_out(model, tmp_path):
    with pytest.raises(
        DataError, match=r"one has 1 lead\(s\) \(II\), and this network reads 2 \(trained on"
    ) as e:
        for_leads(model, read(one_lead(tmp_path)), None)
    assert "MLII, V1" in str(e.value)
    assert str(e.value).endswith("preprocessing.n_leads=1")


def test_leads_that_do_not_fit_are_refused(model, ward):
    with pytest.raises(ConfigError, match=r"leads=\[II\] names 1 lead\(s\), and this network reads 2"):
        for_leads(model, read(ward / "s003"), ["II"])
    with pytest.raises(DataError, match=r"no lead 'V9'; leads that are there: I, II, V1"):
        for_leads(model, read(ward / "s003"), ["II", "V9"])
    named = dataclasses.replace(
        model, preprocessing=dataclasses.replace(model.preprocessing, leads=["aVF", "V1"])
    )
    with pytest.raises(DataError, match=r"no lead 'aVF'; .* choose among them with leads=\[...\]"):
        for_leads(named, read(ward / "s003"), None)
    assert for_leads(named, read(ward / "s003"), ["ii", "v1"]).preprocessing.leads == ["II", "V1"]


def test_a_recording_of_some_of_its_leads_reads_no_other(ward):
    recording = read(ward / "s003")
    chosen = named_leads(recording, ["v1", "I"])
    assert chosen.leads == ("V1", "I")
    np.testing.assert_array_equal(chosen.signal, recording.signal[:, [2, 0]])
    assert (chosen.fs_hz, chosen.place) == (360.0, str(ward / "s003"))
    with pytest.raises(DataError, match="no lead 'V9'"):
        named_leads(recording, ["V9"])


def test_predict_reads_the_leads_that_are_named(
    checkpoint, ward, small_database, command_line, tmp_path, capsys
):
    def table(record, name, *words):
        out = tmp_path / name
        given = [f"checkpoint={checkpoint}", f"record={record}", "annotator=atr", f"run_dir={out}"]
        assert command_line("predict", *given, *words) == 0
        return (out / "s003.csv").read_text()

    wanted = table(small_database / "s003", "original")
    assert "leads          MLII, V1\n" in capsys.readouterr().out
    assert table(ward / "s003", "named", "leads=[II,V1]") == wanted
    assert table(ward / "s003", "first") != wanted
    told = "leads          I, II (trained on MLII, V1; choose with leads=[...])\n"
    assert told in capsys.readouterr().out
    assert command_line("predict", f"checkpoint={checkpoint}", f"record={ward / 's003'}", "leads=[]") == 2
    assert "leads=[] must name one lead" in capsys.readouterr().err


def test_beats_are_found_in_all_leads_and_marked_in_those_that_the_model_reads(model, ward):
    one = dataclasses.replace(model.preprocessing, leads=["V1"])
    record = read_record(ward / "s003")
    assert record.leads == ("I", "II", "V1")
    wanted = detect_qrs(record.signal, fs_hz=record.fs_hz, marked=[2, 0, 1])
    np.testing.assert_array_equal(find_beats(ward / "s003", one), wanted)
    np.testing.assert_array_equal(find_beats_of(read(ward / "s003"), one), wanted)
