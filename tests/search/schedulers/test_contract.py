"""What every scheduler in the registry must do."""

from __future__ import annotations

from typing import Any

import pytest

from search.journal.record import TrialRecord
from search.schedulers import SCHEDULERS
from search.schedulers.policy import Policy, Stopping

STOPPING = Stopping(limit=0.03, tolerance=0.05, sparsity=False, reference=(0.5, 0.05, 0.0))
POLICIES = [name for name, make in SCHEDULERS.items() if make(STOPPING) is not None]


def report(epoch: int, bias: float, performance: float = 0.7, **changes: Any) -> dict[str, Any]:
    return {
        **{"epoch": epoch, "stage": 0, "stage_epoch": epoch, "stage_epochs": 20},
        **{"final_stage": True, "last": epoch == 20, "charged": epoch * 100.0},
        **{"performance": performance, "performance_se": 0.01, "sparsity": 0.0},
        **{"bias": bias, "bias_interval": [bias - 0.01, bias + 0.01], "beats_trivial": True},
        **{"feasible": bias < 0.03, "dropped": [], "candidate": f"c{epoch}"},
        **changes,
    }


def shown(policy: Policy, name: str, biases: list[float], **changes: Any) -> str | None:
    """Why the policy stops a trial of these epochs; None where it does not."""
    trial = TrialRecord(name, "adv_ft", {})
    for epoch, bias in enumerate(biases, start=1):
        trial.reports.append(report(epoch, bias, **changes))
        policy.saw(trial)
        if (verdict := policy.decide(trial)) is not None:
            return verdict.reason
    if len(biases) == 20:
        trial.status = "finished"
        policy.saw(trial)
    return None


def taught(name: str) -> Policy:
    """A policy that saw eight trials which became feasible."""
    policy = SCHEDULERS[name](STOPPING)
    assert policy is not None
    for index in range(40):
        falling = [(0.2 + index / 1000) * 0.8**epoch for epoch in range(20)]
        shown(policy, f"t{index:04d}", falling, performance=0.65 + index / 800)
    return policy


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_scheduler_stops_nothing_in_its_first_epoch(name):
    policy = SCHEDULERS[name](STOPPING)

    assert policy is None or shown(policy, "t0001", [0.9]) is None


@pytest.mark.parametrize("name", POLICIES)
def test_a_trial_that_stays_far_behind_all_others_is_stopped_with_a_reason(name):
    assert shown(taught(name), "t0100", [0.5] * 19, performance=0.55)


@pytest.mark.parametrize("name", POLICIES)
def test_a_trial_better_than_all_others_goes_on(name):
    assert shown(taught(name), "t0100", [0.01] * 19, performance=0.9) is None
