"""Warm start: what trials of earlier searches on the same task teach the studies of a new one.

The earlier trials are no trials of this search: they do not count and enter no front. What is
learned from them is written into the journal: a resumed search needs their folders no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from search.config.config import Config
from search.engine.study import telling_report
from search.engine.unchanged import check_decisions, check_encoding
from search.errors import UserError
from search.journal.events import Experiment, Remembered, WarmStartFacts
from search.journal.journal import read_events
from search.journal.record import Record, TrialRecord
from search.problem.problem import Problem
from search.runs.folder import DENSE, RunFolder
from search.runs.intact import check_files
from spaces.space import Space
from trainables.evaluation.objective import Objective
from trainables.evaluation.report import Report


@dataclass(frozen=True)
class Earlier:
    """What one earlier run has to tell."""

    folder: str
    run: str  # its id
    trials: tuple[Remembered, ...]
    left_out: Mapping[str, int]  # why -> how many trials

    def facts(self) -> WarmStartFacts:
        """The `warm_start` event."""
        left_out = dict(self.left_out)
        return {
            "folder": self.folder,
            "run": self.run,
            "trials": list(self.trials),
            "left_out": left_out,
        }

    def note(self) -> str:
        """What the user is told."""
        missing = "; ".join(f"{count} {why}" for why, count in self.left_out.items())
        said = f"warm start: {len(self.trials)} trials of {self.folder} are learned from"
        return f"{said}; left out: {missing}" if missing else said


def earlier_runs(folders: Sequence[str], problem: Problem) -> list[Earlier]:
    """What the runs in `folders` have to tell, judged by this search's tolerance.

    Raises UserError where one holds no run, or was on other data, for another measure or group,
    with another correction or network: such trials say nothing about this search.
    """
    runs = [_earlier(folder, problem) for folder in folders]
    for run_id, count in Counter(earlier.run for earlier in runs).items():
        if count > 1:
            twice = ", ".join(earlier.folder for earlier in runs if earlier.run == run_id)
            raise UserError(f"warm start: each run must be named once, got {twice}")
    return runs


def _earlier(name: str, problem: Problem) -> Earlier:
    folder = RunFolder(Path(name))
    try:
        facts, config = folder.facts(), folder.config()
    except UserError as error:
        raise UserError(f"warm start: {error}") from error
    for what, then, now in _compared(facts, config, problem):
        if then != now:
            raise UserError(f"warm start: {name} must have the same {what}, got {then}, not {now}")
    _check_unchanged(folder, problem)
    record = Record()
    record.replay(read_events(folder.journal))
    trials, left_out = [], Counter[str]()
    for trial in record.trials.values():
        why = _useless(trial, problem.spaces)
        if why is None:
            trials.append(_remembered(trial, problem.objective))
        else:
            left_out[why] += 1
    return Earlier(name, facts["run"], tuple(trials), left_out)


def _check_unchanged(folder: RunFolder, problem: Problem) -> None:
    """As far as its files are still there: a trial of another network teaches nothing."""
    check_encoding(folder, problem.prepared, "warm start")
    if (folder.path / DENSE).exists():
        check_files(folder, "warm start")
        check_decisions(folder, problem, folder.dense(problem.untrained()), "warm start")


def _compared(
    facts: Experiment, config: Config, problem: Problem
) -> Iterable[tuple[str, Any, Any]]:
    """(what, then, now) of all that must be equal for trials to say something here."""
    new = problem.config
    yield "data set", facts["data"], problem.prepared.name
    yield "grouping", facts["group"], new.data.group
    yield "rows in its splits", _short(facts["hashes"]), _short(dict(problem.prepared.hashes))
    for measure in ("performance", "bias"):
        yield (
            f"measure of {measure}",
            facts["objective"][measure],
            getattr(problem.objective, measure),
        )
    yield "correction", facts["correction"], problem.correction
    if not facts["model_in_memory"] and problem.model is None:
        yield "[model]", config.model.model_dump(), new.model.model_dump()
    yield "[dense]", config.dense.model_dump(), new.dense.model_dump()
    yield "[prune_by]", _asked(config), _asked(new)


def _asked(config: Config) -> Mapping[str, Any] | None:
    return None if config.prune_by is None else config.prune_by.model_dump()


def _short(hashes: Mapping[str, str]) -> dict[str, str]:
    return {name: one[:8] for name, one in hashes.items()}


def _useless(trial: TrialRecord, spaces: Mapping[str, Space]) -> str | None:
    """Why a trial teaches nothing here, or None."""
    if trial.method not in spaces:
        return "of methods that are not searched"
    if not spaces[trial.method].ranges:
        return "of methods with nothing to search"
    if trial.status == "running" or telling_report(trial) is None:
        return "failed or unfinished"
    inside = spaces[trial.method].holds(trial.spec["settings"])
    return None if inside else "with settings outside the ranges"


def _remembered(trial: TrialRecord, objective: Objective) -> Remembered:
    judged = [
        cast("Report", {**report, "feasible": _feasible(report, objective)})
        for report in trial.reports
    ]
    again = TrialRecord(trial.trial, trial.method, trial.spec, judged, trial.status)
    report = telling_report(again)
    if report is None or trial.status == "running":
        raise ValueError(f"warm start: {trial.trial} has no report to learn from")
    return {
        "trial": trial.trial,
        "method": trial.method,
        "status": trial.status,
        "spec": {"settings": trial.spec["settings"]},
        "report": {
            "performance": report["performance"],
            "bias": report["bias"],
            "sparsity": report["sparsity"],
            "feasible": report["feasible"],
            "beats_trivial": report["beats_trivial"],
            "candidate": None,
            "dropped": [],
        },
    }


def _feasible(report: Report, objective: Objective) -> bool:
    """As a trial of this search would be called: the tolerance may be another one now."""
    if report["bias"] is None:
        return False
    upper = report["bias_upper"]
    sure = upper is not None and upper < objective.tolerance
    return bool(report["bias"] < objective.safe_bias or sure)
