"""The stopping rule as a table of bias curves, and what the scheduler hands to it."""

import pytest

from search.record import TrialRecord
from search.schedulers import Stopping
from search.schedulers.bias_tolerance import BiasTolerance, final_curve
from search.schedulers.tolerance import Curve, ToleranceRule

RULE = ToleranceRule(limit=0.03)
EPOCHS = 20  # grace: 6 epochs; patience: 6 epochs without a new low
FALLS_LATE = Curve([0.3] * 10 + [0.1] * 10, EPOCHS)  # by 0.2, in the middle


def falling(epochs, start=0.4, step=0.02):
    return [start - step * epoch for epoch in range(epochs)]


@pytest.mark.parametrize(
    ("bias", "error", "stopped"),
    [
        ([0.2] * 5, 0.0, False),  # within the grace period
        ([0.2] * 6, 0.0, False),  # no earlier epoch to compare the last six with
        ([0.2] * 7, 0.0, True),
        ([0.2] * 19, 0.0, True),
        ([0.2] * 20, 0.0, False),  # it is over anyway
        (falling(7), 0.0, False),
        (falling(15), 0.0, False),
        (falling(8) + [0.26] * 6, 0.0, True),  # the fall came to an end at .26
        ([0.3] * 7 + [0.29] + [0.3] * 4, 0.0, False),  # a new low five epochs ago
        ([0.3] * 3 + [0.29] + [0.3] * 6, 0.0, True),  # a low seven epochs ago
        ([0.2] * 8, 0.1, True),  # .2 - 1.645 * .1 = .0355
        ([0.2] * 8, 0.11, False),  # .2 - 1.645 * .11 = .019
        ([0.2] * 3 + [0.02] + [0.2] * 10, 0.0, False),  # has a feasible epoch
        ([0.2] * 3 + [0.031] + [0.2] * 10, 0.0, True),
        ([None] * 8, 0.0, True),  # not estimable counts as the worst
        ([None] * 7 + [0.5], 0.0, False),
    ],
)
def test_without_completed_trials_a_bias_that_stays_high_without_a_new_low_stops(
    bias, error, stopped
):
    assert RULE.stops(Curve(bias, EPOCHS), error, []) == stopped


@pytest.mark.parametrize(
    ("bias", "error", "stopped"),
    [
        ([0.22] * 10, 0.0, False),  # .22 - .2 = .02
        ([0.24] * 10, 0.0, True),  # .24 - .2 = .04
        ([0.24] * 10, 0.01, False),  # .24 - .2 - .01645 = .0236
        (falling(10, start=0.6), 0.0, True),  # still falling, and yet too far: .46 - .2
        ([0.22] * 15, 0.0, True),  # three quarters through there is no fall left to hope for
        ([0.22] * 5, 0.0, False),  # within the grace period
        ([0.02] + [0.9] * 14, 0.0, False),  # has a feasible epoch
    ],
)
def test_completed_trials_say_how_far_the_bias_may_still_fall(bias, error, stopped):
    assert RULE.stops(Curve(bias, EPOCHS), error, [FALLS_LATE] * 5) == stopped


def test_too_few_completed_trials_are_not_believed():
    stays = Curve([0.22] * 10, EPOCHS)

    assert RULE.stops(stays, 0.0, [FALLS_LATE] * 4)
    assert not RULE.stops(stays, 0.0, [FALLS_LATE] * 5)


def test_completed_trials_of_other_lengths_are_compared_at_the_same_share_of_the_stage():
    long = Curve([0.3] * 20 + [0.1] * 20, 40)
    short = Curve([0.3] * 5 + [0.1] * 5, 10)

    for completed in (long, short):
        assert not RULE.stops(Curve([0.22] * 10, EPOCHS), 0.0, [completed] * 5)
        assert RULE.stops(Curve([0.22] * 15, EPOCHS), 0.0, [completed] * 5)


def test_one_completed_trial_in_twenty_that_fell_is_taken_for_luck_but_not_two():
    flat = Curve([0.3] * EPOCHS, EPOCHS)
    now = Curve([0.22] * 10, EPOCHS)

    assert RULE.stops(now, 0.0, [flat] * 20 + [FALLS_LATE])
    assert not RULE.stops(now, 0.0, [flat] * 19 + [FALLS_LATE] * 2)


def test_a_bias_that_rose_in_completed_trials_is_no_fall_below_zero():
    rising = Curve([0.1] * 10 + [0.3] * 10, EPOCHS)

    assert not RULE.stops(Curve([0.031] * 10, EPOCHS), 0.01, [rising] * 5)


def report(bias, **changes):
    return {
        **{"bias": bias, "bias_interval": [bias, bias], "final_stage": True, "stage_epochs": 20},
        **{"beats_trivial": True, "feasible": False, "candidate": None, "dropped": []},
        **changes,
    }


def trial(reports, name="t0001", status="running"):
    return TrialRecord(name, "adv_ft", {}, reports, status)


def stops(now, *others):
    policy = BiasTolerance(Stopping(limit=0.03, tolerance=0.05, sparsity=False))
    for one in (*others, now):
        policy.saw(one)
    return policy.decide(now) is not None


HIGH = [report(0.2) for _ in range(10)]


@pytest.mark.parametrize(
    ("reports", "stopped"),
    [
        (HIGH, True),
        ([*HIGH[:9], report(0.2, bias_interval=[None, None])], False),  # nothing to judge by
        ([*HIGH[:9], report(0.2, bias_interval=[-0.05, 0.45])], False),  # far too uncertain
        ([report(0.2, final_stage=False) for _ in range(10)], False),
        ([report(0.2, final_stage=False)] * 5 + HIGH[:5], False),  # grace starts with the stage
        ([report(0.001, final_stage=False)] * 5 + HIGH, True),  # earlier stages do not count
        ([report(0.0, beats_trivial=False, feasible=True), *HIGH[:9]], True),  # trivially fair
        ([report(0.04, candidate="a", feasible=True), *HIGH[:9]], False),  # by its upper bound
        ([report(0.04, candidate="a"), *HIGH[:9]], True),
    ],
)
def test_the_scheduler_asks_about_the_last_stage_of_trials_without_a_feasible_candidate(
    reports, stopped
):
    now = trial(reports)

    assert stops(now) == stopped


def test_only_finished_trials_of_the_same_method_are_compared_with():
    late = [report(bias) for bias in FALLS_LATE.bias]
    now = trial([report(0.22) for _ in range(10)])

    def peers(status, method="adv_ft"):
        names = [f"t{i:04d}" for i in range(2, 7)]
        return [TrialRecord(name, method, {}, late, status) for name in names]

    assert not stops(now, *peers("finished"))
    assert stops(now, *peers("stopped"))
    assert stops(now, *peers("finished", "prune_advft"))


def test_a_curve_is_the_bias_of_the_last_stage_unknown_where_the_network_was_trivial():
    reports = [report(0.9, final_stage=False), report(0.3), report(0.0, beats_trivial=False)]

    assert final_curve(trial(reports)) == Curve([0.3, None], 20)
