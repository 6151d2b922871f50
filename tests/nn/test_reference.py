from pathlib import Path

import numpy as np
import pytest
from torch import nn

import ecgrnn
from ecgrnn.errors import ConfigError
from ecgrnn.nn.verification import reference, reference_cells
from ecgrnn.nn.verification.reference_cells import CELLS, ArrayState, ArrayWeights
from ecgrnn.nn.verification.verify import verify
from ecgrnn.options.choices import Cell
from ecgrnn.options.networks import WRITTEN_OUT

GATES = {
    Cell.lstm: 4,
    Cell.gru: 3,
    Cell.gru_reset_before: 3,
    Cell.min_gru: 2,
    Cell.min_lstm: 3,
} | dict.fromkeys((Cell.joined, Cell.joined_tanh), 2)


def test_numpy_ours_and_torch_agree_in_every_cell_layer_and_direction():
    rows = verify()
    assert len(rows) == 11 * 3 * 2 + 1
    for row in rows:
        assert row.passed, row
        assert (row.forward_fused is None) == (row.cell in {*WRITTEN_OUT, "lstm_layer_norm"})


@pytest.mark.parametrize("layer", [nn.RNN, nn.LSTM, nn.GRU])
def test_every_layer_that_torch_has_is_compared_with_itself(layer, monkeypatch):
    begun, forward = [], layer.forward

    def watched(self, *given):
        begun.append(given)
        return forward(self, *given)

    monkeypatch.setattr(layer, "forward", watched)
    verify(layers=(1,))
    assert len(begun) >= (4 if layer is nn.RNN else 2)  # tanh and relu, in one direction and in two


def test_a_tolerance_below_rounding_does_not_pass():
    assert not all(row.passed for row in verify(layers=(2,), tolerance=0.0))


def test_a_difference_that_is_no_number_does_not_pass():
    row = verify(layers=(1,))[0]
    assert not row._replace(forward_numpy=float("nan")).passed
    assert not row._replace(gradient_fused=1e-3).passed


def test_a_wrong_gate_is_found(monkeypatch):
    def swapped(x, h, c, weights):
        W_ih, W_hh, b_ih, b_hh = weights
        f, i, g, o = np.split(x @ W_ih.T + b_ih + h @ W_hh.T + b_hh, 4, axis=-1)
        c = reference_cells.sigmoid(f) * c + reference_cells.sigmoid(i) * np.tanh(g)
        return reference_cells.sigmoid(o) * np.tanh(c), c

    monkeypatch.setattr(reference_cells, "lstm", swapped)
    assert [row.cell for row in verify(layers=(1,)) if not row.passed] == [Cell.lstm, Cell.lstm]


def test_a_layer_norm_without_its_mean_is_found(monkeypatch):
    monkeypatch.setattr(
        reference_cells, "normalised", lambda a: a / np.sqrt((a * a).mean(-1, keepdims=True) + 1e-5)
    )
    assert [row.cell for row in verify(layers=(1,)) if not row.passed] == ["lstm_layer_norm"]


@pytest.mark.parametrize("cell", Cell)
def test_the_gradients_by_hand_equal_central_differences(cell):
    rng = np.random.default_rng(0)
    gates = GATES.get(cell, 1)
    x, h, c = rng.normal(size=(2, 3)), rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    shapes = ((gates * 4, 3), (gates * 4, 4), (gates * 4,), (gates * 4,))
    weights = ArrayWeights(*(rng.normal(size=shape) for shape in shapes))
    d = ArrayState(rng.normal(size=(2, 4)), rng.normal(size=(2, 4)))

    def loss(x, h, c, *weights):
        after = CELLS[cell].step(x, ArrayState(h, c), ArrayWeights(*weights))
        return np.sum(after.h * d.h) + np.sum(after.c * d.c)

    inputs = [x, h, c, *weights]
    back = CELLS[cell].backward(x, ArrayState(h, c), weights, d)
    for k, gradient in enumerate([back.x, *back.state, *back.weights]):
        for index in np.ndindex(inputs[k].shape):
            moved = [[part.copy() for part in inputs] for _ in range(2)]
            moved[0][k][index] += 1e-6
            moved[1][k][index] -= 1e-6
            difference = (loss(*moved[0]) - loss(*moved[1])) / 2e-6
            assert gradient[index] == pytest.approx(difference, abs=1e-7)


def test_weights_under_foreign_names_are_refused():
    with pytest.raises(ConfigError, match="weight_ih_l0"):
        reference.layer_suffixes({"kernel": np.zeros((2, 2))})


def test_only_the_command_verify_imports_what_only_verification_uses():
    package = Path(ecgrnn.__file__).parent
    others = {*package.rglob("*.py")} - {*(package / "nn" / "verification").iterdir()}
    importing = [path for path in others if "ecgrnn.nn.verification" in path.read_text()]
    assert [path.relative_to(package).as_posix() for path in importing] == ["commands/verify.py"]
