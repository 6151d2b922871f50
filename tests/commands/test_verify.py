from ecgrnn.cli import main


def test_verify_prints_every_cell_and_passes(tmp_path, capsys):
    assert main(["verify", f"run_dir={tmp_path / 'run'}"]) == 0
    printed = capsys.readouterr().out
    for cell in ("rnn_tanh", "rnn_relu", "lstm", "gru", "gru_reset_before", "min_gru", "min_lstm"):
        assert f"\n{cell} " in printed
    for cell in ("lstm_layer_norm", "joined", "joined_tanh"):
        assert f"\n{cell} " in printed
    assert "comparisons are within 1e-10" in printed


def test_verify_fails_when_a_difference_is_over_the_tolerance(tmp_path, capsys):
    assert main(["verify", "tolerance=1e-20", f"run_dir={tmp_path / 'run'}"]) == 2
    streams = capsys.readouterr()
    assert "over tolerance" in streams.out
    assert "comparisons are over 1e-20" in streams.err
