"""A proportion with its exact interval."""

from scipy.stats import beta


def exact_interval(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval (Biometrika 1934) of a proportion, `hits` out of `trials`.

    It covers the true one with at least `level`; (0, 1) without trials. Raises ValueError unless
    0 <= hits <= trials.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"exact_interval: must keep 0 <= hits <= trials, got {hits} of {trials}")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high
