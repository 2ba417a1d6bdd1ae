"""Resumes stopped trials to their end, to learn how many a scheduler stopped in error."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from search.audit_result import audited, front_of, summary
from search.cluster import check_cluster, cluster_address
from search.config import Config
from search.errors import UserError
from search.experiment import Driver, reopened
from search.journal import Event, Journal, read_events
from search.machines import machines
from search.problem import Build
from search.record import Record
from search.run_folder import RunFolder, write_json
from trainables.candidates import checkpoint_path
from trainables.data import FairData
from trainables.stage import derived_seed


def audit(
    path: Path | str,
    *,
    sample: int | None = None,
    seed: int = 0,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    address: str | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> dict[str, Any]:
    """Runs the stopped trials of a run to their end and tells what they would have become.

    `sample` of them, drawn by `seed`; a larger sample contains the smaller one. They go on from
    their checkpoints in the run's folder, else from their start. All of it happens in `audit/` of
    the run's folder, where an interrupted audit is taken up again; nothing of it enters a front.
    Returns and writes audit.json, see `audit_result.summary`.
    Raises UserError where nothing was stopped, or data or network have changed.
    """
    folder = RunFolder(Path(path))
    folder.require()
    record = _record_of(folder)
    chosen = _drawn(record, sample, seed)
    if not chosen:
        raise UserError(f"audit: no trial of {path} was stopped, so there is nothing to find out")
    home = RunFolder(folder.path / "audit")
    address = cluster_address(address)
    check_cluster(folder.config().resources.gpu, address)
    problem, dense = reopened(folder, _unstopped(folder.config(), chosen), data, model, "audit")
    _prepare(folder, home, record, chosen)
    with (
        machines(problem.config, address, folder),
        Driver(home, problem, dense, address, on_event) as driver,
    ):
        driver.search()
        result = _result(folder.config(), record, driver.record, chosen)
    for unused in ("candidates", "stages"):  # weights that nothing may use
        shutil.rmtree(home.path / unused, ignore_errors=True)
    write_json(folder.path / "audit.json", result)
    return result


def _record_of(folder: RunFolder) -> Record:
    record = Record()
    record.replay(read_events(folder.journal))
    return record


def _drawn(record: Record, sample: int | None, seed: int) -> list[str]:
    stopped = [trial.trial for trial in record.trials.values() if trial.status == "stopped"]
    drawn = sorted(stopped, key=lambda trial: derived_seed(seed, "audit", trial))
    return drawn if sample is None else drawn[:sample]


def _unstopped(config: Config, chosen: list[str]) -> Config:
    """The run's config with nothing that would stop or add a trial, unwatched by MLflow."""
    changes = {"scheduler": "none", "trials": len(chosen), "time_limit": None, "budget": None}
    search = config.search.model_copy(update=changes)
    tracking = config.tracking.model_copy(update={"enabled": False})
    return config.model_copy(update={"search": search, "tracking": tracking})


def _prepare(folder: RunFolder, home: RunFolder, record: Record, chosen: list[str]) -> None:
    """Writes the chosen trials into the audit's journal as unfinished ones."""
    home.path.mkdir(exist_ok=True)
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
        kind = event["event"]
        if event.get("trial") == trial and (
            kind == "trial_start" or (kind == "report" and event["epoch"] <= done)
        ):
            _copy(journal, event)


def _copy(journal: Journal, event: Event) -> None:
    facts = {key: value for key, value in event.items() if key not in ("event", "time")}
    journal.append(event["event"], **facts)


def _result(config: Config, record: Record, resumed: Record, chosen: list[str]) -> dict[str, Any]:
    sparsity = config.objective.sparsity
    front = front_of(record, sparsity)
    ended = [name for name in chosen if resumed.trials[name].status in ("finished", "failed")]
    rows = [
        audited(record.trials[name], resumed.trials[name], front, sparsity)
        for name in sorted(ended)
    ]
    stopping = {"scheduler": config.search.scheduler, "error_rate": config.search.error_rate}
    return {**stopping, **summary(rows, record)}
