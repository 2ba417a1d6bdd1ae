"""Where to look next in a unit box: expected improvement under boosted trees.

What Savani, White, Govindarajulu (NeurIPS 2020) call gradient-boosted regression trees, after
scikit-optimize's `gbrt_minimize`: the quantiles .16, .5 and .84 of 30 small trees each tell mean
and spread; we maximise, and look at 1,000 instead of 10,000 random points, since the boxes here
have a side per weight. Expected improvement: Jones, Schonlau, Welch, J. Global Optim. 13, 1998.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.ensemble import GradientBoostingRegressor

Points = NDArray[np.float32]  # (n, d) in [0, 1]
Values = NDArray[np.float64]  # (n,)

CANDIDATES = 1000
TREES = 30
QUANTILES = (0.16, 0.5, 0.84)  # one standard deviation around the mean of a normal distribution
LEAST_GAIN = 0.01  # a smaller improvement counts for nothing


def propose(points: Points, values: Values, generator: np.random.Generator) -> Points:
    """The most promising (d,) of random points, where `values` at `points` shall be exceeded.

    Where no point promises anything, the first of them: a random one.
    """
    candidates = generator.random((CANDIDATES, points.shape[1]), dtype=np.float32)
    seed = int(generator.integers(2**31))
    low, middle, high = (_predict(points, values, candidates, q, seed) for q in QUANTILES)
    gain = expected_improvement(middle, (high - low) / 2, float(values.max()))
    best: Points = candidates[gain.argmax()]
    return best


def expected_improvement(mean: Values, spread: Values, best: float) -> Values:
    """(n,) E[max(0, f - best - .01)] of normal f; 0 where the spread is not above 0."""
    uncertain = spread > 0
    safe = np.where(uncertain, spread, 1.0)
    gain = mean - best - LEAST_GAIN
    expected = gain * norm.cdf(gain / safe) + safe * norm.pdf(gain / safe)
    return np.where(uncertain, expected, 0.0)


def _predict(
    points: Points, values: Values, candidates: Points, quantile: float, seed: int
) -> Values:
    trees = GradientBoostingRegressor(
        loss="quantile", alpha=quantile, n_estimators=TREES, random_state=seed
    )
    predicted: Values = trees.fit(points, values).predict(candidates)
    return predicted
