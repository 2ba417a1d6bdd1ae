import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.hypervolume import hypervolume
from search.replay.arms import outcome_of
from tests.search.replay.made_table import FAIR, UNFAIR, Made, StopAt, pool, replay


def test_a_worker_that_is_free_first_takes_the_next_trial():
    made = pool(
        Made([FAIR] * 3, charged=10),  # worker 1 until 30
        Made([FAIR] * 2, charged=10),  # worker 2 until 20
        Made([FAIR] * 1, charged=25),  # worker 2 until 45
        Made([FAIR] * 2, charged=10),  # worker 1 until 50
    )
    found, proposals = replay(made, StopAt())

    assert [name for name, _, _ in proposals.told] == ["t1", "t0", "t2", "t3"]
    assert found.makespan == 50
    assert found.epochs == 8
    assert found.charged == 95


def test_reports_of_equal_time_come_in_the_order_of_their_workers():
    policy = StopAt()
    replay(pool(Made([FAIR] * 2), Made([FAIR] * 2)), policy)

    reports = [(name, epoch) for name, epoch, status in policy.shown if status == "running"]
    assert reports == [("t0", 1), ("t1", 1), ("t0", 2), ("t1", 2)]
    ends = [shown for shown in policy.shown if shown[2] != "running"]
    assert ends == [("t0", 2, "finished"), ("t1", 2, "finished")]


def test_a_stopped_trial_frees_its_worker_and_is_told_as_stopped():
    made = pool(Made([UNFAIR] * 10), Made([FAIR] * 2), Made([FAIR] * 3))
    found, proposals = replay(made, StopAt(t0=4), workers=1)

    assert proposals.told == [("t0", "stopped", 4), ("t1", "finished", 2), ("t2", "finished", 3)]
    assert (found.epochs, found.makespan) == (9, 90)
    assert found.record.trials["t0"].reason == "enough"


def test_a_search_may_be_smaller_than_its_table():
    found, _ = replay(pool(*[Made([FAIR])] * 5), trials=3)
    assert [one.trial for one in found.order] == ["t0", "t1", "t2"]


def test_the_last_report_ends_a_trial_whatever_the_policy_thinks():
    found, _ = replay(pool(Made([UNFAIR] * 2)), StopAt(t0=2))
    assert found.record.trials["t0"].status == "finished"


def test_failed_trials_fail_again_also_before_their_first_report():
    made = pool(Made([FAIR] * 2, status="failed"), Made([], status="failed"), Made([FAIR]))
    found, proposals = replay(made, StopAt(), workers=1)

    assert proposals.told == [("t0", "failed", 2), ("t1", "failed", 0), ("t2", "finished", 1)]
    assert outcome_of(made, found, 0).feasible == 1


def test_a_search_of_nothing_is_refused():
    with pytest.raises(ValueError, match="needs a trial and a worker, got 1 and 0"):
        replay(pool(Made([FAIR])), trials=1, workers=0)


EPOCH = st.tuples(st.integers(50, 95), st.integers(50, 95), st.integers(50, 95))
MADE = st.builds(
    Made,
    st.lists(EPOCH, min_size=1, max_size=5),
    sparsity=st.sampled_from([0.0, 0.25, 0.5]),
    charged=st.integers(1, 20),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(MADE, min_size=1, max_size=6),
    st.sampled_from([1, 2, 16]),
    st.sampled_from([None, StopAt()]),
)
def test_without_stopping_all_is_run_and_the_volume_is_that_of_all_feasible_reports(
    trials, workers, policy
):
    made = pool(*trials, sparsity=True)
    found = outcome_of(made, replay(made, policy, workers=workers)[0], 0, with_curve=True)

    feasible = [
        point for one in made.trials for point in one.tune.tolist() if point[1] < 0.03 - 1e-12
    ]
    size = 3 if any(one.sparsity for one in trials) else 2
    volume = hypervolume(feasible, (0.5, 0.05, 0.0)[:size], (1.0, 0.0, 1.0)[:size])
    assert found.epochs == sum(len(one.tune) for one in trials)
    assert found.tune == pytest.approx(volume)
    assert found.curve[-1].tolist() == pytest.approx([found.epochs, found.tune, found.confirmed])
    assert (found.stopped, found.killed, found.killed_front) == (0, 0, 0)
