"""Whether two models differ on the same patients, by exchanging their results patient by patient."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test

MOST_UNDEFINED = 0.01
"""Above this share of draws without a value there is no interval: it would be one of the other draws only."""

EXACT_PATIENTS = 13
"""Up to so many patients on whom the models differ all exchanges are made, 8,192 at most."""

_BATCH = 1 << 19
"""Numbers of a batch of exchanges: memory does not grow with patients times exchanges."""


def sign_change_p_value(
    both: NDArray[Any],
    difference: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    rng: np.random.Generator,
    n_resamples: int = 10_000,
) -> float:
    """Give the two-sided p-value of no difference by exchanging both models' counts of single patients.

    Args:
        both: counts of each patient by both models ``(patient, model, ...)``.
        difference: from added-up counts ``(exchange, model, ...)`` to a number each.
        rng: source of the exchanges, where not all are made.
        n_resamples: how many random exchanges are made where more than ``EXACT_PATIENTS`` patients differ.

    Returns:
        The p-value; nan where the difference is not defined, or not in more than ``MOST_UNDEFINED`` of the
        exchanges.
    """
    both = np.asarray(both, dtype=np.float64)
    total = both.sum(axis=0, keepdims=True)
    observed = float(difference(total)[0])
    differing = both[(both[:, 0] != both[:, 1]).reshape(len(both), -1).any(axis=1)]
    n, undefined = len(differing), [0, 0]
    if np.isnan(observed) or n < 2:
        return float("nan") if np.isnan(observed) else 1.0
    exchange = (differing[:, ::-1] - differing).reshape(n, -1)

    def exchanged(x: NDArray[Any], y: NDArray[Any], axis: int) -> NDArray[np.float64]:
        """Give the difference after the patients whose first result is not in ``x`` were exchanged."""
        swapped = np.atleast_2d((x >= n).astype(np.float64))
        values = difference(total + (swapped @ exchange).reshape(-1, *both.shape[1:]))
        unknown = np.isnan(values)
        undefined[0] += int(unknown.sum())
        undefined[1] += len(values)
        # counted as large and as small as what was observed, so that p can only become larger
        values = np.where(unknown, observed, values)
        return values if np.ndim(x) > 1 else values[0]

    found = permutation_test(
        (np.arange(n), np.arange(n) + n),
        exchanged,
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**n if n <= EXACT_PATIENTS else n_resamples,
        batch=max(1, _BATCH // n),
        axis=-1,
        random_state=rng,
    )
    return float(found.pvalue) if undefined[0] <= MOST_UNDEFINED * undefined[1] else float("nan")
