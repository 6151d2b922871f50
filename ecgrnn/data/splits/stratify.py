"""Dividing patients so that every class is shared out as evenly as whole patients allow."""

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import SplitError

# One draw costs (patients x classes) multiplications; many draws only pay where patients are few.
_DRAW_BUDGET = 1 << 20
_MOST_DRAWS = 4096
# A class that is missing from a subset costs more than any imbalance can.
_MISSING_COST = 1e6
# Beyond this many patients single moves come near enough, and all pairs are too many.
_MOST_SWAPPED = 200


def choose_validation(
    counts: NDArray[np.int64], *, fraction: float, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Choose the patients whose share of every class comes nearest to ``fraction``.

    Takes the best of many random draws, then moves and swaps patients while that helps. The cost of a class
    is the squared log-ratio of what it has in each subset to what it should have; the patients themselves
    count as one more class. A class that two patients or more have is kept in both subsets wherever the
    patients allow it (three classes with two patients each may make it impossible).

    Args:
        counts: how often each patient has each class, ``(patient, class)``.
        fraction: the share that is wanted, above 0 and below 1.
        rng: where the draws come from; the same generator state gives the same patients.

    Returns:
        Indices of the chosen patients, ascending; at least one, and never all.

    Raises:
        SplitError: there are fewer than two patients, or ``fraction`` is not between 0 and 1.

    >>> counts = np.array([[90, 5], [80, 0], [85, 6], [95, 0]])
    >>> chosen = choose_validation(counts, fraction=0.5, rng=np.random.default_rng(0))
    >>> bool((counts[chosen] > 0).any(axis=0).all())
    True
    """
    if not 0 < fraction < 1:
        raise SplitError(f"a subset's share must lie between 0 and 1; it is {fraction}")
    patients = len(counts)
    if patients < 2:
        raise SplitError(f"cannot take patients out of {patients}; expected at least 2")
    table = _with_patients(counts)
    chosen = _best_draw(table, fraction=fraction, rng=rng)
    return np.flatnonzero(_improved(chosen, table, fraction=fraction))


def stratified_folds(counts: NDArray[np.int64], *, folds: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Give each patient a fold so that every class is spread over the folds as evenly as patients allow.

    Patients are dealt out, those with the largest part of any class first, each to the fold that has the
    least of what the patient brings; ties in the order are drawn. Small tables take the best of 20 deals.

    Args:
        counts: how often each patient has each class, ``(patient, class)``.
        folds: how many folds, at least 2.
        rng: where the order of equal patients comes from.

    Returns:
        Fold of each patient, 0 to ``folds - 1``, ``(patient,)``; no fold is empty.

    Raises:
        SplitError: ``folds`` is below 2 or above the number of patients.
    """
    if not 2 <= folds <= len(counts):
        raise SplitError(
            f"cannot make {folds} folds of {len(counts)} patients; expected 2 to {len(counts)} folds"
        )
    table = _with_patients(counts)
    shares = table / np.maximum(table.sum(axis=0), 1)
    deals = 1 if len(counts) > _MOST_SWAPPED else 20
    best: tuple[float, NDArray[np.intp]] | None = None
    for _ in range(deals):
        fold = _dealt(shares, folds=folds, rng=rng)
        load = np.stack([shares[fold == index].sum(axis=0) for index in range(folds)])
        cost = float((load**2).sum())
        if best is None or cost < best[0]:
            best = cost, fold
    return best[1] if best else np.zeros(0, dtype=np.intp)


def _with_patients(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.column_stack([np.asarray(counts, dtype=np.float64), np.ones(len(counts))])


def _cost(chosen: NDArray[np.float64], table: NDArray[np.float64], *, fraction: float) -> NDArray[np.float64]:
    """Give the cost of each candidate; ``chosen`` holds its counts per class, ``(candidate, class)``."""
    total = table.sum(axis=0)
    left = total - chosen
    # One is added to both, so that a class of a few beats does not outweigh all the others.
    ratio_chosen = np.log((chosen + 1) / (fraction * total + 1))
    ratio_left = np.log((left + 1) / ((1 - fraction) * total + 1))
    shared = (table > 0).sum(axis=0) >= 2
    missing = (shared & ((chosen <= 0) | (left <= 0))).sum(axis=-1)
    cost: NDArray[np.float64] = (ratio_chosen**2 + ratio_left**2).sum(axis=-1) + _MISSING_COST * missing
    return cost


def _best_draw(table: NDArray[np.float64], *, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    patients = len(table)
    draws = int(np.clip(_DRAW_BUDGET // table.size, 16, _MOST_DRAWS))
    wanted = fraction * patients
    low, high = max(1, int(wanted * 0.8)), min(patients - 1, int(wanted * 1.2) + 1)
    sizes = rng.integers(low, max(low, high) + 1, size=draws)
    ranks = rng.random((draws, patients)).argsort(axis=1).argsort(axis=1)
    masks = ranks < sizes[:, None]
    best: NDArray[np.bool_] = masks[_cost(masks @ table, table, fraction=fraction).argmin()]
    return best


def _improved(chosen: NDArray[np.bool_], table: NDArray[np.float64], *, fraction: float) -> NDArray[np.bool_]:
    """Move one patient, or swap two, as long as the cost falls."""
    chosen = chosen.copy()
    # Every step lowers the cost, so this ends; the bound only keeps a huge table from taking minutes.
    for _ in range(10 * _MOST_SWAPPED):
        sums = table[chosen].sum(axis=0)
        moves = _moves(chosen)
        signs = np.where(chosen[moves], -1.0, 1.0)
        # The second column of a single move points at the same patient, and is not counted twice.
        signs[moves[:, 0] == moves[:, 1], 1] = 0.0
        after = sums + np.einsum("ms,msc->mc", signs, table[moves])
        costs = _cost(after, table, fraction=fraction)
        now = _cost(sums[None], table, fraction=fraction)[0]
        best = int(costs.argmin())
        if not costs[best] < now - 1e-9:
            break
        first, second = moves[best]
        chosen[first] = not chosen[first]
        if first != second:
            chosen[second] = not chosen[second]
    return chosen


def _moves(chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
    """List pairs of patients that change subsets; a pair of the same patient is a single move."""
    single = np.repeat(np.arange(len(chosen))[:, None], 2, axis=1)
    if len(chosen) > _MOST_SWAPPED:
        return single
    inside, outside = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    swaps = np.stack(np.meshgrid(inside, outside, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.concatenate([single, swaps])


def _dealt(shares: NDArray[np.float64], *, folds: int, rng: np.random.Generator) -> NDArray[np.intp]:
    patients = len(shares)
    order = np.lexsort((rng.random(patients), -shares.max(axis=1)))
    load = np.zeros((folds, shares.shape[1]))
    fold = np.zeros(patients, dtype=np.intp)
    for patient in order:
        # Adding x to a load L raises the sum of squares by 2 L.x + x.x, and x.x is the same for every fold.
        target = int((load @ shares[patient]).argmin())
        load[target] += shares[patient]
        fold[patient] = target
    return fold
