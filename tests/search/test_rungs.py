"""Constraint-first, non-dominated halving: rungs as tables, the front under way, the policy."""

import numpy as np
import pytest

from search.record import TrialRecord
from search.schedulers import Stopping
from search.schedulers.bias_halving import BiasHalving
from search.schedulers.live_front import LiveFront
from search.schedulers.rungs import Rung, undominated

STOPPING = Stopping(limit=0.03, tolerance=0.05, sparsity=False, reference=(0.5, 0.05, 0.0))
NONE = np.empty((0, 2))


def point(performance, bias):
    return np.array([[performance, -bias]])


def passed(arrivals, keep=1 / 3):
    rung = Rung(keep)
    return [rung.passes(points, bias) for points, bias in arrivals]


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [
        # infeasible ones by their bias: the best third of those that came so far, at least one
        ([(NONE, 0.3), (NONE, 0.2), (NONE, 0.4)], [True, True, False]),
        ([(NONE, bias / 10) for bias in (1, 2, 3, 4)], [True, False, False, False]),
        # feasible before infeasible
        ([(point(0.6, 0.02), 0.2), (NONE, 0.1)], [True, False]),
        ([(NONE, 0.1), (point(0.6, 0.02), 0.2)], [True, True]),
        # feasible ones by how many dominate them
        ([(point(0.7, 0.01), 0), (point(0.6, 0.02), 0)], [True, False]),
        ([(point(0.7, 0.02), 0), (point(0.6, 0.01), 0)], [True, True]),
        ([(point(0.7, 0.02), 0), (point(0.6, 0.02), 0), (point(0.65, 0.02), 0)], [1, 0, 0]),
        # one point of several that nobody dominates is enough
        ([(point(0.7, 0.02), 0), (np.array([[0.6, -0.02], [0.5, -0.01]]), 0)], [True, True]),
    ],
)
def test_the_best_third_passes_feasible_before_infeasible(arrivals, expected):
    assert passed(arrivals) == expected


def test_undominated_keeps_the_first_of_equal_rows():
    rows = np.array([[1.0, 0.0], [0.5, 0.5], [1.0, 0.0], [0.4, 0.5], [0.0, 1.0]])

    assert undominated(rows).tolist() == [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]


def test_a_front_under_way_knows_its_owners():
    front = LiveFront(2)
    front.add("a", np.array([0.7, -0.02]))
    front.add("b", np.array([0.6, -0.01]))
    front.add("c", np.array([0.6, -0.02]))  # beaten by both

    assert [front.holds(name) for name in "abc"] == [True, True, False]
    front.add("c", np.array([0.8, -0.005]))
    assert [front.holds(name) for name in "abc"] == [False, False, True]
    front.remove("c")  # it failed: what it beat is back
    assert [front.holds(name) for name in "abc"] == [True, True, False]
    assert front.of("c").shape == (0, 2)


def report(epoch, bias, performance=0.7, final=True, epochs=20):
    return {
        **{"epoch": epoch, "stage": 1 if final else 0, "stage_epoch": epoch},
        **{"stage_epochs": epochs, "final_stage": final, "last": final and epoch == epochs},
        **{"charged": 100 * epoch, "performance": performance, "sparsity": 0.0, "bias": bias},
        **{"bias_interval": [bias, bias], "beats_trivial": True, "feasible": bias < 0.03},
        **{"candidate": f"c{epoch}" if final else None, "dropped": []},
    }


def stopped_after(policy, name, reports):
    trial = TrialRecord(name, "prune_advft", {})
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


def flat(bias, performance=0.7, epochs=20):
    return [report(epoch, bias, performance, epochs=epochs) for epoch in range(1, epochs + 1)]


@pytest.mark.parametrize(("epochs", "after"), [(20, 1), (40, 2), (100, 5)])
def test_rungs_lie_at_shares_of_the_last_stage_whatever_its_length(epochs, after):
    policy = BiasHalving(STOPPING)
    stopped_after(policy, "best", flat(0.1))

    assert stopped_after(policy, "worse", flat(0.2, epochs=epochs)) == after


def test_stages_before_the_last_are_let_through():
    policy = BiasHalving(STOPPING)
    stopped_after(policy, "best", flat(0.1))
    early = [report(epoch, 0.9, final=False) for epoch in range(1, 21)]

    assert stopped_after(policy, "worse", [*early, *flat(0.2)]) == 21


def test_a_trial_on_the_front_is_not_stopped_before_another_has_beaten_it():
    policy = BiasHalving(STOPPING)
    stopped_after(policy, "fairer", flat(0.01, performance=0.6))
    better = TrialRecord("better", "prune_advft", {})

    def stopped_after_another(one):
        better.reports.append(one)
        policy.saw(better)
        return policy.decide(better) is not None

    assert stopped_after_another(report(1, 0.3))  # behind at the first rung: infeasible
    assert stopped_after_another(report(2, 0.3))  # and at the second
    assert not stopped_after_another(report(3, 0.02, performance=0.7))  # on the front by now
    stopped_after(policy, "best", flat(0.005, performance=0.8))
    assert stopped_after_another(report(3, 0.02, performance=0.7))
