"""How long a scheduler takes over one report with 10,000 trials on record."""

from __future__ import annotations

import time

import numpy as np
import pytest

from search.journal.record import TrialRecord
from search.schedulers import SCHEDULERS
from search.schedulers.policy import Stopping

EPOCHS, ON_RECORD, TIMED = 20, 10_000, 1_000
STOPPING = Stopping(limit=0.03, tolerance=0.05, sparsity=True, reference=(0.5, 0.05, 0.0))


def trials(number: int) -> list[TrialRecord]:
    """Curves that fall at various speeds; about half of them become feasible."""
    generator = np.random.default_rng(0)
    made = []
    for index in range(number):
        start, rate = generator.uniform(0.05, 0.4), generator.uniform(0.75, 1.0)
        performance, sparsity = generator.uniform(0.55, 0.95), generator.uniform(0.0, 0.99)
        biases = start * rate ** np.arange(EPOCHS) + generator.normal(0, 0.01, EPOCHS)
        reports = [
            report(index, epoch, abs(bias), performance, sparsity)
            for epoch, bias in enumerate(biases.tolist(), start=1)
        ]
        made.append(TrialRecord(f"t{index:05d}", "adv_ft", {}, reports))
    return made


def report(index: int, epoch: int, bias: float, performance: float, sparsity: float):
    return {
        **{"epoch": epoch, "stage": 0, "stage_epoch": epoch, "stage_epochs": EPOCHS},
        **{"final_stage": True, "last": epoch == EPOCHS, "charged": 1000 * epoch},
        **{"performance": performance, "performance_se": 0.01, "sparsity": sparsity},
        **{"bias": bias, "bias_interval": (bias - 0.02, bias + 0.02), "beats_trivial": True},
        **{"feasible": bias < 0.03, "candidate": f"c{index}-{epoch}", "dropped": ()},
    }


@pytest.mark.benchmark
@pytest.mark.parametrize("name", [name for name in SCHEDULERS if name != "none"])
def test_99_of_100_decisions_take_at_most_5_ms_with_10000_trials_on_record(name):
    policy = SCHEDULERS[name](STOPPING)
    assert policy is not None
    made = trials(ON_RECORD + TIMED // EPOCHS)
    recorded, fresh = made[:ON_RECORD], made[ON_RECORD:]
    begin = time.process_time()
    for trial in recorded:
        trial.status = "finished"
        policy.saw(trial)
    replayed = time.process_time() - begin
    times = []
    for trial in fresh:
        shown = TrialRecord(trial.trial, trial.method, {})
        for one in trial.reports:
            shown.reports.append(one)
            begin = time.process_time()
            policy.saw(shown)
            policy.decide(shown)
            times.append(time.process_time() - begin)
    p50, p99, worst = 1000 * np.quantile(times, [0.5, 0.99, 1.0])
    print(
        f"\n{name}: decision p50 {p50:.2f} ms, p99 {p99:.2f} ms, worst {worst:.2f} ms; "
        f"{ON_RECORD} trials of {EPOCHS} reports replayed in {replayed:.1f} s"
    )

    assert p99 <= 5
