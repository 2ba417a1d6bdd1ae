"""Which weights a layer keeps so that every group keeps its share of importance.

The greedy Algorithm 1 of Lin, Kim, Joo, "FairGRAPE: Fairness-aware GRAdient Pruning mEthod for
Face Attribute Classification", ECCV 2022, arXiv:2207.10888, exactly, at the cost of sorting.

The group with the smallest (P_k - T_k) / T_k is the one with the smallest S_k / T_k, where S_k is
the importance that group k has kept so far: all P_k = S_k / sum(S) have the same denominator. So
a pick needs one multiplication per group. Each group's importances are sorted once, and a pointer
walks down each of the lists past what other groups have chosen.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainables.compiling import machine_code

Rule = Literal["paper", "reference"]
Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Shares = NDArray[np.float64]  # (groups,)

_DIGIT = 11  # bits that one pass of the radix sort looks at
_BUCKETS = 1 << _DIGIT
# By item size: unsigned type of the same size, passes for all bits but the sign, largest float.
_BITS: dict[int, tuple[type[np.unsignedinteger[Any]], int, int]] = {
    4: (np.uint32, 3, 0x7F800000),
    8: (np.uint64, 6, 0x7FF0000000000000),
}


def select(
    importance: Floats, keep: int, rule: Rule = "paper", target: Floats | None = None
) -> Mask:
    """(weights,) bool: the `keep` weights of one layer that are chosen, one after another.

    `importance` is (groups, weights), float32 or float64, of those weights only that may be kept.
    `target` is (groups,): the share T_k of all importance that each group should keep; by default
    the share that it has in `importance`.

    Rule "paper": the next weight is the most important one left of the group with the smallest
    (P_k - T_k) / T_k, where P_k is the group's share of the importance chosen so far; at first
    all P_k are 1 / groups. All groups' importances of a chosen weight count. S_k is summed in
    float64 in the order of selection, and S_k * (1 / T_k) is compared. Rule "reference" does as
    the authors' code: it compares P_k - T_k, and only after every second look at a list, where
    looks at weights that are already chosen count.

    Of equal importances the weight of lower index comes first, of equal groups the lower index.
    Groups with T_k = 0 are left out; a group whose positive importance is used up is left out
    from then on (rule "reference" then chooses a group at once). Once all are, the weights with
    the largest sum of importances follow, then the lowest index.

    Takes at most 4 times the memory of `importance`, itself included, and lets other threads run.
    Raises ValueError where an argument is not as said above.
    """
    importance = _checked(importance, keep, rule)
    sums = _finite_sums(importance)
    shares = _shares(sums) if target is None else _checked_target(target, len(importance), rule)
    chosen = np.zeros(importance.shape[1], dtype=np.bool_)
    if len(importance) > 1:  # for one group, the rest is all there is
        keep -= _walk(importance, keep, rule, sums, shares, chosen)
    if keep:
        _choose_largest(importance, keep, chosen)
    return chosen


def select_layers(
    layers: Mapping[str, Floats],
    keep: Mapping[str, int],
    rule: Rule = "paper",
    target: Mapping[str, Floats] | None = None,
    threads: int = 1,
) -> dict[str, Mask]:
    """`select` for each layer by name, on so many threads; the result does not depend on them."""
    if threads < 1:
        raise ValueError(f"fairgrape: threads must be at least 1, got {threads}")
    for what, given in (("keep", keep), ("target", layers if target is None else target)):
        if given.keys() != layers.keys():
            wrong = ", ".join(sorted(given.keys() ^ layers.keys()))
            raise ValueError(f"fairgrape: {what} must name exactly the layers, not so: {wrong}")

    def selected(name: str) -> Mask:
        try:
            return select(layers[name], keep[name], rule, None if target is None else target[name])
        except ValueError as error:
            raise ValueError(f"{error} (layer {name})") from None

    # The largest come first: the last one to be begun should not be the longest.
    by_size = sorted(layers, key=lambda name: -layers[name].size)
    with ThreadPoolExecutor(threads) as pool:
        masks = dict(zip(by_size, pool.map(selected, by_size), strict=True))
    return {name: masks[name] for name in layers}


def _checked(importance: Floats, keep: int, rule: Rule) -> Floats:
    importance = np.asarray(importance)
    if importance.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"fairgrape: importance must be float32 or float64, got {importance.dtype}"
        )
    if importance.ndim != 2 or 0 in importance.shape:
        raise ValueError(
            f"fairgrape: importance must have shape (groups, weights), got {importance.shape}"
        )
    if not 0 <= keep <= importance.shape[1]:
        raise ValueError(f"fairgrape: keep must lie in [0, {importance.shape[1]}], got {keep}")
    if rule not in ("paper", "reference"):
        raise ValueError(f"fairgrape: rule must be paper or reference, got {rule!r}")
    return importance


def _finite_sums(importance: Floats) -> Shares:
    """Each group's importance in all; raises ValueError where one is negative or not finite."""
    for group, row in enumerate(importance):
        low, high = float(row.min()), float(row.max())  # both NaN where one is among them
        if not 0.0 <= low <= high < np.inf:
            wrong = high if low >= 0.0 else low
            raise ValueError(
                "fairgrape: importance must be finite and not negative, "
                f"got {wrong} in group {group}"
            )
    with np.errstate(over="ignore"):
        sums: Shares = importance.sum(axis=1, dtype=np.float64)
        total = sums.sum()
    if not np.isfinite(total):
        raise ValueError(f"fairgrape: the sum of importance must be finite, got {total}")
    return sums


