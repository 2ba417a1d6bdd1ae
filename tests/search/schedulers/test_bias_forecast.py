"""What may still become of a trial, the volume it would add, and the policy that weighs both."""

from dataclasses import replace

import numpy as np
import pytest

from search.journal.record import TrialRecord
from search.schedulers.bias_forecast import POINTS, BiasForecast, CompletedTrials, summarised
from search.schedulers.policy import Stopping
from search.schedulers.volume import SampledVolume
from search.schedulers.watch import explored
from tests.search.schedulers.test_bias_halving import flat, report, stopped_after

STOPPING = Stopping(limit=0.03, tolerance=0.05, sparsity=False, reference=(0.5, 0.05, 0.0))
HURRIED = [f"t{i:04d}" for i in range(200) if not explored(0, f"t{i:04d}", 0.05)]


def test_a_course_is_kept_by_its_non_dominated_points():
    later = np.array([[0.6, -0.1], [0.7, -0.2], [0.6, -0.2], [0.65, -0.15]])
    kept = summarised(later)

    assert kept[:3].tolist() == [[0.7, -0.2], [0.65, -0.15], [0.6, -0.1]]
    assert np.isneginf(kept[3:]).all()
    assert summarised(np.empty((0, 2))).shape == (POINTS, 2)


def taught_trials(rows):
    """CompletedTrials by (level of -bias, later -bias), all with performance .7."""
    completed = CompletedTrials(2)
    for index, (now, later) in enumerate(rows):
        points = np.array([[0.7, later]])
        completed.add(f"t{index}", np.array([0.7, now]), points, left=100.0, weight=1.0)
    return completed


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(-0.1, -0.05), (-0.2, -0.15), (-0.3, -0.25)], -0.35),  # all of a difference lasts
        ([(-0.1, -0.05), (-0.2, -0.10), (-0.3, -0.15)], -0.20),  # half of it
        ([(-0.1, -0.05), (-0.2, -0.05), (-0.3, -0.05)], -0.05),  # nothing
        ([(-0.1, -0.05), (-0.3, -0.01), (-0.5, 0.0)], -0.03),  # no less than nothing: mean course
    ],
)
def test_a_course_is_shifted_by_the_part_of_a_difference_that_lasts(rows, expected):
    courses, weights, names = taught_trials(rows).courses_from(np.array([0.7, -0.4]))

    assert sorted(names) == ["t0", "t1", "t2"]
    assert weights.tolist() == [1, 1, 1]
    if expected != -0.03:
        assert courses[:, 0, 1] == pytest.approx([expected] * 3)
    else:
        assert sorted(courses[:, 0, 1]) == pytest.approx([-0.05, -0.01, 0.0])


def test_the_sampled_volume_is_near_the_area_and_knows_what_a_trial_alone_covers():
    volume = SampledVolume(STOPPING)
    volume.add("a", np.array([0.75, -0.025]))  # a quarter of the box
    volume.add("b", np.array([0.6, 0.0]))  # a fifth of it, half of that covered by "a"

    assert volume.covered() == pytest.approx(0.35, abs=0.01)
    assert volume.exclusive() == pytest.approx(0.25, abs=0.01)  # .15 of "a" and .10 of "b"
    volume.remove("b")
    assert volume.covered() == pytest.approx(0.25, abs=0.01)
    assert volume.exclusive() == pytest.approx(0.25, abs=0.01)


def test_what_a_set_s_owner_covers_alone_counts_as_free_for_it():
    volume = SampledVolume(STOPPING)
    volume.add("a", np.array([0.75, -0.025]))
    sets = np.full((2, POINTS, 2), -np.inf)
    sets[:, 0] = [0.75, -0.025]

    assert volume.gains(sets, ["a", "other"]) == pytest.approx([0.25, 0.0], abs=0.01)


def test_a_network_that_keeps_all_weights_is_worth_something_where_sparsity_is_asked_for():
    volume = SampledVolume(Stopping(0.03, 0.05, True, reference=(0.5, 0.05, 0.0)))
    volume.add("a", np.array([0.9, -0.01, 0.0]))

    assert volume.covered() > 0


def taught(trials=30):
    """A policy that saw every third trial become feasible and the others stay where they were."""
    policy = BiasForecast(STOPPING)
    for index in range(trials):
        high = 0.1 + 0.002 * index
        falls = [report(e, high * 0.7**e, performance=0.6 + index / 200) for e in range(1, 21)]
        reports = flat(high + 0.3) if index % 3 else falls
        shown = TrialRecord(HURRIED[index], "prune_advft", {}, reports, "finished")
        policy.saw(shown)
    return policy


def test_a_trial_that_goes_where_none_became_feasible_is_stopped():
    assert stopped_after(taught(), HURRIED[100], flat(0.45)) is not None


def test_a_trial_on_the_course_of_the_best_is_not_given_up():
    falls = [report(e, 0.1 * 0.7**e, performance=0.8) for e in range(1, 21)]
    first_feasible = next(one["epoch"] for one in falls if one["feasible"])

    end = stopped_after(taught(), HURRIED[100], falls)

    assert end is None or end >= first_feasible  # then it keeps its candidate


def test_nothing_is_stopped_before_enough_trials_have_completed():
    assert stopped_after(taught(trials=7), HURRIED[100], flat(0.45)) is None


def test_a_trial_that_promises_nothing_more_finishes_early_and_keeps_its_candidate():
    policy = taught()
    trial = TrialRecord(HURRIED[100], "prune_advft", {})
    for one in flat(0.02, performance=0.55):
        trial.reports.append(one)
        policy.saw(trial)
        if (verdict := policy.decide(trial)) is not None:
            break

    assert verdict.status == "finished"
    assert not trial.reports[-1]["last"]


def test_where_all_trials_end_alike_they_finish_early_although_a_new_one_promises_nothing():
    policy = BiasForecast(STOPPING)
    for index in range(20):
        policy.saw(TrialRecord(HURRIED[index], "prune_advft", {}, flat(0.01), "finished"))

    assert stopped_after(policy, HURRIED[100], flat(0.01)) < 20


def test_a_trial_that_finished_early_teaches_nothing_about_later_epochs():
    early, policy = flat(0.02)[:5], BiasForecast(STOPPING)
    for index in range(30):
        policy.saw(TrialRecord(HURRIED[index], "prune_advft", {}, list(early), "finished"))

    assert stopped_after(policy, HURRIED[100], flat(0.45)) is None


def test_networks_that_may_not_be_chosen_cover_nothing_and_their_trials_are_left_alone():
    asked = replace(STOPPING, not_to_be_chosen=frozenset({"prune_advft"}))
    policy, usual = BiasForecast(asked), BiasForecast(STOPPING)
    for index in range(20):
        shown = TrialRecord(HURRIED[index], "prune_advft", {}, flat(0.01), "finished")
        policy.saw(shown)
        usual.saw(shown)

    assert policy._volume.covered() == 0 < usual._volume.covered()
    assert stopped_after(policy, HURRIED[100], flat(0.01)) is None
