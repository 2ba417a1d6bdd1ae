"""Constraint-first, non-dominated halving: rungs as tables, the front under way, the policy."""

import numpy as np
import pytest

from search.journal.record import TrialRecord
from search.schedulers.bias_halving import BiasHalving, Rung
from search.schedulers.policy import Stopping
from search.schedulers.watch import undominated

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
        if (verdict := policy.decide(trial)) is not None:
            trial.status = verdict.status
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


def test_a_trial_that_falls_behind_with_a_feasible_candidate_finishes_early_and_keeps_it():
    policy = BiasHalving(STOPPING)
    stopped_after(policy, "best", flat(0.005, performance=0.8))

    verdicts = []
    for name, bias in (("fair", 0.02), ("biased", 0.2)):
        trial = TrialRecord(name, "prune_advft", {}, [report(1, bias, performance=0.7)])
        policy.saw(trial)
        verdicts.append(policy.decide(trial))

    assert [verdict.status for verdict in verdicts] == ["finished", "stopped"]
