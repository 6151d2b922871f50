import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

from onnx import TensorProto, helper, load_model_from_string

from ecgrnn.cli import main
from ecgrnn.errors import CheckpointError
from ecgrnn.export.networks import network_graph
from ecgrnn.export.onnx_export import export_onnx
from ecgrnn.export.onnx_model import stamp
from ecgrnn.export.parity import random_batch, torch_outputs
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.inference.exported import About, OnnxNetwork
from ecgrnn.inference.onnx_file import ABOUT, FACTS
from ecgrnn.networks.build import classifier
from ecgrnn.networks.labeller import Labeller
from ecgrnn.networks.lead_set import LeadSetEncoder
from ecgrnn.options.choices import Cell, Front, Head, InitialState, LeadReading, Pooling, Quantize
from ecgrnn.options.deploy import ExportConfig
from ecgrnn.options.networks import BeatSequenceNetworkConfig, ClassifierConfig, EncoderConfig, SequenceConfig
from ecgrnn.options.spec import SignalSpec
from ecgrnn.tasks.beats.network import beat_sequence_network
from ecgrnn.tasks.beats.options import BeatSequenceConfig
from ecgrnn.tasks.delineation.steps import ExportedLabels, viterbi

SHIPPED = {"beats_causal": "N", "waves": "QRS", "rhythm": "A"}
"""A model of each task, and a class of it."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> dict[str, Path]:
    """Export a model of each task, each with the proof that it says what its checkpoint says."""
    folder = tmp_path_factory.mktemp("exported")
    for name in SHIPPED:
        assert main(["export", f"checkpoint={name}", f"out={folder / name}.onnx"]) == 0
    return {name: folder / f"{name}.onnx" for name in SHIPPED}


def onnx_network(module, *, n_leads=2, window=0) -> OnnxNetwork:
    made = network_graph(module.eval(), n_leads=n_leads, window=window)
    content = made.graph.model({}).SerializeToString()
    beside = {name: np.atleast_2d(array).tolist() for name, array in made.beside.items()}
    return OnnxNetwork(content, About(weights=0, beside=beside), threads=1)


@pytest.mark.parametrize("model", SHIPPED)
def test_an_exported_model_says_what_its_checkpoint_says(model, exported, capsys):
    read = load_model(exported[model])
    assert SHIPPED[model] in read.scheme.classes
    assert read.facts == load_model(model).facts
    proto = load_model_from_string(exported[model].read_bytes())
    texts = {one.key: one.value for one in proto.metadata_props}
    assert "Model card" in texts["model_card"].splitlines()[0]
    assert texts["license"] == "Apache-2.0"
    assert json.loads(texts["preprocessing"])["lowpass_hz"] in (40.0, 50.0)


def test_predict_with_an_exported_model_imports_no_torch_and_gives_the_same_files(
    exported, small_database, tmp_path
):
    jobs = [
        [f"checkpoint={file}", f"record={small_database / 's003'}", f"run_dir={tmp_path / name}"]
        for name, file in exported.items()
    ]
    code = (
        "import sys; from ecgrnn.cli import main\n"
        f"done = [main(['predict', *job]) for job in {jobs!r}]\n"
        "loaded = sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'onnx', 'pandas'})\n"
        "sys.exit(f'{done} {loaded}')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stderr.strip().splitlines()[-1] == "[0, 0, 0] []"
    for name in exported:
        place = tmp_path / "torch" / name
        assert main(["predict", f"checkpoint={name}", *jobs[0][1:2], f"run_dir={place}"]) == 0
        marks = {file.name for file in place.iterdir()} - {"config.yaml", "s003.csv"}
        assert marks
        for mark in marks:
            assert (tmp_path / name / mark).read_bytes() == (place / mark).read_bytes()


def test_half_an_hour_is_annotated_alike(exported, real_database, tmp_path):
    record = f"record={real_database('mitdb') / '200'}"
    for place, checkpoint in {"onnx": exported["beats_causal"], "torch": "beats_causal"}.items():
        assert main(["predict", f"checkpoint={checkpoint}", record, f"run_dir={tmp_path / place}"]) == 0
    assert (tmp_path / "onnx" / "200.ecg").read_bytes() == (tmp_path / "torch" / "200.ecg").read_bytes()


@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu", "gru", "gru_reset_before", "lstm"])
@pytest.mark.parametrize("front", list(Front))
def test_every_cell_and_pool_is_the_same_in_onnx(cell, front):
    torch.manual_seed(0)
    signal = SignalSpec(fs_hz=100.0, leads=("", ""))
    for pooling, bidirectional in zip(Pooling, [True, False, True, False, True], strict=True):
        encoder = EncoderConfig(
            front=front, cell=Cell(cell), hidden_size=5, num_layers=2, bidirectional=bidirectional,
            initial_state=InitialState.learned, fused=cell != "gru_reset_before", frame_s=0.07,
        )  # fmt: skip
        module = classifier(
            ClassifierConfig(encoder=encoder, pooling=pooling), signal, n_classes=3, n_features=4
        )
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.uniform_(-0.5, 0.5)
        network = onnx_network(module)
        batch = random_signals(5, longest=211, n_features=4)
        np.testing.assert_allclose(network.read(*batch), torch_outputs(module, *batch), atol=2e-5)


def random_signals(rows: int, *, longest: int, n_features: int, n_leads: int = 2):
    rng = np.random.default_rng(0)
    signal, features = rng.standard_normal((rows, longest, n_leads)), rng.standard_normal((rows, n_features))
    lengths = np.array([longest, 1, 100, 105, 210][:rows])
    signal[1, 1:] = np.nan  # padding
    return signal.astype(np.float32), lengths, features.astype(np.float32)


def test_leads_in_any_number_are_pooled_alike():
    options = BeatSequenceNetworkConfig(leads=LeadReading.any, sequence=SequenceConfig(cell=Cell.lstm))
    task = BeatSequenceConfig(before_s=0.4, after_s=0.496)
    module = beat_sequence_network(options, task, signal=SignalSpec(fs_hz=125.0, leads=()), n_classes=4)
    model = dataclasses.replace(load_model("beats"), network=module)
    network = onnx_network(module, n_leads=0, window=112)
    for leads in (1, 3):
        there = dataclasses.replace(model, signal=SignalSpec(fs_hz=125.0, leads=("",) * leads))
        batch = random_batch(module, there, 2, window=112, rng=np.random.default_rng(leads))
        batch[0][0, 3, 0] = 0.0  # a lead that shows nothing
        np.testing.assert_allclose(network.read(*batch), torch_outputs(module.eval(), *batch), atol=2e-5)


def test_a_state_goes_in_and_comes_out(exported):
    network = load_model(exported["beats_causal"]).network
    module = load_model("beats_causal").network
    signal, _, features = random_batch(
        module, load_model("beats_causal"), 2, window=112, rng=np.random.default_rng(0)
    )
    halves, state = [], {}
    for part in (slice(0, 24), slice(24, 64)):
        lengths = np.full(2, part.stop - part.start)
        found, state = network.read_on(state, signal[:, part], lengths, features[:, part])
        halves.append(found)
    whole = torch_outputs(module, signal, np.array([64, 64]), features)
    np.testing.assert_allclose(np.concatenate(halves, axis=1), whole, atol=2e-5)
    # the second part without the state is something else
    assert np.abs(network.read(signal[:, 24:], lengths, features[:, 24:]) - whole[:, 24:]).max() > 1e-3


def test_the_most_probable_sequence_of_a_crf_is_found_in_numpy():
    torch.manual_seed(0)
    encoder = LeadSetEncoder(8, cell=Cell.gru, hidden_size=4, lead_size=6, context=1, bidirectional=True)
    module = Labeller(encoder, 4, head=Head.crf, labels_per_frame=2, label_size=5).eval()
    with torch.no_grad():
        for part in (module.crf.transitions, module.crf.start, module.crf.end, module.scores.weight):
            part.normal_()
    network = onnx_network(module, n_leads=0)
    signal = np.random.default_rng(0).standard_normal((1, 403, 3)).astype(np.float32)
    scores = network.read(signal, np.array([403]))
    beside = network.beside
    with torch.inference_mode():
        expected = module.outputs(torch.from_numpy(signal), torch.tensor([403]))
        labels = module.decode(expected, torch.tensor([403])).numpy()
    np.testing.assert_allclose(scores, expected.numpy(), atol=2e-5)
    found = viterbi(scores[:, :101], beside["transitions"], start=beside["start"], end=beside["end"])
    np.testing.assert_array_equal(found, labels[:, :101])
    assert ExportedLabels.labels  # what annotate calls


def test_what_onnx_has_no_layer_for_is_refused():
    encoder = EncoderConfig(cell=Cell.min_gru)
    module = classifier(
        ClassifierConfig(encoder=encoder), SignalSpec(fs_hz=100.0, leads=("",)), n_classes=2, n_features=0
    )
    with pytest.raises(CheckpointError, match=r"no recurrent layer with cell=min_gru; it has gru, "):
        network_graph(module, n_leads=1, window=0)


def test_an_export_that_says_something_else_is_not_written(tmp_path):
    model = load_model("beats_tiny")
    options = ExportConfig(checkpoint="beats_tiny", tolerance=1e-12)
    with pytest.raises(CheckpointError, match=r"differs from beats_tiny by .* nothing was written"):
        export_onnx(model, tmp_path / "a.onnx", options, card="", recording=None)
    assert not list(tmp_path.iterdir())


def test_weights_of_one_byte_take_less_room_and_find_the_same_beats(tmp_path):
    model = load_model("beats_tiny")
    options = ExportConfig(checkpoint="beats_tiny", quantize=Quantize.int8)
    sizes = []
    for kind in (Quantize.none, Quantize.int8):
        out = tmp_path / f"{kind}.onnx"
        said = export_onnx(model, out, dataclasses.replace(options, quantize=kind), card="", recording=None)
        proto = load_model_from_string(out.read_bytes())
        sizes.append(sum(len(one.raw_data) for one in proto.graph.initializer))
    assert sizes[1] < 0.4 * sizes[0]
    assert "165 of 165 annotations" in said[1]


def changed(file: Path, change) -> Path:
    """Write a file that was changed by somebody who knows how to make the digest fit."""
    proto = load_model_from_string(file.read_bytes())
    texts = {one.key: one.value for one in proto.metadata_props}
    about = json.loads(texts.pop(ABOUT))
    change(proto, texts, about)
    try:
        stamp(proto, texts, about)
    except CheckpointError:
        helper.set_model_props(proto, {**texts, ABOUT: json.dumps(about)})
    hostile = file.with_name("hostile.onnx")
    hostile.write_bytes(proto.SerializeToString())
    return hostile


def elsewhere(proto, texts, about):
    weight = proto.graph.initializer[0]
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")


def looping(proto, texts, about):
    body = helper.make_graph([], "body", [], [])
    proto.graph.node.append(helper.make_node("Loop", ["", ""], ["x"], body=body))


def infinite(proto, texts, about):
    weight = next(one for one in proto.graph.initializer if one.data_type == TensorProto.FLOAT)
    weight.raw_data = np.full(len(weight.raw_data) // 4, np.inf, "<f4").tobytes()


def too_large(proto, texts, about):
    proto.graph.initializer[0].dims[:] = [2**40]


def custom(proto, texts, about):
    proto.graph.node[0].domain = "somebody"


def other_classes(proto, texts, about):
    facts = json.loads(texts[FACTS])
    facts["scheme"]["classes"].append("X")
    for counts in facts["counts"].values():
        counts["X"] = 0
    texts[FACTS] = json.dumps(facts)


def wrong_type(proto, texts, about):
    facts = json.loads(texts[FACTS])
    facts["preprocessing"]["lowpass_hz"] = "40"
    texts[FACTS] = json.dumps(facts)


def endless(proto, texts, about):
    texts[FACTS] = "[" * 100_000


def without_facts(proto, texts, about):
    del texts[FACTS]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (elsewhere, "a tensor has field 1[34]"),
        (looping, "an attribute has field 6"),
        (infinite, "not finite"),
        (too_large, "bytes for the shape"),
        (custom, "of 'somebody'"),
        (other_classes, "gives 5 classes, its facts name 6"),
        (wrong_type, "lowpass_hz must be a finite number"),
        (endless, "cannot be rebuilt"),
        (without_facts, "no facts 'ecgrnn'"),
    ],
)
def test_a_hostile_file_is_refused_in_one_line(exported, change, why):
    with pytest.raises(CheckpointError, match=why) as refused:
        load_model(changed(exported["beats_causal"], change))
    assert "nothing in it was run" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_damaged_file_is_refused(exported, tmp_path):
    whole = exported["beats_causal"].read_bytes()
    file = tmp_path / "damaged.onnx"
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(whole), 40).tolist():
        bent = bytearray(whole)
        bent[at] ^= 1
        file.write_bytes(bent)
        try:
            load_model(file)
        except CheckpointError:
            continue
        # what stands beside the facts, such as the card, is not read
        assert load_model(file).facts == load_model("beats_causal").facts
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="nothing in it was run"):
            load_model(file)


def test_without_onnx_runtime_it_says_what_to_install(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(CheckpointError, match=r"pip install 'ecgrnn\[onnx\]'"):
        load_model(exported["rhythm"])
    assert main(["export", "checkpoint=beats_tiny"]) == 2
