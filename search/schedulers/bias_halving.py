"""Successive halving that asks for fairness first: a policy of our own, see rungs.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from search.record import TrialRecord
from search.schedulers.feasible import FeasiblePoints, point_of, undominated
from search.schedulers.policy import Stopping, Verdict
from search.schedulers.rungs import Rung
from search.schedulers.watch import (
    Report,
    Watching,
    Window,
    feasible_candidate,
    stage_share,
    trial_share,
)


@dataclass
class _Climb:
    """How far a trial has got."""

    window: Window = field(default_factory=Window)
    rung: int = 0  # the next one
    behind: bool = False  # at the last one


class BiasHalving(Watching):
    """Successive halving, constraint first: feasible before infeasible, then by non-domination.

    Rungs lie at shares of the last stage, whatever a method's length: what stages before it report
    says little about bias. Methods are ranked apart. At each rung the best third goes on; of the
    others, those with a feasible candidate finish early and keep it, the rest is stopped.
    """

    RUNGS = (0.05, 0.15, 0.45)  # shares of the last stage
    KEEP = 1 / 3

    def __init__(self, stopping: Stopping) -> None:
        super().__init__()
        self._sparsity = stopping.sparsity
        self._feasible = FeasiblePoints(2 + stopping.sparsity)
        self._rungs: dict[str, list[Rung]] = {}
        self._climbs: dict[str, _Climb] = {}

    def _report(self, trial: TrialRecord, report: Report) -> Verdict | None:
        if not report["final_stage"]:
            return None
        if feasible_candidate(report):
            self._feasible.add(trial.trial, point_of(report, sparsity=self._sparsity))
        climb = self._climbs.setdefault(trial.trial, _Climb())
        climb.window.take(report)
        self._climb(trial, climb, stage_share(report))
        if not climb.behind or report["last"]:
            return None
        keeps = trial.trial in self._feasible
        at = f"{'early, ' if keeps else ''}at {100 * trial_share(trial, report):.0f} %"
        return Verdict(f"{at}: behind two thirds of the trials", keeps)

    def _climb(self, trial: TrialRecord, climb: _Climb, share: float) -> None:
        """Takes the trial past every rung that it has now reached."""
        rungs = self._rungs.setdefault(trial.method, [Rung(self.KEEP) for _ in self.RUNGS])
        while climb.rung < len(self.RUNGS) and share >= self.RUNGS[climb.rung]:
            points = undominated(self._feasible.of(trial.trial))
            climb.behind = not rungs[climb.rung].passes(points, climb.window.bias)
            climb.rung += 1

    def _end(self, trial: TrialRecord) -> None:
        self._climbs.pop(trial.trial, None)
        self._feasible.remove(trial.trial)
