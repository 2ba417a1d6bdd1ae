import fairlearn.metrics as fl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainables.evaluation.counts import Counts, weighted
from trainables.evaluation.fairness import measure
from trainables.evaluation.measure_kinds import MEASURE_KINDS
from trainables.evaluation.measures import MEASURES, all_measures, find_measure

# Measures that compare with the dense net: test_measures_against_dense.py.
ALONE = {name: m for name, m in MEASURES.items() if not m.against_dense}
AGAINST_DENSE = MEASURES.keys() - ALONE.keys()
# Group 0: 100 negatives of which 20 predicted positive, 50 positives of which 30 found.
# Group 1: 80 negatives of which 8 predicted positive, 40 positives of which 36 found.
TWO_GROUPS = np.array([[[80, 20], [20, 30]], [[72, 8], [4, 36]]])
BY_HAND = {
    "spd": 50 / 150 - 44 / 120,
    "eod": 0.6 - 0.9,
    "aod": ((0.2 - 0.1) + (0.6 - 0.9)) / 2,
    "abs_aod": (0.1 + 0.3) / 2,
    "di": (50 / 150) / (44 / 120),
    "deo_sum": 0.4,
    "deo_max": 0.3,
    "deo_mean": 0.2,
    "accuracy": 218 / 270,
    "balanced_accuracy": (152 / 180 + 66 / 90) / 2,
    "worst_group_accuracy": 110 / 150,
    "accuracy_std": abs(110 / 150 - 108 / 120) / np.sqrt(2),
    # predicted 0: 100 and 76 of 176; predicted 1: 50 and 44 of 94
    "bias_amplification": (100 / 176 + 50 / 94) / 2 - 0.5,
}
BINARY = {"spd", "eod", "aod", "abs_aod", "di", "deo_sum", "deo_max", "deo_mean"}
FILLED = arrays(np.int64, (2, 2, 2), elements=st.integers(1, 50))
FILLED_3 = arrays(np.int64, (3, 2, 2), elements=st.integers(1, 50))


def bias_of(name, table):
    return float(MEASURES[name].bias(table))


def rows_of(table):
    groups, labels, predictions = np.indices(table.shape).reshape(3, -1).repeat(table.ravel(), 1)
    return labels, predictions, groups


@pytest.mark.parametrize("name", ALONE)
def test_two_groups_give_the_value_computed_by_hand(name):
    assert all_measures(Counts(TWO_GROUPS))[name] == pytest.approx(BY_HAND[name], abs=1e-12)


def test_three_groups_give_the_largest_gap_of_any_pair():
    # (FPR, TPR) of the groups: (.1, .5), (.4, .6), (.2, .9)
    table = np.array([[[90, 10], [50, 50]], [[60, 40], [40, 60]], [[80, 20], [10, 90]]])
    values = all_measures(Counts(table))

    assert values["eod"] == pytest.approx(0.4)
    assert values["aod"] == pytest.approx(0.55 - 0.3)
    assert values["abs_aod"] == pytest.approx((0.1 + 0.4) / 2)  # both (0, 2) and (1, 2)
    assert values["deo_sum"] == pytest.approx(0.5)
    assert values["deo_max"] == pytest.approx(0.4)
    assert values["spd"] == pytest.approx(0.55 - 0.3)
    assert values["di"] == pytest.approx(0.3 / 0.55)
    assert values["accuracy_std"] == pytest.approx(np.std([0.7, 0.6, 0.85], ddof=1))
    assert values["worst_group_accuracy"] == pytest.approx(0.6)


def test_aod_can_vanish_by_cancellation_while_abs_aod_does_not():
    table = np.array([[[90, 10], [40, 60]], [[60, 40], [70, 30]]])

    assert bias_of("aod", table) == pytest.approx(0.0, abs=1e-12)
    assert bias_of("abs_aod", table) == pytest.approx(0.3)


def test_bias_amplification_of_ten_classes_skips_those_never_predicted():
    table = np.zeros((2, 10, 10), dtype=np.int64)
    table[0, 0, :3] = 30, 10, 5
    table[1, 0, :3] = 10, 10, 15

    assert bias_of("bias_amplification", table) == pytest.approx((0.75 + 0.5 + 0.75) / 3 - 0.5)


