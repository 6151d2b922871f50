import dataclasses

import torch

from ecgrnn.cli import main
from ecgrnn.export.torch_program import export_torch
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.networks.build import classifier
from ecgrnn.options.networks import ClassifierConfig, EncoderConfig


def test_a_program_of_torch_reads_any_number_of_rows_and_lengths(tmp_path, monkeypatch):
    monkeypatch.setattr("ecgrnn.export.parity._STRIP_S", 1.0)  # every step is written out
    model = load_model("rhythm")
    encoder = EncoderConfig(frame_s=0.4, hidden_size=3, num_layers=1, bidirectional=True)
    config = ClassifierConfig(encoder=encoder, head_size=4)
    network = classifier(config, model.signal, n_classes=4, n_features=31).eval()
    out = tmp_path / "rhythm.pt2"
    said = export_torch(dataclasses.replace(model, network=network), out, tolerance=1e-5)
    assert said[-1] == "length         153 samples a row, shorter ones padded and told by lengths"
    program = torch.export.load(out).module()
    signal, features = torch.randn(3, 153, 1), torch.randn(3, 31)
    lengths = torch.tensor([153, 40, 151])
    with torch.inference_mode():
        expected = network(signal, lengths, features)
        torch.testing.assert_close(program(signal, lengths, features), expected, atol=1e-5, rtol=0)


def test_a_program_of_torch_is_not_rounded(capsys):
    assert main(["export", "checkpoint=rhythm", "format=torch", "quantize=int8"]) == 2
    assert "leave them out with format=torch" in capsys.readouterr().err
