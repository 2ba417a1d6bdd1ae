"""The stopping rule of bias_tolerance as tables, and the policy that asks it."""

import numpy as np
import pytest

from search.journal.record import TrialRecord
from search.schedulers.bias_tolerance import NEVER, Bar, BiasTolerance, ToleranceRule
from search.schedulers.policy import Stopping
from search.schedulers.watch import explored

RULE = ToleranceRule(limit=0.03, grace=0.1, patience=0.3, z=1.0)
STOPPING = Stopping(limit=0.03, tolerance=0.05, sparsity=False)
EPOCHS = 20  # grace: 2 epochs; patience: 6 epochs without a new low
HURRIED = [f"t{i:04d}" for i in range(1, 200) if not explored(0, f"t{i:04d}", 0.1)]
SPARED = [f"t{i:04d}" for i in range(1, 200) if explored(0, f"t{i:04d}", 0.1)]


@pytest.mark.parametrize(
    ("share", "bias", "error", "excess"),
    [
        (0.5, 0.13, 0.0, 0.2),  # (.13 - .03) / .5
        (0.5, 0.13, 0.05, 0.1),  # one standard error lower
        (0.75, 0.13, 0.0, 0.4),  # the nearer the end, the worse
        (0.5, 0.03, 0.0, 0.0),
        (0.5, 0.02, 0.0, 0.0),
        (0.05, 0.9, 0.0, 0.0),  # within the grace period
        (0.5, 0.9, None, 0.0),  # nothing known of its error
        (1.0, 0.9, 0.0, 0.0),  # over anyway
    ],
)
def test_the_excess_is_the_lower_bound_s_height_above_the_limit_for_what_is_left(
    share, bias, error, excess
):
    assert RULE.excess(share, bias, error) == pytest.approx(excess)


@pytest.mark.parametrize(
    ("lows", "stagnates"),
    [
        ([0.2] * 6, False),  # no earlier epoch to compare the last six with
        ([0.2] * 7, True),
        ([0.4 - 0.02 * epoch for epoch in range(15)], False),
        ([0.4, 0.3, 0.26] + [0.26] * 5, False),
        ([0.4, 0.3, 0.26] + [0.26] * 6, True),  # the low is six epochs old
    ],
)
def test_a_bias_stagnates_without_a_new_low_for_the_patience(lows, stagnates):
    assert RULE.stagnates(lows, EPOCHS) == stagnates


def bar(excesses, weights=None, error_rate=0.05):
    made = Bar(error_rate)
    for excess, weight in zip(excesses, weights or [1.0] * len(excesses), strict=True):
        made.add(excess, weight)
    return made


@pytest.mark.parametrize(
    ("bar", "value"),
    [
        (bar([]), NEVER),
        (bar(range(18)), NEVER),  # 1 of 19 is more than 5 %
        (bar(range(19)), 18),  # 19 of 20
        (bar(range(39)), 37),  # 38 of 40
        (bar(range(9), error_rate=0.1), 8),
        (bar(range(20), [1.0] * 19 + [10.0]), NEVER),  # 19 of 39 stay below; the last may be such
        (bar([3, 1, 2], error_rate=0.25), 3),
    ],
)
def test_the_bar_is_a_quantile_that_counts_the_trial_in_question(bar, value):
    assert bar.value == value


def test_at_most_the_stated_share_of_trials_like_those_seen_exceeds_the_bar():
    """Over 4,000 draws: the mean share of a fresh trial above the bar of 30 is 1/31 or less."""
    generator = np.random.default_rng(0)
    above = [
        generator.exponential() > bar(generator.exponential(size=30)).value for _ in range(4000)
    ]

    assert 0.02 < np.mean(above) < 0.05


def report(epoch, bias, **changes):
    return {
        **{"epoch": epoch, "stage": 0, "stage_epoch": epoch, "stage_epochs": EPOCHS},
        **{"final_stage": True, "last": epoch == EPOCHS, "performance": 0.7, "sparsity": 0.0},
        **{"bias": bias, "bias_interval": [bias, bias], "beats_trivial": True},
        **{"feasible": bias < 0.03, "candidate": f"c{epoch}", "dropped": []},
        **changes,
    }


