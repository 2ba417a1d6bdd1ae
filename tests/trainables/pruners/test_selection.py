"""FairGRAPE's selection against slow, obvious forms of the same rules, and by hand."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.pruners.selection import select, select_layers


def shares_of(importance):
    sums = importance.astype(np.float64).sum(axis=1)
    return sums / sums.sum() if sums.sum() > 0 else sums


def slow(importance, keep, target=None):
    """Algorithm 1 word by word, with the contract for ties: S_k * (1 / T_k) in float64."""
    importance = importance.astype(np.float64)
    groups, weights = importance.shape
    shares = shares_of(importance) if target is None else target
    left = lists_of(importance, shares)
    chosen, kept = [], [0.0] * groups
    while len(chosen) < keep:
        live = [k for k in range(groups) if left[k]]
        if not live:
            return with_the_rest(importance, keep, chosen)
        if chosen:
            group = min(live, key=lambda k: (kept[k] * (1 / shares[k]), k))
        else:
            group = max(live, key=lambda k: (shares[k], -k))
        weight = left[group][0]
        chosen.append(weight)
        kept = [kept[k] + importance[k, weight] for k in range(groups)]
        for weights_of_group in left:
            if weight in weights_of_group:
                weights_of_group.remove(weight)
    return as_mask(chosen, weights)


def lists_of(importance, shares):
    """Each group's weights of positive importance, the most important first, then by index."""
    return [
        sorted(
            (w for w in range(len(row)) if row[w] > 0 and share > 0), key=lambda w: (-row[w], w)
        )
        for row, share in zip(importance.tolist(), shares, strict=True)
    ]


def slow_reference(importance, keep, target=None):
    """The authors' loop: absolute difference, a group's list looked at twice per choice."""
    importance = importance.astype(np.float64)
    groups, weights = importance.shape
    shares = shares_of(importance) if target is None else target
    lists = lists_of(importance, shares)
    chosen, kept, looks, group = [], [0.0] * groups, 0, None
    while len(chosen) < keep:
        if looks == 0 or not lists[group]:
            part = [kept[k] / sum(kept) if chosen else 1 / groups for k in range(groups)]
            live = [k for k in range(groups) if lists[k]]
            if not live:
                return with_the_rest(importance, keep, chosen)
            group, looks = min(live, key=lambda k: (part[k] - shares[k], k)), 2
        weight = lists[group].pop(0)
        looks -= 1
        if weight not in chosen:
            chosen.append(weight)
            kept = [kept[k] + importance[k, weight] for k in range(groups)]
    return as_mask(chosen, weights)


def with_the_rest(importance, keep, chosen):
    summed = importance.sum(axis=0)
    left = [w for w in range(len(summed)) if w not in chosen]
    left.sort(key=lambda w: (-summed[w], w))
    return as_mask([*chosen, *left[: keep - len(chosen)]], len(summed))


def as_mask(chosen, weights):
    mask = np.zeros(weights, dtype=bool)
    mask[chosen] = True
    return mask


SLOW = {"paper": slow, "reference": slow_reference}


def printed(importance, keep):
    """The rule as the paper prints it: argmin (P_k - T_k) / T_k, with P_k a share of the total."""
    importance = importance.astype(np.float64)
    groups, weights = importance.shape
    shares = shares_of(importance)
    order = np.argsort(-importance, axis=1, kind="stable")
    mask, kept, part = np.zeros(weights, bool), np.zeros(groups), np.full(groups, 1 / groups)
    for _ in range(keep):
        group = int(np.argmin((part - shares) / shares))
        weight = next(w for w in order[group] if not mask[w])
        mask[weight] = True
        kept += importance[:, weight]
        part = kept / kept.sum()
    return mask


def pointers(importance, keep):
    """Lists and pointers in plain Python; fast enough for 1e5 weights. Positive numbers only."""
    groups, weights = importance.shape
    shares = shares_of(importance).tolist()
    lists = [np.argsort(-row, kind="stable").tolist() for row in importance]
    rows = importance.astype(np.float64).T.tolist()
    mask, kept, heads = [False] * weights, [0.0] * groups, [0] * groups
    scores = [-share for share in shares]
    for _ in range(keep):
        group = scores.index(min(scores))
        while mask[lists[group][heads[group]]]:
            heads[group] += 1
        weight = lists[group][heads[group]]
        mask[weight] = True
        kept = [s + i for s, i in zip(kept, rows[weight], strict=True)]
        scores = [s * (1 / t) for s, t in zip(kept, shares, strict=True)]
    return np.array(mask)


def drawn(groups, weights, seed, levels=None, dtype=np.float32):
    """(w * g_k)^2 with gradients that groups share in part; rounded to few values: ties, zeros."""
    generator = np.random.default_rng(seed)
    weight, shared = generator.normal(size=(2, weights))
    own = generator.normal(size=(groups, weights)) * (0.5 + 0.25 * np.arange(groups)[:, None])
    importance = (weight * (shared + own)) ** 2
    if levels is not None:
        importance = np.floor(importance * levels / importance.max())
    return importance.astype(dtype)