def _shares(sums: Shares) -> Shares:
    total = sums.sum()
    return sums / total if total > 0.0 else sums


def _checked_target(target: Floats, groups: int, rule: Rule) -> Shares:
    shares = np.asarray(target, dtype=np.float64)
    if shares.shape != (groups,):
        raise ValueError(f"fairgrape: target must have shape ({groups},), got {shares.shape}")
    if not (np.isfinite(shares).all() and (shares >= 0.0).all()):
        raise ValueError(
            f"fairgrape: target must be finite and not negative, got {shares.tolist()}"
        )
    if rule == "reference" and abs(shares.sum() - 1.0) > 1e-6:
        # (The paper's rule divides by T_k, so that a common factor changes nothing.)
        raise ValueError(f"fairgrape: target must add up to 1, got {shares.sum()}")
    return shares


def _walk(
    importance: Floats, keep: int, rule: Rule, sums: Shares, shares: Shares, chosen: Mask
) -> int:
    """Chooses up to `keep` weights while groups have importance left; returns how many."""
    compiled = _compiled()
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        inverse = 1.0 / shares
        # Out of play: T_k = 0, or so small that S_k * (1 / T_k) would be infinite.
        in_play = np.isfinite(sums * inverse)
    order, used = _orders(importance, in_play, compiled)
    by_weight = np.ascontiguousarray(importance.T)  # the groups of a weight lie side by side
    if rule == "paper":
        inverse[~in_play] = 0.0
        return compiled.paper(by_weight, order, used, shares, inverse, keep, chosen)
    return compiled.reference(by_weight, order, used, shares, keep, chosen)


