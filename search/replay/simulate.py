"""A search replayed on recorded trials: workers in virtual time, record and policy the real ones.

A worker's clock is the number of samples its trials were charged. Reports come in the order of
virtual time, those of equal time in the order in which they were awaited.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count

from search.record import Record, Status, TrialRecord
from search.replay.pool import Recorded
from search.replay.proposals import Proposals
from search.schedulers import Policy


@dataclass(frozen=True, eq=False)
class Replayed:
    """What a replayed search leaves."""

    record: Record
    order: tuple[Recorded, ...]  # in which they were started
    makespan: int  # samples charged by the worker that worked longest

    @property
    def epochs(self) -> int:
        return sum(trial.epoch for trial in self.record.trials.values())

    @property
    def charged(self) -> int:
        """Samples of all trials."""
        reported = [trial.reports for trial in self.record.trials.values() if trial.reports]
        return sum(int(reports[-1]["charged"]) for reports in reported)


def simulate(
    method: str, proposals: Proposals, policy: Policy | None, *, trials: int, workers: int
) -> Replayed:
    """Runs `trials` proposals (fewer where there are no more) on `workers` workers."""
    if trials < 1 or workers < 1:
        raise ValueError(f"replay: needs a trial and a worker, got {trials} and {workers}")
    simulation = _Simulation(method, proposals, policy, trials)
    for _ in range(workers):
        simulation.start(0)
    while simulation.step():
        pass
    return Replayed(simulation.record, tuple(simulation.order), simulation.now)


class _Simulation:
    def __init__(
        self, method: str, proposals: Proposals, policy: Policy | None, trials: int
    ) -> None:
        self.record = Record()
        self.order: list[Recorded] = []
        self.now = 0
        self._method = method
        self._proposals = proposals
        self._policy = policy
        self._trials = trials
        self._turn = count()
        # (time, turn, trial, reports that will have come by then)
        self._awaited: list[tuple[int, int, Recorded, int]] = []

    def start(self, time: int) -> None:
        """Gives a free worker its next trial, if there is one."""
        if len(self.order) == self._trials:
            return
        one = self._proposals.next()
        if one is None:
            return
        self.order.append(one)
        start = {"event": "trial_start", "trial": one.trial, "method": self._method}
        self.record.replay([{**start, "spec": {"trial": one.trial, "settings": one.settings}}])
        self._await(time, one, 0)

    def step(self) -> bool:
        """Takes the next report, or reports where nobody decides on them; False at the end."""
        if not self._awaited:
            return False
        self.now, _, one, reported = heapq.heappop(self._awaited)
        trial = self.record.trials[one.trial]
        if reported:
            self.record.replay(one.reports[trial.epoch : reported])
            self._show(trial)
        if reported == len(one.reports):
            self._end(trial, one.status)
        elif self._policy is not None and (verdict := self._policy.decide(trial)) is not None:
            self._end(trial, verdict.status, verdict.reason)
        else:
            self._await(self.now, one, reported)
        return True

    def _await(self, time: int, one: Recorded, reported: int) -> None:
        """The worker's next report; without a policy nobody looks before the trial's last."""
        ahead = min(reported + 1, len(one.reports))
        if self._policy is None:
            ahead = len(one.reports)
        before = one.reports[reported - 1]["charged"] if reported else 0
        after = one.reports[ahead - 1]["charged"] if ahead else 0
        heapq.heappush(self._awaited, (time + after - before, next(self._turn), one, ahead))

    def _end(self, trial: TrialRecord, status: Status, reason: str | None = None) -> None:
        end = {"event": "trial_end", "trial": trial.trial, "status": status, "reason": reason}
        self.record.replay([end])
        self._show(trial)
        self._proposals.tell(trial)
        self.start(self.now)

    def _show(self, trial: TrialRecord) -> None:
        if self._policy is not None:
            self._policy.saw(trial)
