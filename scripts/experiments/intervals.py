"""How far intervals and p-values of few patients can be trusted, tried on simulated patients.

    python scripts/experiments/intervals.py [--experiments 1000]

Patients have 20 to 400 beats of a class. A model finds those of each patient with a sensitivity drawn from a
beta distribution with mean 0.85 and an intra-class correlation of 0.2. Printed for each number of patients:
the share of 95 % intervals (BCa) that hold the truth, and the share of comparisons of two equally good models
with p <= 0.05, by sign changes of patients (as `evaluate compare=` does) and by bootstrap draws (as before).

As printed with --experiments 1000 (the standard error of a share is about 1 %):

patients  coverage  false alarms, sign changes  false alarms, bootstrap
       5     78.8%                        0.0%                    18.2%
      10     87.8%                        3.7%                    10.3%
      22     92.0%                        4.1%                     7.1%
      50     93.3%                        5.0%                     6.6%
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from ecgrnn.metrics.uncertainty import bootstrap_interval, paired_difference, resample_patients

SENSITIVITY, CORRELATION, RESAMPLES = 0.85, 0.2, 2000


def main() -> None:
    """Run the experiments and print a line for each number of patients."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=1000)
    options = parser.parse_args()
    print("patients  coverage  false alarms, sign changes  false alarms, bootstrap")
    for n in (5, 10, 22, 50):
        covered, exact, drawn = experiments(n, options.experiments)
        print(f"{n:>8}  {covered:>8.1%}  {exact:>26.1%}  {drawn:>23.1%}", flush=True)


def experiments(n: int, times: int) -> tuple[float, float, float]:
    """Give the coverage of BCa, and the false alarms of sign changes and of bootstrap draws."""
    rng = np.random.default_rng(n)
    covered, exact, drawn = [], [], []
    for _ in range(times):
        first, second = paired(n, rng)
        made = bootstrap_interval(first, sensitivity, rng=rng, n_resamples=RESAMPLES)
        covered.append(made.low <= SENSITIVITY <= made.high)
        found = paired_difference(first, second, sensitivity, rng=rng, n_resamples=RESAMPLES)
        exact.append(found.p_value <= 0.05)
        drawn.append(bootstrap_p_value(first, second, rng) <= 0.05)
    return float(np.mean(covered)), float(np.mean(exact)), float(np.mean(drawn))


def paired(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw hits and beats of patients by two models that are equally good but not alike."""
    scale = 1 / CORRELATION - 1
    beats = rng.integers(20, 400, size=n)
    hits = [
        rng.binomial(beats, rng.beta(SENSITIVITY * scale, (1 - SENSITIVITY) * scale, size=n))
        for _ in range(2)
    ]
    return np.stack([hits[0], beats], axis=1), np.stack([hits[1], beats], axis=1)


def sensitivity(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give hits over beats of counts ``(..., 2)``."""
    return np.asarray(counts[..., 0] / counts[..., 1])


def bootstrap_p_value(first: NDArray[np.int64], second: NDArray[np.int64], rng: np.random.Generator) -> float:
    """Give twice the share of draws of patients on the far side of no difference."""
    pooled = resample_patients(np.stack([first, second], axis=1), rng=rng, n_resamples=RESAMPLES)
    d = sensitivity(pooled[:, 1]) - sensitivity(pooled[:, 0])
    tail = min(int((d <= 0).sum()), int((d >= 0).sum()))
    return min(1.0, 2.0 * (tail + 1) / (RESAMPLES + 1))


if __name__ == "__main__":
    main()
