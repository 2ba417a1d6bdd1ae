import json

import numpy as np
import pytest

from trainables.evaluation.counts import Counts
from trainables.evaluation.measures import MEASURES
from trainables.evaluation.objective import Objective
from trainables.evaluation.report import evaluate


def table(fpr, tpr, rows):
    """Two groups with `rows` rows in each cell and the given rates."""
    positives = np.round(np.stack([fpr, tpr], axis=1) * rows).astype(int)  # (groups, labels)
    return Counts(np.stack([rows - positives, positives], axis=-1))


def test_a_report_holds_json_types_with_none_for_what_is_not_estimable():
    counts = Counts(np.array([[[50, 10], [0, 0]], [[50, 10], [5, 30]]]))
    facts = evaluate(counts, Objective(bias="eod"))

    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["bias"] is None
    assert facts["bias_interval"] == [None, None]
    assert facts["feasible"] is False
    assert facts["measures"].keys() == MEASURES.keys()
    assert facts["measures"]["eod"] is None


@pytest.mark.parametrize(
    ("gap", "rows", "feasible"),
    [
        (0.02, 200, True),  # below tolerance - margin, although its upper bound is not below .05
        (0.04, 200, False),
        (0.04, 40_000, True),  # so many rows that .04 is surely below .05
        (0.06, 40_000, False),
    ],
)
def test_feasible_is_below_the_margin_or_surely_below_the_tolerance(gap, rows, feasible):
    counts = table((0.2, 0.2 + gap), (0.7, 0.7 + gap), rows)

    assert evaluate(counts, Objective(bias="aod"))["feasible"] is feasible


def test_a_report_of_the_constant_classifier_is_feasible_but_does_not_beat_the_trivial_one():
    facts = evaluate(table((1.0, 1.0), (1.0, 1.0), 100), Objective())

    assert (facts["performance"], facts["bias"]) == (0.5, 0.0)
    assert facts["feasible"] and facts["trivial"] and not facts["beats_trivial"]
    assert facts["prediction_shares"] == [0.0, 1.0]


def test_the_same_counts_and_seed_give_the_same_report():
    counts = table((0.2, 0.3), (0.7, 0.8), 100)

    assert evaluate(counts, Objective(), seed=1) == evaluate(counts, Objective(), seed=1)


def test_a_higher_level_widens_the_intervals_and_leaves_the_verdicts_alone():
    counts = table((0.2, 0.24), (0.7, 0.74), 40_000)
    usual, wide = (evaluate(counts, Objective(), level=level) for level in (0.95, 0.9999))

    assert usual["feasible"] and wide["feasible"]
    assert wide["bias_interval"][1] > usual["bias_interval"][1] + 0.001
    assert wide["performance_interval"][0] < usual["performance_interval"][0] - 0.001
    assert wide["bias_upper"] == pytest.approx(usual["bias_upper"], abs=0.001)


def test_the_report_of_a_multi_class_task_leaves_binary_measures_open():
    counts = Counts(np.full((2, 3, 3), 5) + np.eye(3, dtype=int) * 40)
    facts = evaluate(counts, Objective("accuracy", "bias_amplification"))

    assert facts["measures"]["spd"] is None
    assert facts["feasible"] and facts["beats_trivial"]


@pytest.mark.parametrize("performance", ["accuracy", "balanced_accuracy", "worst_group_accuracy"])
def test_each_group_is_judged_by_its_own_rows(performance):
    counts = table([0.1, 0.4], [0.9, 0.5], 200)
    groups = evaluate(counts, Objective(performance=performance))["by_group"]

    # 180 + 180 of 400, 120 + 100 of 400: labels are as frequent, so both measures agree
    assert [each["performance"] for each in groups] == [0.9, 0.55]
    assert [each["rows"] for each in groups] == [400, 400]
    assert [each["trivial"] for each in groups] == [0.5, 0.5]
    for each, share in zip(groups, (0.9, 0.55), strict=True):
        low, high = each["interval"]
        # 95 % for both at once: 2.24 standard errors of 400 rows; rates within labels differ a bit
        assert share - low == pytest.approx(2.24 * (share * (1 - share) / 400) ** 0.5, rel=0.15)
        assert low < each["performance"] < high


def test_a_group_without_rows_of_a_label_has_no_balanced_accuracy_and_nothing_to_beat():
    counts = Counts(np.array([[[50, 10], [0, 0]], [[50, 10], [5, 30]]]))
    first, second = evaluate(counts, Objective(performance="balanced_accuracy"))["by_group"]
    assert first["performance"] is None and first["interval"] == [None, None]
    assert second["performance"] == pytest.approx((50 / 60 + 30 / 35) / 2)
    of_accuracy = evaluate(counts, Objective(performance="accuracy"))["by_group"]
    assert of_accuracy[0]["trivial"] == 1.0
