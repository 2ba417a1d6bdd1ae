"""The only place where all parts meet: Config -> Tuner -> trials -> front."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import pandas as pd
from torch import nn

from analysis.front_json import Front
from search.cluster.connect import check_cluster, cluster_address
from search.cluster.shipping import check_sendable
from search.config.config import Config
from search.config.tracking_uri import resolved
from search.engine.begin import beginning_in, how_it_comes, notes_on, report_of, trained
from search.engine.dense_training import Watch
from search.engine.driver import Driver
from search.engine.faults import stopped_by_faults
from search.engine.machines import machines
from search.engine.progress import Limits
from search.engine.unchanged import unchanged_dense
from search.engine.warm_start import earlier_runs
from search.errors import UserError
from search.journal.events import Dense, Experiment, Listener, WarmStart
from search.journal.journal import refuse_if_written
from search.journal.record import Record
from search.problem.dense_doubts import doubts_of
from search.problem.dense_net import decision_of
from search.problem.fitted_defaults import fitted
from search.problem.power import power_words
from search.problem.problem import Problem, open_problem
from search.problem.rehearsal import rehearse
from search.problem.shared_pruners import with_pools
from search.problem.start_network import Build
from search.problem.unread_numbers import refuse_unread_numbers
from search.runs import beginning
from search.runs.beginning import Beginning, is_beginning
from search.runs.folder import RunFolder, new_path
from search.runs.places import check_places
from search.runs.state import CONFIG
from search.runs.trust import check_trusted, reached
from trainables.data import FairData
from trainables.fused.warming import warm
from trainables.trial.workbench import Workbench


@dataclass(frozen=True)
class RunResult:
    """Where a search wrote, and what front.json holds."""

    folder: Path
    front: Front

    def __repr__(self) -> str:
        points = len(self.front["points"])
        return f"RunResult(folder={str(self.folder)!r}, front of {points} points)"


def run(
    config: Config,
    *,
    out: Path | str | None = None,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    address: str | None = None,
    on_event: Listener | None = None,
) -> RunResult:
    """Searches and writes the run folder `out` (default: see `new_path`).

    `data` and `model` stand for [data] and [model] when they are at hand as Python objects.
    Raises UserError before anything is written where the input does not fit together.
    """
    begun = time.monotonic()
    folder = RunFolder(Path(out) if out else new_path(config.name))
    check_places(folder.path)
    folder.refuse_existing()
    return _run(config, folder, None, data, model, address, on_event, begun)


def _run(
    config: Config,
    folder: RunFolder,
    earlier: Beginning | None,
    data: FairData | pd.DataFrame | None,
    model: nn.Module | Build | None,
    address: str | None,
    on_event: Listener | None,
    begun: float,
) -> RunResult:
    """`run` in a folder that can be written; `earlier` is what another session wrote there that
    ended before it had a dense net, and `begun` when this one was started (monotonic)."""
    address = cluster_address(address)
    check_cluster(config.resources.gpu, address)
    resolved(config.tracking.uri)
    problem = open_problem(config, data, model)
    refuse_unread_numbers(problem.prepared)
    start, of_network = problem.start()
    check_sendable(start)
    problem = fitted(problem, start)
    config = problem.config
    begun += compile_loops(config, start, on_event)
    rehearse(problem, start)
    learned = earlier_runs(config.search.warm_start, problem)

    def note(text: str) -> None:
        if on_event is not None:
            on_event({"event": "note", "text": text})

    for text in (*of_network, *problem.notes(), *(one.note() for one in learned)):
        note(text)
    note(how_it_comes(problem, start))
    limits = Limits.of(config, Record(), begun)
    watch = None
    if not problem.dense_is_cached(start):
        kept = folder.path / beginning.TRAINING
        before = beginning.how_far(folder.path)
        allowed = partial(
            limits.seconds_for_dense_net, 0.0 if before is None else before["seconds"]
        )
        watch = Watch(kept, allowed, on_event)
    with (
        stopped_by_faults(f"fairfront resume {folder.path}"),
        beginning_in(folder.path, earlier, problem, in_memory=data is not None) as began,
        machines(config, address, folder, watch) as train,
    ):
        nets = trained(folder.path, problem, start, train)
        bench = Workbench.open(
            problem.prepared,
            nets.dense,
            problem.objective,
            device="cpu",
            given_decision=decision_of(problem.correction),
        )
        report = report_of(folder.path, config, bench, nets)
        problem = problem.with_reference(report["trivial_performance"]).with_pruning_groups(bench)
        power = power_words(problem, bench.dense_decided_on_tune())
        told = f"test, at the dense net's rates, in place of the worst case: {power}"
        doubts = [*notes_on(nets), *doubts_of(config, bench, report), told]
        problem = replace(problem, network_notes=(*of_network, *doubts))
        for text in (*(problem.pruning_notes() if problem.pruning is not None else []), *doubts):
            note(text)
        early = problem.early(start, train, nets)
        began.unlock()
        folder.create(problem.config, nets.dense, problem.prepared, early)
        if problem.pruning is not None:
            folder.store_pruning_groups(problem.pruning)
        with Driver(
            folder, problem, nets.dense, address, on_event, begun=begun, references=True
        ) as driver:
            # cast: mypy cannot tell that the facts do not hold a time, which the journal adds
            facts = {"event": "experiment", **began.facts, **problem.facts()}
            driver.record.add(cast("Experiment", facts))
            for run_before in learned:
                driver.record.add(cast("WarmStart", {"event": "warm_start", **run_before.facts()}))
            driver.record.add(cast("Dense", {"event": "dense", **report}))
            beginning.forget(folder.path)
            driver.search()
            return RunResult(folder.path, folder.write_front())  # before the mirror is let go


def resume(
    path: Path | str,
    *,
    trials: int | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    address: str | None = None,
    repair: bool = False,
    trust_code: bool = False,
    on_event: Listener | None = None,
) -> RunResult:
    """Goes on with an interrupted search: finished trials stay, unfinished ones continue from
    their checkpoints, the rest is run. A search that was complete stays as it is.

    `repair` mends a damaged journal first. Raises UserError while another process writes the run,
    where `trials` asks for another number than [[trials]] lists, and, without `trust_code`, where
    the run of somebody else names code.
    """
    begun = time.monotonic()
    folder = RunFolder(Path(path))
    beginning_before = Beginning.read(folder.path) if is_beginning(folder.path) else None
    if beginning_before is None:
        folder.open_again(repair=repair)
        config = folder.config()
    else:
        refuse_if_written(folder.path)
        config = Config.load(folder.path / CONFIG)
    if config.trials and trials not in (None, len(config.trials)):
        raise UserError(
            f"resume: --trials must be left out where [[trials]] lists them, got {trials} for "
            f"{len(config.trials)} listed ones"
        )
    changes = {"trials": trials, "time_limit": time_limit, "budget": budget}
    limits = {key: value for key, value in changes.items() if value is not None}
    search = config.search.model_copy(update={"time_limit": None, **limits})
    config = config.model_copy(update={"search": search})
    if beginning_before is not None:
        found = reached(config, data_given=data is not None, model_given=model is not None)
        check_trusted(beginning_before.run, folder.path, "resume", found, trust=trust_code)
        refuse_missing_data(beginning_before.in_memory, folder.path, data, "resume")
        return _run(config, folder, beginning_before, data, model, address, on_event, begun)
    address = cluster_address(address)
    check_cluster(config.resources.gpu, address)
    resolved(config.tracking.uri)
    problem, dense = reopened(folder, config, data, model, "resume", trust_code=trust_code)
    begun += compile_loops(config, dense, on_event)
    with (
        stopped_by_faults(f"fairfront resume {folder.path}"),
        machines(config, address, folder),
        Driver(folder, problem, dense, address, on_event, begun=begun, references=True) as driver,
    ):
        driver.search()
        return RunResult(folder.path, folder.write_front())  # before the mirror is let go


def compile_loops(config: Config, net: nn.Module, on_event: Listener | None) -> float:
    """Before workers start: what of small networks runs as compiled loops, once per machine.

    Returns the seconds that it took, which no search's limit is charged for.
    """
    begun = time.monotonic()

    def say(text: str) -> None:
        if on_event is not None:
            on_event({"event": "note", "text": text})

    if config.model.fused == "auto" and not config.resources.gpu:
        warm(net, say)
    return time.monotonic() - begun


def reopened(
    folder: RunFolder,
    config: Config,
    data: FairData | pd.DataFrame | None,
    model: nn.Module | Build | None,
    who: str,
    *,
    trust_code: bool = False,
) -> tuple[Problem, nn.Module]:
    """The problem and the dense net of an earlier session, for `who` goes on with them.

    Raises UserError where they have changed since, or are not at hand, and, unless `trust_code`,
    where the run of somebody else names code to run for it.
    """
    facts = folder.facts()
    found = reached(config, data_given=data is not None, model_given=model is not None)
    check_trusted(facts["run"], folder.path, who, found, trust=trust_code)
    refuse_missing_data(facts["in_memory"], folder.path, data, who)
    # The groups to prune by are kept: the network that they were made with need not be there.
    problem = open_problem(config.model_copy(update={"prune_by": None}), data, model)
    if problem.prepared.hashes != facts["hashes"]:
        raise UserError(
            f"{who}: the data of {folder.path} have changed since the search was started"
        )
    problem = replace(
        problem,
        config=problem.config.model_copy(update={"prune_by": config.prune_by}),
        spaces=with_pools(problem.spaces, facts),
        pruning=folder.pruning_groups(facts),
    )
    return problem, unchanged_dense(folder, problem, who)


def refuse_missing_data(
    in_memory: bool, path: Path, data: FairData | pd.DataFrame | None, who: str
) -> None:
    """Raises UserError where a run's data were handed over from Python and are not again."""
    if in_memory and data is None:
        raise UserError(f"{who}: {path} was run on data handed over from Python; hand them again")
