"""What networks decide on new rows that are drawn by their true rates.

The networks of a search are judged on the same rows, so their errors go together: by a Gaussian
copula of correlation `shared`, over the cells of two classes and over single pairs. Each network
by itself has exactly the law of independent rows, or of independent pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import binom

from trainables.evaluation.counts import Counts
from trainables.evaluation.pairs import tables_of_pairs


@dataclass(frozen=True, eq=False)
class Decisions:
    """What n networks decide on the rows of one split."""

    tables: NDArray[np.int64]  # (n, groups, labels, predictions)
    pairs: NDArray[np.int64] | None = None  # (n, labels, predictions, predictions)

    def of(self, network: int) -> Counts:
        """One network's, with its pairs where rows come as pairs."""
        return Counts(self.tables[network], None if self.pairs is None else self.pairs[network])


def redrawn(
    rates: NDArray[np.float64], rows: NDArray[np.int64], shared: float, draw: np.random.Generator
) -> Decisions:
    """On `rows` (groups, labels) new rows, by rates (n, groups, labels, predictions).

    With more than two classes the networks are drawn independently.
    """
    if rates.shape[-1] != 2:
        return Decisions(draw.multinomial(np.broadcast_to(rows, rates.shape[:-1]), rates))
    place = _places(rates.shape[:1], rates.shape[1:-1], shared, draw)
    positives = binom.ppf(place, rows, rates[..., 1]).astype(np.int64)
    return Decisions(np.stack([rows - positives, positives], axis=-1))


def redrawn_pairs(
    rates: NDArray[np.float64], pairs: NDArray[np.int64], shared: float, draw: np.random.Generator
) -> Decisions:
    """On `pairs` (labels,) new pairs, by rates (n, labels, predictions, predictions).

    Each pair is drawn for all networks: what it has in common decides how far down a network's
    kinds of outcome it comes, from those that are the commonest among the networks to the rarest.
    """
    networks, labels = rates.shape[:2]
    drawn = np.zeros((networks, labels, rates[0, 0].size), dtype=np.int64)
    for label in range(labels):
        shares = rates[:, label].reshape(networks, -1)
        kinds = np.flatnonzero(shares.any(0))
        if not len(kinds):  # there are none of this label
            continue
        kinds = kinds[np.argsort(-shares[:, kinds].sum(0), kind="stable")]
        place = _places((networks,), (int(pairs[label]),), shared, draw)
        drawn[:, label, kinds] = _counted(shares[:, kinds], place)
    whole = drawn.reshape(rates.shape)
    return Decisions(tables_of_pairs(whole), whole)


def _places(
    networks: tuple[int], shape: tuple[int, ...], shared: float, draw: np.random.Generator
) -> NDArray[np.float64]:
    """(n, *shape) uniform on [0, 1], independent along `shape`; networks go together."""
    common, own = draw.standard_normal(shape), draw.standard_normal((*networks, *shape))
    return np.asarray(ndtr(shared**0.5 * common + (1 - shared) ** 0.5 * own))


def _counted(shares: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[Any]:
    """(n, kinds) how many of the places (n, pairs) fall to each kind, by shares (n, kinds)."""
    networks, kinds = shares.shape
    number = np.arange(networks)[:, None]
    ends = np.cumsum(shares, axis=1)
    ends[:, -1] = 1.0
    # the networks' ends one after the other are sorted, so that one search finds all kinds
    found = np.searchsorted((ends + number).reshape(-1), places + number) - number * kinds
    flat = np.clip(found, 0, kinds - 1) + number * kinds
    return np.bincount(flat.reshape(-1), minlength=networks * kinds).reshape(networks, kinds)