def _orders(
    importance: Floats, in_play: Mask, compiled: _Compiled
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """(groups, weights): each group's weights with positive importance, most important first.

    And how many these are, 0 for groups that are not in play; what stands after them is not set.
    """
    groups, weights = importance.shape
    unsigned, passes, largest = _BITS[importance.itemsize]
    order = np.empty((groups, weights), dtype=np.uint32)
    spare = np.empty(weights, dtype=np.uint32)
    keys, more_keys = np.empty((2, weights), dtype=unsigned)
    counts = np.empty((2, _BUCKETS), dtype=np.uint32)
    used = np.zeros(groups, dtype=np.int64)
    for group in np.flatnonzero(in_play):
        bits = np.ascontiguousarray(importance[group]).view(unsigned)
        used[group] = compiled.sort(
            *(bits, np.uint64(largest), passes),
            *(order[group], spare, keys, more_keys, counts),
        )
    return order, used


def _choose_largest(importance: Floats, keep: int, chosen: Mask) -> None:
    """Chooses the `keep` weights left whose summed importance is largest, then of lowest index."""
    if len(importance) == 1:
        summed: Floats = importance[0].copy()
    else:
        summed = importance.sum(axis=0, dtype=np.float64)
    summed[chosen] = -1.0
    threshold = np.partition(summed, -keep)[-keep]
    above, equal = summed > threshold, summed == threshold
    del summed  # room for the indices
    chosen |= above
    chosen[np.flatnonzero(equal)[: keep - np.count_nonzero(above)]] = True


class _Compiled(NamedTuple):
    sort: Callable[..., int]
    paper: Callable[..., int]
    reference: Callable[..., int]


_compiling = threading.Lock()


def _compiled() -> _Compiled:
    """The three loops as machine code. numba is loaded here, so only where it is needed."""
    with _compiling:  # else several threads would make it at once
        return _compile_once()


@functools.cache
def _compile_once() -> _Compiled:
    return _Compiled(*(machine_code(function) for function in (_sort, _paper, _reference)))


# What follows is compiled by numba: loops over plain arrays.


def _sort(bits, largest, passes, order, spare, keys, more_keys, counts):  # type: ignore[no-untyped-def]
    """Stable radix sort, descending, of the positive floats that have these bits.

    Positive floats are in the same order as their bits read as integers. Zeros are left out.
    Writes indices to `order` and returns their number; `spare`, `keys` and `more_keys` are room
    for as many, `counts` is (2, buckets). Each pass counts the digits of the next one.
    """
    digit, low = np.uint64(_DIGIT), np.uint64(_BUCKETS - 1)
    used = 0
    counts[0, :] = 0
    for i in range(bits.size):
        if np.uint64(bits[i]) - np.uint64(1) < largest:  # neither 0 nor -0
            counts[0, (largest - np.uint64(bits[i])) & low] += np.uint32(1)
            used += 1
    index, more_index = (order, spare) if passes % 2 == 0 else (spare, order)
    for step in range(passes):
        here, following = counts[step % 2], counts[(step + 1) % 2]
        start = np.uint32(0)
        for value in range(here.size):
            count = here[value]
            here[value] = start
            start += count
        following[:] = 0
        shift = digit * np.uint64(step)
        if step == 0:
            for i in range(bits.size):
                if np.uint64(bits[i]) - np.uint64(1) < largest:
                    key = largest - np.uint64(bits[i])
                    place = here[key & low]
                    here[key & low] = place + np.uint32(1)
                    following[(key >> digit) & low] += np.uint32(1)
                    more_keys[place] = key
                    more_index[place] = i
        else:
            for i in range(used):
                key = np.uint64(keys[i])
                place = here[(key >> shift) & low]
                here[(key >> shift) & low] = place + np.uint32(1)
                following[(key >> (shift + digit)) & low] += np.uint32(1)
                more_keys[place] = key
                more_index[place] = index[i]
        keys, more_keys = more_keys, keys
        index, more_index = more_index, index
    return used


def _paper(by_weight, order, used, shares, inverse, keep, chosen):  # type: ignore[no-untyped-def]
    """Chooses up to `keep` weights by the paper's rule; `inverse` are 1 / T_k."""
    groups = by_weight.shape[1]
    heads = np.zeros(groups, dtype=np.int64)
    kept = np.zeros(groups, dtype=np.float64)  # S_k
    scores = -shares  # the first pick is the group with the largest T_k
    left_out = np.zeros(groups, dtype=np.float64)  # added to a score: infinite for those left out
    for k in range(groups):
        if used[k] == 0:
            left_out[k] = scores[k] = np.inf
    count = 0
    while count < keep:
        group = 0
        for k in range(1, groups):
            if scores[k] < scores[group]:
                group = k
        if scores[group] == np.inf:
            break
        line, head = order[group], heads[group]
        while head < used[group] and chosen[line[head]]:
            head += 1
        heads[group] = head
        if head == used[group]:
            left_out[group] = scores[group] = np.inf
            continue
        weight = line[head]
        chosen[weight] = True
        count += 1
        for k in range(groups):
            kept[k] += by_weight[weight, k]
            scores[k] = kept[k] * inverse[k] + left_out[k]
    return count


def _reference(by_weight, order, used, shares, keep, chosen):  # type: ignore[no-untyped-def]
    """Chooses up to `keep` weights as the authors' code does; `shares` are T_k."""
    groups = by_weight.shape[1]
    heads = np.zeros(groups, dtype=np.int64)
    kept = np.zeros(groups, dtype=np.float64)
    total = 0.0
    group, looks = -1, 0  # looks that are left at the group's list
    count = 0
    while count < keep:
        if looks == 0:
            group, best, looks = -1, np.inf, 2
            for k in range(groups):
                share = kept[k] / total if count else 1.0 / groups
                if heads[k] < used[k] and share - shares[k] < best:
                    group, best = k, share - shares[k]
            if group < 0:
                break
        weight = order[group, heads[group]]
        heads[group] += 1
        looks = looks - 1 if heads[group] < used[group] else 0
        if not chosen[weight]:
            chosen[weight] = True
            count += 1
            total = 0.0
            for k in range(groups):
                kept[k] += by_weight[weight, k]
                total += kept[k]
    return count
