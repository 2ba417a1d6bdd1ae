"""Ray's own asynchronous successive halving on performance, asked as one of our policies.

Li et al., A system for massively parallel hyperparameter tuning, MLSys 2020.
"""

from __future__ import annotations

from types import SimpleNamespace

from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from search.journal.record import TrialRecord
from search.schedulers.policy import Stopping, Verdict
from search.schedulers.watch import WatchingPolicy, round_of, trial_share
from trainables.evaluation.report import Report


class Asha(WatchingPolicy):
    """Looks at performance alone, not at bias. It is here to compare our policies with.

    Trials differ in length, so time is the share of the whole trial in percent. Rungs lie at 10,
    30 and 90 percent: there a trial must be among the best third of those that got so far. Trials
    of different methods are compared with each other, as Ray does it, but those that prune in
    rounds with each other alone: their networks are denser on the way than at the end.
    """

    def __init__(self, stopping: Stopping) -> None:
        super().__init__()
        self._halvings = {in_rounds: self._new_halving() for in_rounds in (False, True)}
        self._started: dict[str, AsyncHyperBandScheduler] = {}  # trial -> where it is compared

    def _new_halving(self) -> AsyncHyperBandScheduler:
        return AsyncHyperBandScheduler(
            time_attr="percent",
            metric="performance",
            mode="max",
            max_t=100,
            grace_period=10,
            reduction_factor=3,
            stop_last_trials=False,
        )

    def _report(self, trial: TrialRecord, report: Report) -> Verdict | None:
        ray_trial = SimpleNamespace(trial_id=trial.trial)
        if trial.trial not in self._started:
            halving = self._halvings[round_of(report) is not None]
            self._started[trial.trial] = halving
            halving.on_trial_add(None, ray_trial)
        halving = self._started[trial.trial]
        percent = 100 * trial_share(trial, report)
        result = {"percent": percent, "performance": report["performance"]}
        if report["performance"] is None or percent >= 100:
            return None
        if halving.on_trial_result(None, ray_trial, result) == TrialScheduler.CONTINUE:
            return None
        return Verdict(
            f"performance {report['performance']:.3f} is behind at {percent:.0f} % of the trial"
        )

    def _end(self, trial: TrialRecord) -> None:
        halving = self._started.pop(trial.trial, None)
        if halving is not None:
            halving.on_trial_remove(None, SimpleNamespace(trial_id=trial.trial))
