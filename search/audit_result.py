"""What an audit found: what stopped trials would have become."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analysis.proportion import exact_interval
from search.record import Record, TrialRecord
from search.schedulers.feasible import Points, beaten, point_of, undominated
from search.schedulers.watch import feasible_candidate

# What must be the same in each report that the search has seen before the trial was stopped.
_SAME = ("charged", "performance", "bias", "sparsity", "feasible")


@dataclass(frozen=True)
class Audited:
    """One stopped trial and what it was at its end."""

    trial: str
    method: str
    reason: str  # why it was stopped, numbers left out
    stopped_after: int  # epochs
    epochs: int  # to its end
    status: str  # of the audit: finished or failed
    feasible: bool  # it has a feasible candidate at its end: stopping it was an error
    on_front: bool  # and one that nothing the search has found beats
    repeats: bool  # it reported again what it had reported in the search


def audited(stopped: TrialRecord, resumed: TrialRecord, front: Points, sparsity: bool) -> Audited:
    """Compares a stopped trial with what became of it; `front` is that of the search."""
    kept = [report for report in resumed.candidates() if feasible_candidate(report)]
    points = [point_of(report, sparsity=sparsity) for report in kept]
    return Audited(
        trial=stopped.trial,
        method=stopped.method,
        reason=kind_of_reason(stopped.reason or ""),
        stopped_after=stopped.epoch,
        epochs=resumed.epoch,
        status=resumed.status,
        feasible=bool(kept),
        on_front=any(not beaten(point[None], front)[0] for point in points),
        repeats=all(
            [before[key] for key in _SAME] == [after[key] for key in _SAME]
            for before, after in zip(stopped.reports, resumed.reports, strict=False)
        ),
    )


def kind_of_reason(reason: str) -> str:
    """The reason without its numbers, so that equal ones can be counted."""
    return re.sub(r"\d+(\.\d+)?", "...", reason)


def front_of(record: Record, sparsity: bool) -> Points:
    """The feasible candidates of finished trials that no other one beats (n, 2 or 3)."""
    points = [
        point_of(report, sparsity=sparsity)
        for trial in record.trials.values()
        if trial.status == "finished"
        for report in trial.candidates()
        if feasible_candidate(report)
    ]
    return undominated(np.array(points).reshape(len(points), 2 + sparsity))


def summary(rows: Iterable[Audited], record: Record) -> dict[str, Any]:
    """audit.json: false kills over all and by reason, with 95 % intervals; every trial's row.

    `false_kill_rate` is the share of stopped trials that would have had a feasible candidate;
    `missed` the share of all trials with one, by their end, that the scheduler stopped: what
    `error_rate` speaks of.
    """
    rows = list(rows)
    finished = [row for row in rows if row.status == "finished"]
    stopped = record.count("stopped")
    feasible = sum(
        any(feasible_candidate(report) for report in trial.candidates())
        for trial in record.trials.values()
        if trial.status == "finished"
    )
    tally = _tally(finished)
    ends = (tally["false_kill_rate"], *tally["interval"])
    missed = [None if rate is None else _missed(rate * stopped, feasible) for rate in ends]
    reasons = sorted({row.reason for row in finished})
    return {
        "stopped": stopped,
        "failed": len(rows) - len(finished),
        **tally,
        "missed": missed[0],
        "missed_interval": missed[1:],
        "not_repeated": [row.trial for row in rows if not row.repeats],
        "by_reason": [
            {"reason": reason, **_tally([row for row in finished if row.reason == reason])}
            for reason in reasons
        ],
        "trials": [asdict(row) for row in rows],
    }


def _missed(killed: float, kept: int) -> float:
    return killed / (killed + kept) if killed + kept else 0.0


def _tally(rows: list[Audited]) -> dict[str, Any]:
    killed = sum(row.feasible for row in rows)
    return {
        "audited": len(rows),
        "false_kills": killed,
        "false_kill_rate": killed / len(rows) if rows else None,
        "interval": list(exact_interval(killed, len(rows))),
        "on_front": sum(row.on_front for row in rows),
    }