def test_multi_class_balanced_accuracy_is_the_mean_recall():
    table = np.array([[[8, 2, 0], [5, 5, 0], [0, 0, 20]], [[10, 0, 0], [0, 5, 5], [0, 10, 10]]])

    values = all_measures(Counts(table))
    assert values["balanced_accuracy"] == pytest.approx((18 / 20 + 10 / 20 + 30 / 40) / 3)
    assert values["accuracy"] == pytest.approx(58 / 80)


@given(arrays(np.int64, (2, 2, 2), elements=st.integers(0, 30)))
def test_a_bias_is_never_negative_and_is_nan_only_if_the_measure_is(table):
    for name, m in ALONE.items():
        if m.compares_groups:
            bias, value = bias_of(name, table), float(m.compute(table))
            assert np.isnan(bias) if np.isnan(value) else 0 <= bias <= 2


@given(FILLED)
def test_exchanging_two_groups_turns_the_sign_and_keeps_the_bias(table):
    for m in ALONE.values():
        value, exchanged = float(m.compute(table)), float(m.compute(table[::-1]))
        expected = -value if m.kind == "signed" else value
        assert exchanged == pytest.approx(expected, abs=1e-12)


@given(FILLED_3, st.permutations(range(3)))
def test_the_order_of_three_groups_does_not_matter(table, order):
    for m in ALONE.values():
        assert float(m.compute(table[order])) == pytest.approx(float(m.compute(table)), abs=1e-12)


@given(FILLED_3)
def test_a_stack_of_tables_gives_what_each_table_gives(table):
    stack = np.stack([table, table[::-1], table + 1]).reshape(3, 1, 3, 2, 2)
    for m in ALONE.values():
        expected = [[float(m.compute(one[0]))] for one in stack]
        np.testing.assert_allclose(m.compute(stack), expected, rtol=1e-12)


@given(FILLED, arrays(np.float64, (2, 2), elements=st.floats(0.01, 1)))
def test_weights_by_priors_leave_rates_within_cells_alone(table, masses):
    natural = weighted(table, masses / masses.sum())
    for name in ("eod", "aod", "abs_aod", "deo_sum", "deo_max", "deo_mean"):
        assert not MEASURES[name].label_mix
        assert bias_of(name, natural) == pytest.approx(bias_of(name, table), abs=1e-12)


def test_weights_by_priors_restore_spd_of_the_natural_mix():
    natural = np.array([[[720, 80], [40, 160]], [[350, 150], [100, 400]]])
    priors = natural.sum(-1) / natural.sum()
    cells = natural.sum(-1, keepdims=True)
    balanced = natural * 2000 // cells  # 2000 rows in each cell, the same rates

    assert abs(bias_of("spd", balanced) - bias_of("spd", natural)) > 0.05
    for name in ("spd", "di", "accuracy_std"):
        assert bias_of(name, weighted(balanced, priors)) == pytest.approx(bias_of(name, natural))


@pytest.mark.parametrize(
    ("group", "label", "lost"),
    [
        (0, 1, {"eod", "aod", "abs_aod", "deo_sum", "deo_max", "deo_mean"}),
        (1, 0, {"aod", "abs_aod", "deo_sum", "deo_max", "deo_mean"}),
    ],
)
def test_an_empty_cell_makes_exactly_the_measures_that_need_it_not_estimable(group, label, lost):
    table = TWO_GROUPS.copy()
    table[group, label] = 0

    values = all_measures(Counts(table))
    assert {name for name, value in values.items() if np.isnan(value)} == lost | AGAINST_DENSE
    assert not bias_of("aod", table) < 0.05  # what is not estimable never passes


@given(FILLED_3)
def test_the_reduced_table_that_intervals_draw_from_has_the_same_rates(table):
    for m in ALONE.values():
        np.testing.assert_allclose(m.rates(m.reduce(table)), m.rates(table), rtol=1e-12)


