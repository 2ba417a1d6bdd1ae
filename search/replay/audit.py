"""Runs stopped trials to their end, to learn how many a scheduler stopped in error."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
import pandas as pd
import torch
from scipy.stats import beta
from torch import nn

from search.cluster.connect import check_cluster, cluster_address
from search.config.config import Config
from search.engine.driver import Driver
from search.engine.experiment import reopened
from search.engine.faults import stopped_by_faults
from search.engine.machines import machines
from search.errors import UserError
from search.journal.candidates import is_feasible
from search.journal.events import Event, Listener, TrialStatus
from search.journal.journal import Journal, read_events
from search.journal.record import Record, TrialRecord
from search.problem.start_network import Build
from search.runs.folder import RunFolder, write_json
from search.runs.trust import refuse_links
from search.schedulers.watch import Points, beaten, point_of, undominated
from trainables.data import FairData
from trainables.evaluation.report import Report
from trainables.stage import derived_seed
from trainables.trial.names import checkpoint_path


@dataclass(frozen=True)
class AuditedTrial:
    """One stopped trial and what it was at its end."""

    trial: str
    method: str
    reason: str  # why it was stopped, numbers left out
    stopped_after: int  # epochs
    epochs: int  # to its end
    status: TrialStatus  # of the audit: finished or failed
    feasible: bool  # it has a feasible candidate at its end: stopping it was an error
    on_front: bool  # and one that nothing the search has found beats
    repeats: bool  # it reported again what it had reported in the search


class FalseKills(TypedDict):
    """How many trials were stopped in error, of those that were audited and did not fail."""

    audited: int
    false_kills: int  # they have a feasible candidate at their end
    false_kill_rate: float | None  # None: of no trials
    interval: list[float]  # of the rate, 95 %
    on_front: int  # trials with a candidate that nothing the search has found beats


class FalseKillsByReason(FalseKills):
    reason: str  # numbers left out


class AuditSummary(FalseKills):
    """What the audit of all trials adds up to."""

    stopped: int  # by the search
    failed: int  # on their way to the end: not in the tally
    # Of all trials that have a feasible candidate or would have had one, the share that the
    # scheduler stopped: what `error_rate` speaks of. None: nothing was audited.
    missed: float | None
    missed_interval: list[float | None]
    not_repeated: list[str]  # trials that reported something else this time
    by_reason: list[FalseKillsByReason]
    trials: list[dict[str, Any]]  # `AuditedTrial`, each as a dict


class AuditResult(AuditSummary):
    """audit.json."""

    scheduler: str
    error_rate: float


def audit(
    path: Path | str,
    *,
    sample: int | None = None,
    seed: int = 0,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    address: str | None = None,
    trust_code: bool = False,
    on_event: Listener | None = None,
) -> AuditResult:
    """Runs the stopped trials of a run to their end and tells what they would have become.

    `sample` of them, drawn by `seed`; a larger sample contains the smaller one. They go on from
    their checkpoints in the run's folder, else from their start. All of it happens in `audit/` of
    the run's folder, where an interrupted audit is taken up again; nothing of it enters a front.
    Returns and writes audit.json.
    Raises UserError where nothing was stopped, or data or network have changed, and, without
    `trust_code`, where the run of somebody else names code.
    """
    folder = RunFolder(Path(path))
    folder.require()
    record = _record_of(folder)
    chosen = _drawn(record, sample, seed)
    if not chosen:
        raise UserError(f"audit: no trial of {path} was stopped, so there is nothing to find out")
    home = RunFolder(folder.path / "audit")
    refuse_links(folder.path, "audit")
    address = cluster_address(address)
    check_cluster(folder.config().resources.gpu, address)
    unstopped = _unstopped(folder.config(), [record.trials[trial] for trial in chosen])
    problem, dense = reopened(folder, unstopped, data, model, "audit", trust_code=trust_code)
    _prepare(folder, home, record, chosen)
    with (
        stopped_by_faults(f"fairfront audit {folder.path}"),
        machines(problem.config, address, folder),
        Driver(home, problem, dense, address, on_event) as driver,
    ):
        driver.search()
        result = _result(folder.config(), record, driver.record, chosen)
    for unused in ("candidates", "stages"):  # weights that nothing may use
        shutil.rmtree(home.path / unused, ignore_errors=True)
    write_json(folder.path / "audit.json", result)
    return result


def audited(
    stopped: TrialRecord, resumed: TrialRecord, front: Points, sparsity: bool
) -> AuditedTrial:
    """Compares a stopped trial with what became of it; `front` is that of the search."""
    feasible = [report for report in resumed.candidates() if is_feasible(report)]
    points = [point_of(report, sparsity=sparsity) for report in feasible]
    return AuditedTrial(
        trial=stopped.trial,
        method=stopped.method,
        reason=kind_of_reason(stopped.reason or ""),
        stopped_after=stopped.epoch,
        epochs=resumed.epoch,
        status=resumed.status,
        feasible=bool(feasible),
        on_front=any(not beaten(point[None], front)[0] for point in points),
        repeats=all(
            _repeated(before) == _repeated(after)
            for before, after in zip(stopped.reports, resumed.reports, strict=False)
        ),
    )


def _repeated(report: Report) -> tuple[float | None, ...]:
    """What must be the same when a trial reports an epoch again."""
    judged = (report["performance"], report["bias"], report["sparsity"], report["feasible"])
    return (report["charged"], *judged)


def kind_of_reason(reason: str) -> str:
    """The reason without its numbers, so that equal ones can be counted."""
    return re.sub(r"\d+(\.\d+)?", "...", reason)


def front_of(record: Record, sparsity: bool) -> Points:
    """The feasible candidates of the search that no other one beats (n, 2 or 3)."""
    points = [
        point_of(report, sparsity=sparsity)
        for trial in record.trials.values()
        for report in trial.candidates()
        if is_feasible(report)
    ]
    return undominated(np.array(points).reshape(len(points), 2 + sparsity))


def summary(audited_trials: Iterable[AuditedTrial], record: Record) -> AuditSummary:
    """The tallies over all and by reason, and every trial's row; `record` is of the search."""
    rows = list(audited_trials)
    not_failed = [row for row in rows if row.status == "finished"]
    stopped = record.count("stopped")
    # Trials that still run do not count: they have no end to compare with.
    feasible = sum(
        any(is_feasible(report) for report in trial.candidates())
        for trial in record.trials.values()
        if trial.status == "finished"
    )
    tally = _tally(not_failed)
    rates = (tally["false_kill_rate"], *tally["interval"])
    missed = [None if rate is None else _missed(rate * stopped, feasible) for rate in rates]
    reasons = sorted({row.reason for row in not_failed})
    return {
        "stopped": stopped,
        "failed": len(rows) - len(not_failed),
        **tally,
        "missed": missed[0],
        "missed_interval": missed[1:],
        "not_repeated": [row.trial for row in rows if not row.repeats],
        "by_reason": [
            {"reason": reason, **_tally([row for row in not_failed if row.reason == reason])}
            for reason in reasons
        ],
        "trials": [asdict(row) for row in rows],
    }