def stopped_after(policy, name, reports, method="adv_ft"):
    """The epoch after which the policy stops the trial; None where it runs to its end."""
    trial = TrialRecord(name, method, {})
    for one in reports:
        trial.reports.append(one)
        policy.saw(trial)
        if policy.decide(trial) is not None:
            trial.status = "stopped"
            policy.saw(trial)
            return len(trial.reports)
    trial.status = "finished"
    policy.saw(trial)
    return None


def curve(biases, **changes):
    return [report(epoch, bias, **changes) for epoch, bias in enumerate(biases, start=1)]


def late(high, fall_at=15):
    """Stands at `high` before it becomes feasible."""
    return curve([high] * (fall_at - 1) + [0.02] * (EPOCHS - fall_at + 1))


HIGH = curve([0.2] * EPOCHS)


@pytest.mark.parametrize(
    ("reports", "after"),
    [
        (HIGH, 7),
        (curve([0.4 - 0.02 * epoch for epoch in range(EPOCHS)]), None),
        (curve([0.2] * EPOCHS, bias_interval=[None, None]), None),  # nothing to judge by
        (curve([0.2] * EPOCHS, bias_interval=[-0.2, 0.6]), None),  # far too uncertain
        (curve([0.2] * EPOCHS, final_stage=False), None),
        (curve([0.0] * EPOCHS, beats_trivial=False, feasible=True), 7),  # trivially fair
        ([report(1, 0.04, feasible=True), *HIGH[1:]], None),  # feasible by its upper bound
        ([report(1, 0.02, candidate=None), *HIGH[1:]], 7),  # its weights were not kept
    ],
)
def test_without_completed_trials_what_stays_high_without_a_new_low_stops(reports, after):
    assert stopped_after(BiasTolerance(STOPPING), HURRIED[0], reports) == after


def taught(highs, method="adv_ft"):
    """A policy that saw a trial become feasible from each of these heights."""
    policy = BiasTolerance(STOPPING)
    for name, high in zip(HURRIED, highs, strict=False):
        falling = [high - 0.001 * epoch for epoch in range(14)] + [0.02] * 6
        stopped_after(policy, name, curve(falling), method)
    return policy


def test_a_trial_goes_on_while_trials_that_became_feasible_once_stood_as_high():
    policy = taught([0.2] * 25)

    assert stopped_after(policy, "other", late(0.18)) is None
    assert stopped_after(policy, "another", late(0.6)) == 2  # .63 at .1; theirs: .53 at .7


def test_trials_that_became_feasible_from_as_high_disarm_patience_while_they_are_few():
    assert stopped_after(taught([]), "other", late(0.19)) == 7
    assert stopped_after(taught([0.25] * 3), "other", late(0.19)) is None


def test_trials_of_another_method_say_nothing():
    assert stopped_after(taught([0.25] * 25, "prune_advft"), "other", late(0.19)) == 7


def test_an_explored_trial_runs_to_its_end_and_stands_for_those_that_were_stopped():
    policy = taught([0.05] * 25)

    assert stopped_after(policy, HURRIED[100], late(0.2)) is not None
    assert stopped_after(policy, SPARED[0], late(0.2)) is None
    assert stopped_after(policy, HURRIED[101], late(0.2)) is None  # 10 of 45 are like it


def test_the_same_trials_shown_one_by_one_or_at_once_lead_to_the_same_decision():
    one_by_one, at_once = taught([0.2] * 25), BiasTolerance(STOPPING)
    for name in HURRIED[:25]:
        falling = [0.2 - 0.001 * epoch for epoch in range(14)] + [0.02] * 6
        at_once.saw(TrialRecord(name, "adv_ft", {}, curve(falling), "finished"))

    for high in (0.19, 0.25, 0.4, 0.6):
        ends = {stopped_after(policy, f"x{high}", late(high)) for policy in (one_by_one, at_once)}
        assert len(ends) == 1
