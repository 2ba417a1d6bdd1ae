"""Which candidates of a trial are superfluous, for one tolerance and for a range of them."""

import pytest

from trainables.evaluation.objective import Objective
from trainables.trial.archive import (
    NEVER,
    Entry,
    Tolerances,
    admit,
    default_tolerances,
    dominates,
)
from trainables.trial.judge import Judge

ONE = Tolerances(0.05, 0.05, 0.05, 0.02)
RANGE = Tolerances(0.03, 0.05, 0.15, 0.02)  # feasible: bias < .6 t, or its upper bound < t


def entry(performance, bias, sparsity=0.5, feasible=True):
    name = f"{performance}/{bias}/{sparsity}"
    return Entry(name, performance, bias, sparsity, feasible)


FAIR = entry(0.80, 0.02)
UNFAIR = entry(0.90, 0.10, feasible=False)


@pytest.mark.parametrize(
    ("a", "b", "with_sparsity", "without"),
    [
        (FAIR, entry(0.79, 0.03, 0.4), True, True),
        (FAIR, FAIR, True, True),  # equals are superfluous
        (FAIR, entry(0.79, 0.03, 0.6), False, True),  # sparser, which counts only as an objective
        (FAIR, entry(0.81, 0.03), False, False),
        (FAIR, entry(0.79, 0.01), False, False),
        (FAIR, UNFAIR, True, True),  # however well it performs
        (UNFAIR, FAIR, False, False),
        (UNFAIR, entry(0.95, 0.12, 0.9, feasible=False), True, True),  # only bias counts
        (UNFAIR, entry(0.60, 0.09, 0.0, feasible=False), False, False),
    ],
)
def test_for_one_tolerance_domination_asks_for_feasibility_then_least_bias_then_pareto(
    a, b, with_sparsity, without
):
    assert dominates(a, b, sparsity=True, tolerances=ONE) == with_sparsity
    assert dominates(a, b, sparsity=False, tolerances=ONE) == without


A, B, C = entry(0.80, 0.02), entry(0.82, 0.025), entry(0.70, 0.01)


@pytest.mark.parametrize(
    ("archive", "new", "stay"),
    [
        ([], UNFAIR, []),
        ([UNFAIR], entry(0.5, 0.09, feasible=False), []),  # less bias replaces it
        ([UNFAIR], entry(0.99, 0.11, feasible=False), None),
        ([UNFAIR], A, []),  # the first feasible one ends the waiting
        ([A], UNFAIR, None),
        ([A, B, C], entry(0.75, 0.015), [A, B, C]),
        ([A, B, C], entry(0.81, 0.015), [B, C]),
        ([A, B, C], entry(0.83, 0.005, 0.6), []),
        ([A, B, C], entry(0.79, 0.02), None),
        ([A, B, C], A, None),
    ],
)
def test_an_archive_admits_what_nothing_in_it_dominates_and_drops_what_that_dominates(
    archive, new, stay
):
    assert admit(archive, new, sparsity=True, tolerances=ONE) == stay


def at(bias, upper=NEVER, performance=0.8, sparsity=0.5):
    feasible = bias < 0.03 or upper < 0.05
    return Entry(f"{performance}/{bias}", performance, bias, sparsity, feasible, upper)


@pytest.mark.parametrize(
    ("candidate", "above"),
    [
        (at(0.01), 0.0),  # feasible at every tolerance of the range
        (at(0.024), pytest.approx(0.04)),  # .024 / .6
        (at(0.029, upper=0.035), 0.035),  # its upper bound tells sooner
        (at(0.029, upper=0.02), 0.0),
        (at(0.06), pytest.approx(0.1)),
        (at(0.06, upper=0.07), 0.07),
        (at(0.091), NEVER),  # .091 / .6 is above .15
        (at(0.2, upper=0.3), NEVER),
    ],
)
def test_a_candidate_is_feasible_above_one_tolerance(candidate, above):
    assert RANGE.feasible_above(candidate) == above


def test_what_the_search_called_feasible_is_so_at_its_own_tolerance_whatever_is_rounded():
    unknown_bound = Entry("of an older checkpoint", 0.8, 0.04, 0.5, feasible=True)
    barely = Entry("barely not", 0.8, 0.03, 0.5, feasible=False)

    assert RANGE.feasible_above(unknown_bound) < 0.05 <= RANGE.feasible_above(barely)


@pytest.mark.parametrize(
    ("a", "b", "superfluous"),
    [
        (at(0.01), at(0.2, performance=0.9), True),  # b is feasible nowhere, a everywhere
        (at(0.04), at(0.2, performance=0.9), True),  # nowhere and more biased
        (at(0.04), at(0.06, performance=0.9), False),  # b counts from .1 on
        (at(0.04), at(0.06, performance=0.7), True),
        (at(0.04), at(0.06, performance=0.7, sparsity=0.9), False),
        # a is feasible from .067 on, b from .06 on: in between b is the front
        (at(0.04), at(0.05, upper=0.06, performance=0.7), False),
        # b is feasible nowhere; where a is not yet either, b is the least biased
        (at(0.1, upper=0.12), at(0.095, upper=0.16), False),
    ],
)
def test_for_a_range_a_candidate_stays_that_some_tolerance_would_show(a, b, superfluous):
    assert dominates(a, b, sparsity=True, tolerances=RANGE) == superfluous


@pytest.mark.parametrize(
    ("tolerance", "low", "high"),
    [(0.05, 0.025, 0.15), (0.3, 0.15, 0.9), (0.5, 0.25, 0.999), (0.9999, 0.49995, 0.9999)],
)
def test_the_default_range_is_half_to_three_times_the_tolerance_below_one(tolerance, low, high):
    made = Tolerances.of(Objective("accuracy", "accuracy_std", tolerance, 0.0))

    assert (made.low, made.high) == pytest.approx((low, high))
    assert default_tolerances(tolerance) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0.0, 0.05, 0.1), "0 < low <= tolerance <= high < 1"),
        ((0.06, 0.05, 0.1), "got low 0.06, tolerance 0.05 and high 0.1"),
        ((0.01, 0.05, 0.04), "0 < low <= tolerance <= high < 1"),
        ((0.01, 0.05, 1.0), "0 < low <= tolerance <= high < 1"),
        ((0.01, 0.05, 0.1, 0.05), r"margin must lie in \[0, 0.05\), got 0.05"),
    ],
)
def test_a_range_that_cannot_be_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Tolerances(*values)


def test_a_checkpoint_that_was_written_before_there_were_ranges_is_read():
    judge = Judge(spec=None, bench=None, store=None)
    older = {"candidate": "c", "performance": 0.8, "bias": 0.04, "sparsity": 0.5, "feasible": True}

    judge.load_state_dict([older])

    assert judge.archive == [Entry("c", 0.8, 0.04, 0.5, feasible=True, bias_upper=NEVER)]
