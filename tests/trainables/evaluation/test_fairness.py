import numpy as np
import pytest

from trainables.evaluation.fairness import measure

TRUE = [1, 1, 1, 1, 0, 0]
PREDICTED = [1, 0, 1, 1, 1, 0]
GROUP = [0, 0, 1, 1, 0, 1]


def test_two_groups_are_compared_as_first_minus_second():
    assert measure("eod", TRUE, PREDICTED, GROUP) == pytest.approx(0.5 - 1.0)
    assert measure("aod", TRUE, PREDICTED, GROUP) == pytest.approx((1.0 - 0.5) / 2)


def test_labels_and_groups_may_be_words_in_sorted_order():
    words = np.array(["no", "yes"])
    names = np.array(["Female", "Male"])

    value = measure("eod", words[TRUE], words[PREDICTED], names[GROUP])
    assert value == measure("eod", TRUE, PREDICTED, GROUP)


def test_floats_and_booleans_are_labels_too():
    value = measure("spd", np.array(TRUE, dtype=float), np.array(PREDICTED, dtype=bool), GROUP)

    assert value == measure("spd", TRUE, PREDICTED, GROUP)


def test_a_class_that_nobody_has_keeps_its_number():
    assert measure("spd", [1, 1], [1, 1], [0, 1]) == 0.0
    assert np.isnan(measure("aod", [1, 1], [1, 1], [0, 1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("aodd", TRUE, PREDICTED, GROUP), "did you mean 'aod'"),
        (
            ("aod", TRUE, PREDICTED, GROUP[1:]),
            r"group must be \(6,\), .* got shape \(5,\)",
        ),
        (("aod", [], [], []), "y_true must be"),
        (("aod", [0.0, np.nan], [0, 1], [0, 1]), "y_true must not hold NaN"),
        (("aod", [0, 1], [0, 1], [0, 0]), "aod: compares at least two groups, got 1"),
        (("aod", [3, 3], [3, 3], [0, 1]), "needs at least two labels, got only"),
        (("aod", [0, 1, 2], [0, 1, 2], [0, 1, 0]), "aod: needs a binary task, got 3 classes"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        measure(*arguments)