@given(FILLED_3, FILLED_3)
def test_no_value_changes_more_than_the_deviation_of_its_rates(first, second):
    """What the intervals rest on; a ratio is compared by its logarithm."""
    for m in ALONE.values():
        for one, other in ((first, second), (first[:2], second[:2])):
            rates, values = (m.rates(one), m.rates(other)), (m.compute(one), m.compute(other))
            if m.kind == "ratio":
                rates, values = np.log(rates), np.log(values)
            if m.kind == "signed":
                values = np.abs(values)
            assert abs(values[0] - values[1]) <= m.deviation(rates[0] - rates[1]) + 1e-12


def test_disparate_impact_is_not_estimable_where_nobody_is_selected_and_0_where_one_group_is():
    nobody = np.array([[[5, 0], [5, 0]], [[5, 0], [5, 0]]])
    one_group = np.array([[[5, 0], [5, 0]], [[5, 0], [0, 5]]])

    assert np.isnan(bias_of("di", nobody))
    assert bias_of("di", one_group) == 1.0


@pytest.mark.parametrize("name", sorted(BINARY))
def test_measures_of_binary_tasks_say_so_when_asked_about_more_classes(name):
    with pytest.raises(ValueError, match=f"{name}: needs a binary task, got 3 classes"):
        bias_of(name, np.ones((2, 3, 3), dtype=int))


def test_all_measures_of_a_multi_class_task_marks_the_binary_ones_as_not_estimable():
    values = all_measures(Counts(np.ones((2, 3, 3), dtype=int)))

    assert {name for name, value in values.items() if np.isnan(value)} == BINARY | AGAINST_DENSE


def test_one_group_alone_has_no_bias():
    with pytest.raises(ValueError, match="aod: compares at least two groups, got 1"):
        bias_of("aod", np.ones((1, 2, 2), dtype=int))


def test_a_performance_has_no_bias():
    with pytest.raises(ValueError, match="accuracy: is a performance"):
        bias_of("accuracy", TWO_GROUPS)


def test_an_unknown_measure_is_answered_with_the_nearest_known_one():
    with pytest.raises(ValueError, match="did you mean 'deo_sum'"):
        find_measure("deo_summ")


def test_the_kinds_are_those_of_the_measures_in_their_order():
    assert list(MEASURE_KINDS) == list(MEASURES)


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_names_its_definition_and_source(name):
    assert MEASURES[name].name == name
    assert MEASURES[name].definition
    assert any(year in MEASURES[name].source for year in ("2018", "2020", "2022", "2023", "2024"))


@settings(deadline=None, max_examples=20)  # fairlearn is slow
@given(FILLED_3)
def test_values_equal_those_of_fairlearn(table):
    y_true, y_pred, group = rows_of(table)

    def frame(metric, **options):
        return metric(y_true, y_pred, sensitive_features=group, **options)

    expected = {
        "spd": frame(fl.demographic_parity_difference),
        "di": frame(fl.demographic_parity_ratio),
        "eod": frame(fl.equal_opportunity_difference),
        "deo_max": frame(fl.equalized_odds_difference),
    }
    for name, value in expected.items():
        assert measure(name, y_true, y_pred, group) == pytest.approx(value, abs=1e-12)


@settings(deadline=None, max_examples=20)  # fairlearn is slow
@given(FILLED)
def test_rates_and_mean_gaps_of_two_groups_equal_those_of_fairlearn(table):
    y_true, y_pred, group = rows_of(table)
    rates = fl.MetricFrame(
        metrics={"fpr": fl.false_positive_rate, "tpr": fl.true_positive_rate},
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=group,
    ).by_group
    difference = rates.loc[0] - rates.loc[1]
    mean = fl.equalized_odds_difference(y_true, y_pred, sensitive_features=group, agg="mean")

    assert measure("aod", y_true, y_pred, group) == pytest.approx(difference.mean(), abs=1e-12)
    assert measure("eod", y_true, y_pred, group) == pytest.approx(difference["tpr"], abs=1e-12)
    assert measure("deo_mean", y_true, y_pred, group) == pytest.approx(mean, abs=1e-12)
    assert measure("deo_sum", y_true, y_pred, group) == pytest.approx(2 * mean, abs=1e-12)
