import pytest

from search.replay.arms import outcome_of
from tests.search.replay.made_table import FAIR, UNFAIR, Made, StopAt, pool, replay

WORSE = (70, 70, 70)  # performance .7, bias 0


def found(made, policy=None, **about):
    return outcome_of(made, replay(made, policy)[0], 0, **about)


def test_false_kills_are_stopped_trials_that_would_have_ended_feasible():
    made = pool(
        Made([UNFAIR, FAIR]),  # stopped: would have ended feasible, and on the front
        Made([UNFAIR, WORSE]),  # stopped: would have ended feasible, behind the first
        Made([UNFAIR, UNFAIR]),  # stopped with good reason
        Made([UNFAIR, (70, 70, 69)]),  # feasible, left to itself
    )
    one = found(made, StopAt(t0=1, t1=1, t2=1))

    assert (one.trials, one.stopped, one.epochs) == (4, 3, 5)
    assert (one.feasible, one.killed) == (3, 2)
    assert (one.front_trials, one.killed_front) == (1, 1)


def test_a_stopped_trial_is_on_no_front_even_with_a_feasible_candidate():
    one = found(pool(Made([FAIR, UNFAIR]), Made([WORSE, WORSE])), StopAt(t0=1))
    assert one.tune == pytest.approx((0.7 - 0.5) / 0.5)
    assert (one.killed, one.killed_front) == (1, 1)


def test_the_confirmed_volume_is_of_the_front_chosen_on_tune():
    made = pool(
        Made([(80, 80, 80)], test=[(80, 76, 80)]),  # .8, 0 on tune; .79, .04 on test
        Made([(78, 78, 78)], test=[(90, 90, 90)]),  # behind on tune: its luck on test is nothing
    )
    one = found(made)

    assert one.tune == pytest.approx(0.6)
    assert one.confirmed == pytest.approx((0.79 - 0.5) / 0.5 * 0.01 / 0.05)
    assert (one.front, one.kept) == (1, 1)


def test_a_point_that_breaks_the_tolerance_on_test_counts_nothing():
    one = found(pool(Made([(80, 80, 80)], test=[(90, 80, 80)])))
    assert (one.front, one.kept, one.confirmed) == (1, 0, 0.0)


def test_sparsity_counts_where_weights_are_removed():
    trials = [Made([FAIR], sparsity=0.5), Made([WORSE], sparsity=0.8)]
    made = found(pool(*trials, sparsity=True))
    assert made.tune == pytest.approx(0.5 * 0.5 + 0.4 * 0.3)
    assert found(pool(*trials)).tune == pytest.approx(0.5)
    assert found(pool(Made([FAIR]), sparsity=True)).tune == pytest.approx(0.5)


def test_growth_says_what_smaller_searches_would_have_found():
    made = pool(Made([UNFAIR] * 3), Made([WORSE, WORSE]), Made([FAIR]), Made([WORSE]))
    curve = found(made, with_curve=True).curve

    assert curve[:, 0].tolist() == [3, 5, 6, 7]
    assert curve[:, 1].tolist() == pytest.approx([0, 0.4, 0.5, 0.5])