@st.composite
def small_inputs(draw):
    groups = draw(st.integers(1, 14))
    weights = draw(st.integers(1, 30))
    value = draw(
        st.sampled_from(
            [
                st.sampled_from([0.0, 1.0]),
                st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0]),
                st.floats(0.0, 1e6, width=32),
            ]
        )
    )
    rows = [
        [0.0] * weights
        if draw(st.integers(0, 5)) == 0  # a group without importance
        else draw(st.lists(value, min_size=weights, max_size=weights))
        for _ in range(groups)
    ]
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return np.array(rows, dtype=dtype), draw(st.integers(0, weights))


@pytest.mark.parametrize("rule", SLOW)
@given(case=small_inputs())
def test_selection_is_the_slow_form_of_its_rule(rule, case):
    importance, keep = case

    assert select(importance, keep, rule).tolist() == SLOW[rule](importance, keep).tolist()


@pytest.mark.parametrize("rule", SLOW)
@given(case=small_inputs(), data=st.data())
def test_selection_is_the_slow_form_for_a_given_target(rule, case, data):
    importance, keep = case
    parts = st.lists(st.integers(0, 5), min_size=len(importance), max_size=len(importance))
    target = np.array(data.draw(parts.filter(any)), dtype=np.float64)
    target /= target.sum()

    expected = SLOW[rule](importance, keep, target)

    assert select(importance, keep, rule, target).tolist() == expected.tolist()


@pytest.mark.parametrize("rule", SLOW)
@pytest.mark.parametrize(
    ("groups", "weights", "levels", "dtype"),
    [
        (1, 500, 20, np.float32),
        (2, 1000, None, np.float64),
        (3, 700, 5, np.float64),
        (7, 600, None, np.float32),
        (14, 2000, 300, np.float32),
    ],
)
def test_selection_of_many_is_the_slow_form(rule, groups, weights, levels, dtype):
    importance = drawn(groups, weights, weights, levels, dtype)
    keep = weights * 9 // 10

    assert (select(importance, keep, rule) == SLOW[rule](importance, keep)).all()


@pytest.mark.parametrize("groups", [2, 7, 14])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_without_ties_it_is_the_rule_as_printed(groups, share):
    importance = drawn(groups, 2000, seed=groups)
    keep = int(2000 * share)

    assert (select(importance, keep) == printed(importance, keep)).all()


@pytest.mark.parametrize(("groups", "share"), [(2, 0.9), (7, 0.9), (7, 0.1)])
def test_of_100000_weights_it_chooses_what_plain_pointers_do(groups, share):
    importance = drawn(groups, 100_000, seed=1)

    chosen = select(importance, int(100_000 * share))

    assert (chosen == pointers(importance, int(100_000 * share))).all()


@pytest.mark.parametrize("rule", SLOW)
@given(seed=st.integers(0, 2**32), groups=st.integers(1, 9), weights=st.integers(2, 200))
def test_without_ties_the_order_of_weights_does_not_matter(rule, seed, groups, weights):
    generator = np.random.default_rng(seed)
    # distinct whole numbers: their sums are exact in any order
    importance = np.array([generator.permutation(weights) + 1.0 for _ in range(groups)])
    order = generator.permutation(weights)
    keep = int(generator.integers(weights + 1))

    chosen = select(importance, keep, rule)

    assert (select(importance[:, order], keep, rule) == chosen[order]).all()


def test_with_two_groups_the_difference_absolute_or_relative_chooses_alike_but_for_the_looks():
    """The code's rule differs from the paper's by its second looks alone (Jaccard near 1)."""
    importance = drawn(2, 20_000, seed=3)

    paper, reference = select(importance, 10_000), select(importance, 10_000, "reference")

    assert (paper & reference).sum() / (paper | reference).sum() > 0.98


def test_first_pick_is_of_the_group_with_the_largest_share_of_equals_the_first():
    importance = np.array([[3.0, 0.0, 1.0], [0.0, 5.0, 2.0]])  # shares 4/11, 7/11

    assert select(importance, 1).tolist() == [False, True, False]
    assert select(importance[::-1], 1).tolist() == [False, True, False]
    even = np.array([[1.0, 3.0, 0.0], [0.0, 1.0, 3.0]])
    assert select(even, 1).tolist() == [False, True, False]


def test_a_given_target_decides_whose_weights_stay():
    importance = np.array([[4.0, 3.0, 0.5, 0.5], [0.5, 0.5, 4.0, 3.0]])

    assert select(importance, 2, target=np.array([0.9, 0.1])).tolist() == [
        True,
        True,
        False,
        False,
    ]
    assert select(importance, 2, target=np.array([0.1, 0.9])).tolist() == [
        False,
        False,
        True,
        True,
    ]


def test_a_group_that_is_used_up_is_left_out_and_the_others_go_on():
    """Group 0 has one weight. It stays behind its share for ever, and must not block group 1."""
    importance = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 3.0]])

    chosen = select(importance, 3, target=np.array([0.9, 0.1]))

    assert chosen.tolist() == [True, False, True, True]


