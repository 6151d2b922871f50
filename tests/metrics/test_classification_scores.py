import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

from ecgrnn.metrics.classification import (
    ConfusionMatrix,
    accuracy,
    class_scores,
    confusion_matrix,
    macro_f1,
)

BY_HAND = np.array([[50, 10, 0], [5, 20, 0], [0, 0, 0]])


def drawn(seed: int, *, n: int = 500, classes: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(classes, (n,), generator=generator)
    logits = torch.randn(n, classes, generator=generator)
    logits[torch.arange(n), label] += 1.0
    return logits, label


def matrix_of(logits: torch.Tensor, label: torch.Tensor) -> np.ndarray:
    return confusion_matrix(label.numpy(), logits.argmax(-1).numpy(), n_classes=logits.shape[1])


def test_scores_are_those_counted_by_hand():
    first, second, absent = class_scores(BY_HAND)
    assert (first.support, second.support, absent.support) == (60, 25, 0)
    assert first.sensitivity == 50 / 60
    assert first.positive_predictivity == 50 / 55
    assert first.f1 == 100 / 115
    assert second.sensitivity == 20 / 25
    assert second.positive_predictivity == 20 / 30
    assert second.f1 == 40 / 55
    assert accuracy(BY_HAND) == 70 / 85


def test_a_class_that_is_not_there_has_no_sensitivity_and_no_f1():
    absent = class_scores(BY_HAND)[2]
    assert np.isnan([absent.sensitivity, absent.positive_predictivity, absent.f1]).all()
    called = class_scores(BY_HAND + np.array([[0, 0, 3], [0, 0, 0], [0, 0, 0]]))[2]
    assert np.isnan([called.sensitivity, called.f1]).all()
    assert called.positive_predictivity == 0


def test_macro_f1_is_the_mean_over_the_named_classes_that_are_there():
    assert macro_f1(BY_HAND, over=[0, 1]) == pytest.approx((100 / 115 + 40 / 55) / 2)
    assert macro_f1(BY_HAND, over=[1]) == pytest.approx(40 / 55)
    assert macro_f1(BY_HAND, over=[0, 1, 2]) == macro_f1(BY_HAND, over=[0, 1])
    assert np.isnan(macro_f1(BY_HAND, over=[2]))


def test_rows_are_the_reference_and_columns_what_was_called():
    matrix = confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), n_classes=3)
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [0, 1, 0], [1, 0, 0]])


def test_an_item_without_a_label_does_not_count():
    matrix = confusion_matrix(np.array([-1, 0, -1]), np.array([1, 0, 0]), n_classes=2)
    np.testing.assert_array_equal(matrix, [[1, 0], [0, 0]])


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_those_of_torchmetrics(seed):
    logits, label = drawn(seed)
    matrix = matrix_of(logits, label)
    np.testing.assert_array_equal(matrix, multiclass_confusion_matrix(logits, label, num_classes=5).numpy())
    scores = class_scores(matrix)
    for name, reference in (
        ("sensitivity", multiclass_recall),
        ("positive_predictivity", multiclass_precision),
        ("f1", multiclass_f1_score),
    ):
        wanted = reference(logits, label, num_classes=5, average="none").numpy()
        np.testing.assert_allclose([getattr(score, name) for score in scores], wanted, rtol=1e-6)
    wanted = multiclass_f1_score(logits, label, num_classes=5, average="macro").item()
    assert macro_f1(matrix, over=range(5)) == pytest.approx(wanted, rel=1e-6)
    wanted = multiclass_accuracy(logits, label, num_classes=5, average="micro").item()
    assert accuracy(matrix) == pytest.approx(wanted, rel=1e-6)


def test_a_matrix_gathered_over_batches_equals_one_over_all():
    logits, label = drawn(0)
    label[::7] = -1
    gathered = ConfusionMatrix(5)
    for rows in torch.arange(len(label)).split(33):
        gathered.update(logits[rows].argmax(-1), label[rows])
    np.testing.assert_array_equal(gathered.compute().numpy(), matrix_of(logits, label))
    gathered.reset()
    assert gathered.matrix.sum() == 0


def test_the_order_of_the_items_changes_nothing():
    logits, label = drawn(1)
    order = torch.randperm(len(label), generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(matrix_of(logits, label), matrix_of(logits[order], label[order]))
