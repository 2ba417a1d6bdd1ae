"""Runs the searches of a table one after the other, so that it can be stopped anywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ray

from search.cluster.connect import check_cluster, connected
from search.config.config import Config
from search.engine.experiment import resume, run
from search.engine.machines import local_cpus
from search.errors import UserError
from search.journal.journal import has_begun
from search.problem.problem import open_problem
from search.reproduce.choose import best_by_method
from search.reproduce.events import TableListener
from search.reproduce.plan import Plan, SearchKind
from search.reproduce.results_json import SettingsKind
from search.reproduce.tables import TableColumn
from search.runs import state
from search.runs.folder import RunFolder
from search.units import dotted
from spaces.space import Nested


@dataclass(frozen=True)
class TableSearch:
    """One search of the table, about to start or to go on."""

    kind: SearchKind
    column: TableColumn
    seed: int
    folder: Path
    config: Config


def train(plan: Plan, kinds: tuple[SettingsKind, ...], tell: TableListener) -> None:
    """Runs whatever is missing of the plan's searches; what has ended stays.

    `tell` hears every event of every search, and those of `events`. Raises KeyboardInterrupt on
    Ctrl-C: called again, it goes on.
    """
    first = plan.experiment(plan.columns[0])
    gpu = first.resources.gpu
    check_cluster(gpu, None)
    with connected(None, cpus=local_cpus(first), gpus=gpu > 0):
        for column in plan.columns:
            if not plan.trained(column):
                continue
            if gpu == 0:
                _train_dense(plan, column, kinds, tell)
            for step in _steps(plan, column, kinds):
                _take(step, tell)


def searches(plan: Plan, kinds: tuple[SettingsKind, ...]) -> int:
    """How many searches a table has at most."""
    per_column = plan.options.seeds * ("published" in kinds) + ("tuned" in kinds) * (
        1 + plan.options.seeds
    )
    return per_column * sum(bool(plan.trained(column)) for column in plan.columns)


def tuned_settings(
    plan: Plan, column: TableColumn, kinds: tuple[SettingsKind, ...]
) -> dict[str, Nested]:
    """The best settings that the column's tuning search has found for each row.

    Where the published settings are run too, rows for which these were best are left out. Where
    they are not, rows with nothing to tune are added, so that they have figures too.
    """
    best = best_by_method(RunFolder(plan.folder("tuning", column)))
    published, searchable = plan.published(column), plan.searchable(column)
    tuned = {
        name: best[method].settings
        for name in plan.tunable(column)
        if (method := plan.rows[name].method) in best
    }
    if "published" not in kinds:
        fixed = {name: published[name] for name in published if name not in searchable}
        return fixed | tuned
    return {
        name: settings
        for name, settings in tuned.items()
        if dotted(settings) != dotted(published[name])
    }


def is_complete(folder: Path) -> bool:
    """Whether a search has run all of its trials and written its front."""
    return (folder / "front.json").exists() and state.is_complete(folder)


def _steps(
    plan: Plan, column: TableColumn, kinds: tuple[SettingsKind, ...]
) -> Iterator[TableSearch]:
    if "published" in kinds:
        settings = plan.published(column)
        for seed in plan.seeds:
            folder = plan.folder("published", column, seed)
            config = plan.fixed(column, seed, settings)
            yield TableSearch("published", column, seed, folder, config)
    if "tuned" in kinds and plan.tunable(column):
        config = plan.tuning(column)
        yield TableSearch("tuning", column, config.seed, plan.folder("tuning", column), config)
        settings = tuned_settings(plan, column, kinds)
        for seed in plan.seeds if settings else ():
            folder = plan.folder("tuned", column, seed)
            config = plan.fixed(column, seed, settings)
            yield TableSearch("tuned", column, seed, folder, config)


def _take(step: TableSearch, tell: TableListener) -> None:
    """Runs one search, or goes on with it, unless it has ended before."""
    done = is_complete(step.folder)
    tell(
        {
            "event": "step",
            "kind": step.kind,
            "column": step.column.name,
            "seed": step.seed,
            "trials": step.config.search.trials,
            "done": done,
        }
    )
    if done:
        return
    begin = time.monotonic()
    try:
        _run_or_resume(step, tell)
    except UserError as error:
        raise UserError(f"{step.kind}, {step.column.name}, seed {step.seed}: {error}") from error
    tell(
        {
            "event": "step_end",
            "kind": step.kind,
            "column": step.column.name,
            "seed": step.seed,
            "seconds": time.monotonic() - begin,
        }
    )


def _run_or_resume(step: TableSearch, tell: TableListener) -> None:
    if has_begun(step.folder):
        resume(step.folder, on_event=tell)
        return
    _set_aside(step.folder)  # if there: cut off before its first trial
    run(step.config, out=step.folder, on_event=tell)


def _set_aside(folder: Path) -> None:
    """Renames a folder in which a search was cut off before it had a dense net, if there is one.

    `run` wants a new folder, and nothing is written over.
    """
    number = 1
    while folder.exists():
        aside = folder.with_name(f"{folder.name}.cut-off-{number}")
        if not aside.exists():
            folder.rename(aside)
        number += 1


def _train_dense(
    plan: Plan, column: TableColumn, kinds: tuple[SettingsKind, ...], tell: TableListener
) -> None:
    """Fills the cache with the dense nets of a column, as many at once as there are CPUs.

    The searches would train them one by one, each with its workers idle.
    """
    configs = [
        plan.fixed(column, seed, plan.published(column))
        for seed in plan.seeds
        if not has_begun(plan.folder(kinds[0], column, seed))
    ]
    tuning = "tuned" in kinds and bool(plan.tunable(column))
    if tuning and not has_begun(plan.folder("tuning", column)):
        configs.append(plan.tuning(column))
    if not configs:
        return
    tell({"event": "dense_start", "column": column.name, "nets": len(configs)})
    begin = time.monotonic()
    task = ray.remote(num_cpus=configs[0].resources.cpu)(_dense_to_cache)
    running = [task.remote(config) for config in configs]
    while running:
        done, running = ray.wait(running)
        try:
            ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        tell({"event": "dense_net", "left": len(running)})
    tell({"event": "dense_end", "seconds": time.monotonic() - begin})


def _dense_to_cache(config: Config) -> None:
    """Runs in a worker."""
    problem = open_problem(config)
    problem.dense(problem.untrained())
