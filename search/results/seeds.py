"""Retrains the chosen settings with other seeds: how much of a result is owed to chance."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import ray

from analysis.front_json import FrontPoint, SeedRow
from search.cluster.connect import cluster_address, connected
from search.cluster.shipping import ship_by_value
from search.config.config import Config
from search.engine.faults import fault_behind
from search.engine.machines import local_cpus, supplies_of
from search.engine.ray_scheduler import DEATHS
from search.errors import MachineFault
from search.front.build import build_front
from search.front.view import view_of
from search.journal.events import Event, Listener
from search.journal.journal import Journal, read_events
from search.journal.record import Record
from search.journal.start import start_of
from search.problem.dense_net import decision_of
from search.problem.problem import Problem
from search.runs.folder import RunFolder
from trainables.evaluation.report import Report
from trainables.files import whole_file
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.trainable import Supplies, UnfitWorker

LOOK = 1.0  # seconds between two looks at how far retrainings are


def seed_rows(
    folder: RunFolder,
    problem: Problem,
    chosen: FrontPoint,
    count: int,
    *,
    address: str | None = None,
    listener: Listener | None = None,
) -> list[SeedRow]:
    """One row for each of `count` retrainings of the chosen point, with values on tune alone.

    Each is the whole trial from the same dense net with the next seed. Its candidate is chosen as
    the search chooses: where none is feasible, the closest one stands for it, marked infeasible.
    What is trained is kept in `seeds/` of the run's folder: a seed that has ended is not repeated.
    """
    specs = seed_specs(folder.candidates.facts(chosen["candidate"])["spec"], count)
    home = folder.seeds
    home.path.mkdir(exist_ok=True)
    with closing(Journal(home.path)) as journal:
        record = Record(journal, listener)
        record.replay(read_events(home.journal))
        missing = [spec for spec in specs if not _ended(record, spec)]
        if missing:
            dense = folder.dense(problem.untrained())
            early = folder.early(problem.untrained())
            decision = decision_of(problem.correction, folder.dense_event())
            supplies = supplies_of(problem, dense, home.path, early, decision)
            _train(
                home, problem.config, supplies, missing, record, cluster_address(address), listener
            )
    return _rows(folder, specs)


def seed_specs(spec: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """The specs of the retrainings: the trial's own with each of the `count` next seeds."""
    seeds = range(spec["seed"] + 1, spec["seed"] + 1 + count)
    return [{**spec, "trial": f"{spec['trial']}-seed{seed}", "seed": seed} for seed in seeds]


def _ended(record: Record, spec: dict[str, Any]) -> bool:
    trial = record.trials.get(spec["trial"])
    return trial is not None and trial.status != "running"


def _train(
    home: RunFolder,
    config: Config,
    supplies: Supplies,
    specs: Sequence[dict[str, Any]],
    record: Record,
    address: str | None,
    listener: Listener | None,
) -> None:
    """Trains `specs` on Ray; each is written down as a whole once it has ended."""
    cpu, gpu = config.resources.cpu, config.resources.gpu
    ship_by_value(supplies.dense)
    with connected(address, cpus=local_cpus(config), gpus=gpu > 0, per_trial=cpu):
        shared = ray.put(supplies)
        task = ray.remote(num_cpus=cpu, num_gpus=gpu, max_retries=DEATHS)(_whole_trial)
        running = {task.remote(shared, spec): spec for spec in specs}
        while running:
            over, _ = ray.wait(list(running), timeout=LOOK)
            if not over:
                _tell(listener, home, running.values())
            for done in over:
                spec = running.pop(done)
                _write_down(record, spec, partial(ray.get, done))
                how_far_path(home.path, spec["trial"]).unlink(missing_ok=True)
    home.tidy()


def _whole_trial(supplies: Supplies, spec: dict[str, Any]) -> list[Report]:
    """Runs in a worker: all reports of a trial, from its first epoch to its last."""
    store = CandidateStore(supplies.folder / "candidates")
    pipeline = Pipeline(Spec.from_config(spec), supplies.open(), store)
    reports, told = [], 0.0
    while not pipeline.done:
        reports.append(pipeline.step())
        if time.monotonic() - told > LOOK:
            told = time.monotonic()
            last = {key: reports[-1][key] for key in ("name", "stage_epoch", "stage_epochs")}
            with whole_file(how_far_path(supplies.folder, spec["trial"])) as file:
                file.write_text(json.dumps(last), encoding="utf-8")
    return reports


def how_far_path(home: Path, trial: str) -> Path:
    """Where a retraining says how far it is, while it runs."""
    return home / f"{trial}.json"


def _tell(
    listener: Listener | None, home: RunFolder, running: Iterable[Mapping[str, Any]]
) -> None:
    if listener is None:
        return
    for spec in running:
        try:
            told = json.loads(how_far_path(home.path, spec["trial"]).read_text("utf-8"))
        except (OSError, ValueError):
            told = {"name": "starts", "stage_epoch": 0, "stage_epochs": 0}
        listener(
            {
                "event": "underway",
                "of": spec["trial"],
                "what": f"{spec['trial']} {told['name']}",
                "epoch": told["stage_epoch"],
                "epochs": told["stage_epochs"],
                "seconds_left": None,
            }
        )


def _write_down(record: Record, spec: dict[str, Any], reports: Callable[[], list[Report]]) -> None:
    """The trial as a search would have written it, unless an earlier session began to."""
    trial = spec["trial"]
    if trial not in record.trials:
        record.add(start_of(spec))
    try:
        for report in reports():
            record.report(report)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UnfitWorker):
            raise MachineFault(f"confirm: {error.cause}") from error
        if (fault := fault_behind(error)) is not None:  # on record the seed stays unfinished
            raise MachineFault(f"confirm: {fault}") from error
        # Whatever went wrong belongs to this seed alone: that it fails is part of the spread.
        record.end(trial, "failed", f"{type(error.cause).__name__}: {error.cause}")
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
        record.end(trial, "failed", "the worker process died repeatedly")
    except ray.exceptions.RayError as error:  # a lost machine, a Ray that died
        raise MachineFault(f"confirm: {str(error).strip().splitlines()[0]}") from error
    else:
        record.end(trial, "finished")


def _rows(folder: RunFolder, specs: Sequence[dict[str, Any]]) -> list[SeedRow]:
    """Each seed's candidate as chosen on tune, judged from the counts of its reports."""
    facts, dense = folder.facts(), folder.dense_event()
    events: dict[str, list[Event]] = {spec["trial"]: [] for spec in specs}
    failures: dict[str, str | None] = {}
    for event in read_events(folder.seeds.journal):
        if event["event"] not in ("trial_start", "report", "trial_end"):
            continue
        if event["trial"] in events:
            events[event["trial"]].append(event)
        if event["event"] == "trial_end":
            failures[event["trial"]] = event["reason"]
    rows = []
    for spec in specs:
        trial = spec["trial"]
        points = build_front(facts, [dense, *events[trial]], view_of(facts))["points"]
        rows.append(_row(spec, failures[trial], points))
    return rows


def _row(spec: dict[str, Any], failure: str | None, points: Sequence[FrontPoint]) -> SeedRow:
    chosen = next((point for point in points if point["chosen"]), points[0] if points else None)
    return {
        "seed": spec["seed"],
        "trial": spec["trial"],
        "candidate": None if chosen is None else chosen["candidate"],
        "epoch": None if chosen is None else chosen["epoch"],
        "feasible": chosen is not None and chosen["feasible"],
        "failure": failure,
        "tune": None if chosen is None else chosen["tune"],
        "test": None,
        "kept_promise": None,
    }
