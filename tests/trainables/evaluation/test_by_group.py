"""What a network is worth in each group, against slow forms, the paper and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score

from trainables.evaluation.average_precision import (
    ClassScores,
    average_precisions,
    count_class_scores,
)
from trainables.evaluation.by_group import (
    BY_GROUP,
    class_of_groups,
    fnr,
    fpr,
    values_by_group,
    values_of_everybody,
)
from trainables.evaluation.counting import count, count_predictions
from trainables.evaluation.counts import Counts


def drawn_rows(seed, n=400, classes=3, groups=2):
    """Labels, groups, the dense net's decisions, mostly right, and a network's, less often."""
    draw = np.random.default_rng(seed)
    labels, group = draw.integers(0, classes, n), draw.integers(0, groups, n)
    dense, own = (
        np.where(draw.random(n) < right, labels, draw.integers(0, classes, n))
        for right in (0.8, 0.6)
    )
    return labels, group, dense, own


def one_against_rest(labels, predictions, label):
    """FNR and FPR, slowly."""
    positive, called = labels == label, predictions == label
    return (
        1 - called[positive].mean() if positive.any() else np.nan,
        called[~positive].mean() if (~positive).any() else np.nan,
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [2, 3])
def test_values_are_those_of_each_groups_rows(seed, classes):
    labels, group, dense, own = drawn_rows(seed, classes=classes)
    shown = values_by_group(count_predictions(own, labels, group, 2, classes, dense))

    assert shown.keys() == BY_GROUP.keys()
    for g in range(2):
        y, before, after = labels[group == g], dense[group == g], own[group == g]
        rates = {}
        for name, predicted in (("before", before), ("after", after)):
            of_class = [one_against_rest(y, predicted, label) for label in range(classes)]
            rates[name] = of_class[1] if classes == 2 else np.mean(of_class, axis=0)
        expected = {
            "accuracy": (after == y).mean(),
            "accuracy_drop": (before == y).mean() - (after == y).mean(),
            "fnr": rates["after"][0],
            "fpr": rates["after"][1],
            "fnr_change": rates["after"][0] / rates["before"][0] - 1,
            "fpr_change": rates["after"][1] / rates["before"][1] - 1,
            "pie": ((before == y) & (after != y)).mean(),
        }
        assert {name: values[g] for name, values in shown.items()} == pytest.approx(expected)


def test_everybody_is_one_group():
    labels, group, dense, own = drawn_rows(5)
    together = count_predictions(own, labels, np.zeros_like(group), 1, 3, dense)

    shown = values_of_everybody(count_predictions(own, labels, group, 2, 3, dense))
    assert shown == {name: values[0] for name, values in values_by_group(together).items()}


def test_error_rates_of_the_race_task_come_out_as_the_paper_prints_them():
    """An error of .278 of seven equally frequent classes: an FPR of .278 / 6, printed as 4.65."""
    table = np.full((1, 7, 7), 278)
    table[0, np.arange(7), np.arange(7)] = 6 * (1000 - 278)

    assert 100 * fpr(Counts(table))[0] == pytest.approx(4.65, abs=0.02)
    assert fnr(Counts(table))[0] == pytest.approx(0.278)


def test_groups_that_are_the_classes_have_the_rates_of_their_class_over_everybody():
    """Within such a group nobody is negative, so there is no FPR; its order may be another."""
    labels, _, _, own = drawn_rows(1, classes=3)
    class_of = np.array([2, 0, 1])
    counts = count_predictions(own, labels, np.argsort(class_of)[labels], 3, 3)

    assert class_of_groups(counts.cells).tolist() == class_of.tolist()
    expected = [one_against_rest(labels, own, label) for label in class_of]
    np.testing.assert_allclose(np.stack([fnr(counts), fpr(counts)], axis=1), expected)
    assert class_of_groups(counts.cells + 1) is None
    assert class_of_groups(np.array([[5, 0, 0], [0, 5, 0]])) is None
    assert class_of_groups(np.array([[5, 0], [3, 0]])) is None


def test_pie_of_one_group_and_of_everybody_else():
    """As the grouping race=White has them."""
    # of 10, 10 and 30 rows, 1, 2 and 9 are right under the dense net alone
    table = np.zeros((3, 2, 2, 2), dtype=int)
    for group, (rows, lost) in enumerate([(10, 1), (10, 2), (30, 9)]):
        table[group, 1, 1] = lost, rows - lost
    counts = Counts(table.sum(2), beside_dense=table)

    assert values_by_group(counts)["pie"] == pytest.approx([0.1, 0.2, 0.3])
    assert values_by_group(counts.regroup([1, 0, 0]))["pie"] == pytest.approx([11 / 40, 0.1])
    assert values_of_everybody(counts)["pie"] == pytest.approx(12 / 50)


def test_without_the_dense_decisions_what_compares_with_them_is_not_estimable():
    shown = values_by_group(Counts(np.array([[[8, 2], [3, 7]], [[0, 0], [2, 8]]])))

    assert shown["accuracy"] == pytest.approx([0.75, 0.8])
    assert shown["fnr"] == pytest.approx([0.3, 0.2])
    assert shown["fpr"] == [pytest.approx(0.2), None]
    for name in ("accuracy_drop", "fnr_change", "fpr_change", "pie"):
        assert shown[name] == [None, None]


BINNED = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        arrays(np.int64, n, elements=st.integers(0, 40)).map(lambda k: k / 40),
        arrays(np.int64, n, elements=st.integers(0, 1)),
        arrays(np.int64, n, elements=st.integers(0, 1)),
    )
)


@settings(deadline=None)
@given(BINNED)
def test_average_precision_of_scores_on_the_grid_is_that_of_scikit_learn(rows):
    scores, labels, groups = rows
    shown = average_precisions(count(scores, labels, groups, 2))

    for group, value in enumerate(shown):
        own = groups == group
        if len(set(labels[own].tolist())) < 2:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(average_precision_score(labels[own], scores[own]))


@pytest.mark.parametrize("classes", [2, 5])
def test_average_precision_of_any_scores_is_close_to_that_of_scikit_learn(classes):
    """Bins of .001: scores that are closer count as equal."""
    draw = np.random.default_rng(0)
    labels, groups = draw.integers(0, classes, 3000), draw.integers(0, 2, 3000)
    logits = draw.normal(size=(3000, classes)) + 1.5 * np.eye(classes)[labels]
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    if classes == 2:
        shown = average_precisions(count(scores[:, 1], labels, groups, 2))
    else:
        shown = average_precisions(count_class_scores(scores, labels, groups, 2))

    for group, value in enumerate(shown):
        own = groups == group
        truth = labels[own] if classes == 2 else np.eye(classes)[labels[own]]
        expected = average_precision_score(truth, scores[own, 1] if classes == 2 else scores[own])
        assert value == pytest.approx(expected, abs=2e-3)
        assert 0.5 < value < 0.95


def test_class_scores_are_summed_over_groups_and_of_groups_that_are_classes():
    draw = np.random.default_rng(1)
    labels, groups = draw.integers(0, 3, 500), draw.integers(0, 4, 500)
    scores = draw.dirichlet(np.ones(3), 500)
    mapping = np.array([1, -1, 0, 1])
    kept = mapping[groups] >= 0

    summed = count_class_scores(scores, labels, groups, 4).regroup(mapping)
    expected = count_class_scores(scores[kept], labels[kept], mapping[groups][kept], 2)
    np.testing.assert_array_equal(summed.histogram, expected.histogram)
    by_class = average_precisions(count_class_scores(scores, labels, labels, 3))
    whole = [average_precision_score(labels == k, scores[:, k]) for k in range(3)]
    np.testing.assert_allclose(by_class, whole, atol=0.01)


def test_scores_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"class scores: must be \(n, classes\) in \[0, 1\]"):
        count_class_scores([[0.5, 1.5]], [0], [0], 1)
    with pytest.raises(ValueError, match="ClassScores: needs shape"):
        ClassScores(np.zeros((2, 3, 2, 10), dtype=int))
