"""The Ray scheduler that every search uses: writes each report down, then asks the policy."""

from __future__ import annotations

import json
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.budget import Limits
from search.errors import UserError
from search.record import Record, Status, TrialRecord
from search.retries import Forgiving
from search.schedulers.policy import Policy

CONTINUE, STOP = str(TrialScheduler.CONTINUE), str(TrialScheduler.STOP)


class JournalingScheduler(FIFOScheduler):
    """Ray calls the scheduler first of all with a result, so the journal is written here.

    Its state is the record, which a resumed search rebuilds from the journal, and the policy,
    which is shown what is on record.
    """

    def __init__(
        self,
        record: Record,
        policy: Policy | None,
        limits: Limits | None = None,
        forgiving: Forgiving | None = None,
    ) -> None:
        super().__init__()
        self._record = record
        self._policy = policy
        self._limits = limits
        self._forgiving = forgiving
        self.unfit: str | None = None  # why the search had to be given up
        for trial in record.trials.values():
            self._show(trial)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what its Tuner holds, but no search is ever resumed from that."""
        return {}

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        report = json.loads(result["report"])
        known = self._record.trials[report["trial"]]
        if "unfit" in report:  # a machine's fault: on record the trial stays unfinished
            self.unfit = report["unfit"]
            raise UserError(self.unfit)
        if "failure" in report:
            return self._end(known, "failed", report["failure"])
        if "waiting" in report:
            return self._going_on()
        self._record.report(report)
        if self._forgiving is not None:
            self._forgiving.reported(trial)
        self._show(known)
        if report["last"]:
            return self._end(known, "finished")
        verdict = None if self._policy is None else self._policy.decide(known)
        if verdict is not None:
            return self._end(known, verdict.status, verdict.reason)
        return self._going_on()

    def _going_on(self) -> str:
        """At a limit a trial is left unfinished, not ended: `resume` goes on with it."""
        return STOP if self._limits is not None and self._limits.reached else CONTINUE

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Its worker died: that is no end, see searchers.py."""
        if self._forgiving is not None:
            self._forgiving.died(trial)

    def _end(self, trial: TrialRecord, status: Status, reason: str | None = None) -> str:
        self._record.end(trial.trial, status, reason)
        self._show(trial)
        return STOP

    def _show(self, trial: TrialRecord) -> None:
        if self._policy is not None:
            self._policy.saw(trial)
