"""The corrections of the BCa interval: for the bias of the draws and for the acceleration of the spread."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri


def acceleration(left_out: NDArray[np.float64]) -> float:
    """Derive the acceleration of BCa from the statistics with one patient left out ``(patient,)``.

    a = Σ (θ̄ - θᵢ)³ / 6 (Σ (θ̄ - θᵢ)²)^(3/2) over the patients i (Efron 1987).
    """
    d = np.nanmean(left_out) - left_out[~np.isnan(left_out)] if np.isfinite(left_out).any() else np.zeros(1)
    spread = float((d**2).sum())
    return float((d**3).sum() / (6.0 * spread**1.5)) if spread > 0 else 0.0


def share_below(drawn: NDArray[np.float64], estimate: float) -> float:
    """Give the share of draws below the estimate."""
    # draws equal to the estimate, frequent with small counts, are halved; 0 and 1 are kept off, for their
    # normal quantiles are infinite
    B = len(drawn)
    share = float((drawn < estimate).sum() + 0.5 * (drawn == estimate).sum()) / B
    return min(max(share, 1.0 / (B + 1)), B / (B + 1))


def bca_tails(tails: NDArray[np.float64], *, below: float, a: float) -> NDArray[np.float64]:
    """Move the quantiles ``tails`` for the bias of the draws and for the acceleration ``a`` (Efron 1987)."""
    z0 = ndtri(below)
    z = z0 + ndtri(tails)
    # beyond 1 / a the correction has no meaning: the quantile is then the outermost one
    stretched = np.where(
        a * z < 1.0, z / np.maximum(1.0 - a * z, np.finfo(np.float64).tiny), np.sign(z) * np.inf
    )
    moved: NDArray[np.float64] = ndtr(z0 + stretched)
    return moved
