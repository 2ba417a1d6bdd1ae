"""The Ray scheduler that every search uses: writes each report down, then asks the rule."""

from __future__ import annotations

import json
import time
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.record import Record, TrialRecord
from search.schedulers.tolerance import Curve, ToleranceRule

_TWO_SIDED = 1.96  # normal quantile of the reports' 95 % intervals
CONTINUE, STOP = str(TrialScheduler.CONTINUE), str(TrialScheduler.STOP)


class JournalingScheduler(FIFOScheduler):
    """Ray calls the scheduler first of all with a result, so the journal is written here.

    Its state is the record, which a resumed search rebuilds from the journal.
    """

    def __init__(
        self, record: Record, rule: ToleranceRule | None, deadline: float | None = None
    ) -> None:
        super().__init__()
        self._record = record
        self._rule = rule
        self._deadline = deadline

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what its Tuner holds, but no search is ever resumed from that."""
        return {}

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        report = json.loads(result["report"])
        if "failure" in report:
            self._record.end(report["trial"], "failed", report["failure"])
            return STOP
        known = self._record.trials[report["trial"]]
        self._record.report(report)
        if report["last"]:
            self._record.end(known.trial, "finished")
            return STOP
        if self._rule is not None and stops(self._rule, known, self._record):
            reason = reason_to_stop(report, self._rule.limit)
            self._record.end(known.trial, "stopped", reason)
            return STOP
        # Past the deadline the trial is left unfinished, not ended: `resume` goes on with it.
        late = self._deadline is not None and time.time() > self._deadline
        return STOP if late else CONTINUE


def stops(rule: ToleranceRule, trial: TrialRecord, record: Record) -> bool:
    """Asks the rule about the latest report of `trial`.

    Before the last stage bias says nothing about where the trial ends, so those stages go on. So
    does a trial with a feasible candidate, be it so by its upper bound alone: stopped trials enter
    no front.
    """
    last = trial.reports[-1]
    if not last["final_stage"] or any(r["feasible"] for r in trial.candidates()):
        return False
    peers = [t for t in record.of_method(trial.method) if t.status == "finished"]
    low, high = last["bias_interval"]
    if low is None:
        return False
    error = (high - low) / (2 * _TWO_SIDED)
    return rule.stops(final_curve(trial), error, [final_curve(t) for t in peers])


def reason_to_stop(report: dict[str, Any], limit: float) -> str:
    """What the user is told about a trial that is stopped."""
    if not report["beats_trivial"]:
        return "no better than a constant prediction"
    return f"bias {report['bias']:.3f} is not expected to come under {limit:g}"


def final_curve(trial: TrialRecord) -> Curve:
    """Bias through the last stage. A network no better than a constant one is perfectly fair and
    worth nothing: its bias counts as unknown, lest it be taken for a feasible candidate."""
    reports = [report for report in trial.reports if report["final_stage"]]
    bias = [report["bias"] if report["beats_trivial"] else None for report in reports]
    return Curve(bias, reports[-1]["stage_epochs"])
