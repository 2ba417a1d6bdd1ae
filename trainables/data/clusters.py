"""Groups without labels: k-means on what a network sees in the rows.

Lin et al., FairGRAPE, ECCV 2022, section 5.3: seven clusters of an ImageNet ResNet-34's embeddings
take the place of races. The paper says no more; lengths are made 1 here, so that rows are compared
by direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from trainables.data.pruning_groups import PruningGroups

PREFIX = "clusters:"
RESTARTS = 10
SMALLEST = 0.01  # share of train; the rows of a smaller cluster join the nearest other one
SEED = 0  # the same for every experiment: two runs on one network compare by the same clusters

Array = NDArray[np.float32]


def clusters_asked(text: str) -> int | None:
    """K of `clusters:K`; None where `text` is a grouping by attributes.

    Raises ValueError for less than two.
    """
    if not text.startswith(PREFIX):
        return None
    given = text.removeprefix(PREFIX).strip()
    if not given.isdecimal() or int(given) < 2:
        raise ValueError(f'group: "{PREFIX}K" must have K of 2 or more, got {text!r}')
    return int(given)


def cluster(source: str, embeddings: Mapping[str, Array], k: int) -> PruningGroups:
    """K-means groups of `embeddings`, by part (n, d); fitted on train, others join the nearest.

    The best of 10 starts by k-means++ counts. Where fewer than 1 % of train lie in a cluster, its
    rows join the cluster whose centre is next. Clusters are named by their size, largest first.
    Raises ValueError where train has fewer than `k` different rows, or where fewer than two
    clusters are left.
    """
    from sklearn.cluster import KMeans  # a second to import, and few searches cluster

    train = _unit_length(embeddings["train"])
    if (distinct := len(np.unique(train, axis=0))) < k:
        raise ValueError(
            f"prune_by: {source} needs {k} different rows of train, "
            f"got {distinct} that the network tells apart"
        )
    fitted = KMeans(k, init="k-means++", n_init=RESTARTS, random_state=SEED).fit(train)
    centres = fitted.cluster_centers_.astype(np.float32)
    rows = np.bincount(fitted.labels_, minlength=k)
    large = np.flatnonzero(rows >= SMALLEST * len(train))
    if len(large) < 2:
        raise ValueError(
            f"prune_by: {source} must leave at least two clusters with {SMALLEST:.0%} of train, "
            f"got {len(large)} of {k}"
        )
    by_size = large[np.argsort(-rows[large], kind="stable")]
    groups = {
        part: _nearest(_unit_length(given), centres[by_size]) for part, given in embeddings.items()
    }
    names = tuple(f"cluster {number + 1}" for number in range(len(by_size)))
    return PruningGroups(source, names, groups)


def _unit_length(embeddings: Array) -> Array:
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-12), dtype=np.float32)


def _nearest(rows: Array, centres: Array) -> NDArray[np.int64]:
    """(n,) the nearest of the centres (k, d), the first of equals; a chunk of rows at a time."""
    squares = (centres**2).sum(axis=1)
    chunks = np.array_split(rows, max(1, len(rows) // 65536))
    return np.concatenate(
        [(squares - 2 * chunk @ centres.T).argmin(axis=1).astype(np.int64) for chunk in chunks]
    )


class Agreement(TypedDict):
    """How far groups to prune by agree with an attribute, on the rows of train."""

    adjusted_rand: float  # 1: the same groups; 0: as by chance
    majority: list[float]  # per group, the share of its commonest value


def agreement(groups: NDArray[np.int64], values: NDArray[np.int64]) -> Agreement:
    """Of groups (n,) with the values (n,) of an attribute (Hubert & Arabie 1985)."""
    from sklearn.metrics import adjusted_rand_score

    table = np.zeros((groups.max() + 1, values.max() + 1), dtype=np.int64)
    np.add.at(table, (groups, values), 1)
    return {
        "adjusted_rand": float(adjusted_rand_score(values, groups)),
        "majority": (table.max(axis=1) / np.maximum(table.sum(axis=1), 1)).tolist(),
    }