def test_when_all_groups_are_used_up_the_sum_over_groups_decides_then_the_index():
    # Group 2 has no share to keep, but counts in the sum.
    importance = np.array(
        [[0.0, 5.0, 0.0, 0.0, 0.0], [0.0, 0.0, 4.0, 0.0, 0.0], [1.0, 0.0, 0.0, 2.0, 1.0]]
    )
    target = np.array([0.5, 0.5, 0.0])

    assert select(importance, 3, target=target).tolist() == [False, True, True, True, False]
    assert select(importance, 4, target=target).tolist() == [True, True, True, True, False]


@pytest.mark.parametrize("rule", SLOW)
@pytest.mark.parametrize("groups", [1, 3])
def test_without_any_importance_the_first_weights_stay(rule, groups):
    chosen = select(np.zeros((groups, 5), dtype=np.float32), 2, rule)

    assert chosen.tolist() == [True, True, False, False, False]


def test_minus_zero_is_zero():
    importance = np.array([[-0.0, 1.0, 0.0], [1.0, -0.0, -0.0]], dtype=np.float32)

    assert select(importance, 2).tolist() == [True, True, False]
    assert select(importance[:1], 2).tolist() == [True, True, False]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_of_any_size_are_sorted(dtype):
    info = np.finfo(dtype)
    values = [info.smallest_subnormal, info.tiny, 1.0, 1.0 + info.eps, 0.1, info.max / 4]
    importance = np.array([values, values[::-1]], dtype=dtype)

    for keep in range(7):
        assert (select(importance, keep) == slow(importance, keep)).all()


def test_the_layout_in_memory_does_not_matter():
    importance = drawn(3, 200, seed=4)
    frozen = importance.copy()
    frozen.flags.writeable = False

    expected = select(importance, 150)

    assert (select(np.asfortranarray(importance), 150) == expected).all()
    assert (select(np.repeat(importance, 2, axis=1)[:, ::2], 150) == expected).all()
    assert (select(frozen, 150) == expected).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_layers_are_chosen_as_each_alone_in_their_order(threads):
    layers = {name: drawn(3, n, seed=n) for name, n in (("a", 20), ("b", 400), ("c", 100))}
    keep = {"a": 10, "b": 300, "c": 0}
    targets = {name: np.array([0.2, 0.3, 0.5]) for name in layers}

    masks = select_layers(layers, keep, "reference", targets, threads)

    assert list(masks) == ["a", "b", "c"]
    for name, layer in layers.items():
        assert (masks[name] == select(layer, keep[name], "reference", targets[name])).all()


@pytest.mark.parametrize("groups", [1, 2, 3, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [None, 3])  # with 3, most is 0: the rest is filled up
def test_memory_stays_under_four_times_the_importance(groups, dtype, levels):
    select(drawn(groups, 10, 0, dtype=dtype), 5)  # compiled before memory is looked at
    importance = drawn(groups, 200_000, 0, levels, dtype)
    tracemalloc.start()
    try:
        select(importance, 180_000)
        peak = importance.nbytes + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak <= 4 * importance.nbytes


ONES = np.ones((2, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((ONES[0], 1), r"importance must have shape \(groups, weights\), got \(3,\)"),
        ((ONES[:0], 0), r"importance must have shape \(groups, weights\), got \(0, 3\)"),
        ((ONES.astype(int), 1), "importance must be float32 or float64, got int64"),
        ((ONES, 4), r"keep must lie in \[0, 3\], got 4"),
        ((ONES, -1), r"keep must lie in \[0, 3\], got -1"),
        ((ONES, 1, "newest"), "rule must be paper or reference, got 'newest'"),
        ((ONES * np.nan, 1), "finite and not negative, got nan in group 0"),
        ((np.array([[1.0], [-2.0]]), 1), "finite and not negative, got -2.0 in group 1"),
        ((np.array([[1.0], [np.inf]]), 1), "finite and not negative, got inf in group 1"),
        ((ONES * 1e308, 1), "the sum of importance must be finite, got inf"),
        ((ONES, 1, "paper", np.ones(3)), r"target must have shape \(2,\), got \(3,\)"),
        ((ONES, 1, "paper", np.array([1.0, -1.0])), r"target must be finite and not negative"),
        ((ONES, 1, "reference", np.ones(2)), "target must add up to 1, got 2.0"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused_by_rule_and_value(arguments, message):
    with pytest.raises(ValueError, match=f"^fairgrape: .*{message}"):
        select(*arguments)


def test_layers_without_a_count_or_a_target_are_refused_and_a_bad_layer_is_named():
    with pytest.raises(ValueError, match="keep must name exactly the layers, not so: b"):
        select_layers({"a": ONES, "b": ONES}, {"a": 1})
    with pytest.raises(ValueError, match="target must name exactly the layers, not so: a"):
        select_layers({"a": ONES}, {"a": 1}, target={})
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        select_layers({"a": ONES}, {"a": 1}, threads=0)
    with pytest.raises(ValueError, match=r"got -1\.0 in group 0 \(layer b\)"):
        select_layers({"a": ONES, "b": -ONES}, {"a": 1, "b": 1})