def _missed(killed: float, kept: int) -> float:
    return killed / (killed + kept) if killed + kept else 0.0


def _tally(rows: list[AuditedTrial]) -> FalseKills:
    killed = sum(row.feasible for row in rows)
    return {
        "audited": len(rows),
        "false_kills": killed,
        "false_kill_rate": killed / len(rows) if rows else None,
        "interval": list(exact_interval(killed, len(rows))),
        "on_front": sum(row.on_front for row in rows),
    }


def exact_interval(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval (Biometrika 1934) of a proportion, `hits` out of `trials`.

    It covers the true one with at least `level`; (0, 1) without trials. Raises ValueError unless
    0 <= hits <= trials.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"exact_interval: must keep 0 <= hits <= trials, got {hits} of {trials}")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high


def _record_of(folder: RunFolder) -> Record:
    record = Record()
    record.replay(read_events(folder.journal))
    return record


def _drawn(record: Record, sample: int | None, seed: int) -> list[str]:
    stopped = [trial.trial for trial in record.trials.values() if trial.status == "stopped"]
    drawn = sorted(stopped, key=lambda trial: derived_seed(seed, "audit", trial))
    return drawn if sample is None else drawn[:sample]


def _unstopped(config: Config, chosen: list[TrialRecord]) -> Config:
    """The run's config with nothing that would stop or add a trial, unwatched by MLflow.

    Of listed trials it has the chosen ones alone: the others would be run once more.
    """
    changes = {"scheduler": "none", "trials": len(chosen), "time_limit": None, "budget": None}
    search = config.search.model_copy(update=changes)
    tracking = config.tracking.model_copy(update={"enabled": False})
    rows = {trial.row for trial in chosen}
    trials = tuple(trial for trial in config.trials if trial.name in rows)
    return config.model_copy(update={"search": search, "tracking": tracking, "trials": trials})


def _prepare(folder: RunFolder, home: RunFolder, record: Record, chosen: list[str]) -> None:
    """Writes the chosen trials into the audit's journal as unfinished ones.

    Where trials go back to weights from early in the dense training, the audit has these too.
    """
    home.path.mkdir(exist_ok=True)
    folder.copy_early(home)
    with closing(Journal(home.path)) as journal:
        known = Record(journal)
        known.replay(read_events(home.journal))
        if known.dense is None:
            _copy(journal, folder.facts())
            _copy(journal, folder.dense_event())
        for trial in chosen:
            if trial not in known.trials:
                _hand_over(folder, home, journal, trial)


def _hand_over(folder: RunFolder, home: RunFolder, journal: Journal, trial: str) -> None:
    """The trial's start and its reports up to its checkpoint, if that is there still.

    The checkpoint comes first: should this be cut off, it is ahead of the reports, and a
    checkpoint ahead of its journal is dropped; the trial then starts anew.
    """
    checkpoint, done = checkpoint_path(folder.path, trial), 0
    if checkpoint.exists():
        done = torch.load(checkpoint, weights_only=True, map_location="cpu")["epoch"]
        copy = checkpoint_path(home.path, trial)
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(checkpoint, copy)
    for event in read_events(folder.journal):
        if _starts(event, trial) or _reports(event, trial, done):
            _copy(journal, event)


def _starts(event: Event, trial: str) -> bool:
    return event["event"] == "trial_start" and event["trial"] == trial


def _reports(event: Event, trial: str, last: int) -> bool:
    """Whether it is a report of the trial up to epoch `last`."""
    return event["event"] == "report" and event["trial"] == trial and event["epoch"] <= last


def _copy(journal: Journal, event: Event) -> None:
    """Writes an event of the run with the present time."""
    journal.append(cast("Event", {key: one for key, one in event.items() if key != "time"}))


def _result(config: Config, record: Record, resumed: Record, chosen: list[str]) -> AuditResult:
    sparsity = config.objective.sparsity
    front = front_of(record, sparsity)
    ended = [name for name in chosen if resumed.trials[name].status in ("finished", "failed")]
    rows = [
        audited(record.trials[name], resumed.trials[name], front, sparsity)
        for name in sorted(ended)
    ]
    return {
        "scheduler": config.search.scheduler,
        "error_rate": config.search.error_rate,
        **summary(rows, record),
    }
