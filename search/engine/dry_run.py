"""Everything that a search would start from, shown without starting it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from search.cluster.shipping import check_sendable
from search.config.config import Config
from search.engine.shares import FIRST
from search.problem.dense_doubts import seen_by_network
from search.problem.estimate import estimate
from search.problem.fitted_defaults import fitted
from search.problem.problem import Problem, open_problem
from search.problem.rehearsal import rehearse
from search.problem.shared_pruners import pools_of
from search.problem.unread_numbers import refuse_unread_numbers
from search.runs.places import check_new
from search.units import clock, dotted
from spaces.space import Value
from trainables.data import FairData, Prepared

if TYPE_CHECKING:
    import pandas as pd

    from search.engine.warm_start import Earlier
    from search.problem.start_network import Build


def describe(
    config: Config,
    out: Path | None = None,
    *,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
) -> Iterator[str]:
    """The lines of a dry run: resolved config, network, data and what is searched.

    Opens the data and builds the network, so that all that can be wrong with them is found, and
    tries the run's folder `out` where one is named. `data` and `model` are as for a search. Raises
    UserError as the search itself would.
    """
    check_new(out)
    yield from lines(open_problem(config, data, model))


def lines(problem: Problem) -> Iterator[str]:
    """Those of `describe`, of data that are open."""
    refuse_unread_numbers(problem.prepared)
    net, of_network = problem.start()
    check_sendable(net)
    problem = fitted(problem, net)
    config = problem.config
    rehearse(problem, net)
    earlier: list[Earlier] = []
    if config.search.warm_start:
        from search.engine.warm_start import earlier_runs  # loads Optuna

        earlier = earlier_runs(config.search.warm_start, problem)
    yield config.to_toml().rstrip()
    yield ""
    weights = sum(parameter.numel() for parameter in net.parameters())
    yield f"network: {type(net).__name__}, {weights} parameters"
    yield f"it sees: {seen_by_network(problem.prepared)}"
    yield from _data(problem.prepared, config)
    yield from (f"note: {note}" for note in (*of_network, *problem.notes()))
    yield from (f"note: {one.note()}" for one in earlier)
    yield from _pools(problem)
    for trial in config.trials:
        yield f"trial {trial.name}: {trial.method}"
        yield from (f"  {name}: {value}" for name, value in dotted(trial.settings).items())
    for method, space in problem.spaces.items() if not config.trials else ():
        yield f"method {method}: {_share(problem, method)}"
        first: dict[str, Value] = dict(*space.tried_first[:1])
        for name, one in space.ranges.items():
            yield f"  {name}: {one}" + (f", first {first[name]}" if name in first else "")
        yield from (f"  {name}: {value} (fixed)" for name, value in space.fixed.items())
    yield from _times(problem, net)


def _data(prepared: Prepared, config: Config) -> Iterator[str]:
    rows = ", ".join(f"{name} {len(part)}" for name, part in prepared.parts.items())
    yield f"data: {prepared.name}; rows: {rows}"
    yield f"cells on tune ({config.data.group} x label):"
    tune = prepared.parts["tune"]
    for group, name in enumerate(prepared.group_names):
        counts = (
            f"{label} {int(((tune.groups == group) & (tune.labels == index)).sum())}"
            for index, label in enumerate(prepared.classes)
        )
        yield f"  {name}: {', '.join(counts)}"


def _share(problem: Problem, method: str) -> str:
    """How many trials it gets."""
    if not problem.spaces[method].ranges:
        return "1 trial, nothing to search"
    taken = _even(problem)[method]
    if problem.config.search.share == "adaptive" and taken > FIRST:
        return f"{FIRST} trials, then by what it has shown ({taken} if all are alike)"
    return f"{taken} trials"


def _even(problem: Problem) -> dict[str, int]:
    """Trials by method where methods take turns; none has more than different settings."""
    spaces = problem.spaces
    taken = dict.fromkeys(spaces, 0)
    for _ in range(problem.config.search.trials):
        left = [name for name, space in spaces.items() if taken[name] < space.size]
        if left:
            taken[min(left, key=taken.__getitem__)] += 1
    return taken


def _times(problem: Problem, net: nn.Module) -> Iterator[str]:
    """What a few batches say of how long the search would take here."""
    config = problem.config
    if config.resources.gpu:
        yield "time: not estimated, since trials would run on GPUs"
        return
    expected = estimate(problem, net)
    if expected is None:
        yield "time: not estimated, since a loss was not finite in the first batches"
        return
    timed = (name for name in expected.trials if name not in expected.untimed)
    each = ", ".join(f"{name} {expected.trials[name]:.1f} s" for name in timed)
    others = f"; {len(expected.untimed)} others not timed" if expected.untimed else ""
    when = ", when this was asked for first" if expected.remembered else ""
    yield f"time of a trial, by a few batches of it on this machine{when}: {each}{others}"
    at_once = config.search.concurrent or 1
    times = dict.fromkeys(expected.trials, 1) if config.trials else _even(problem)
    work = sum(expected.trials[name] * count for name, count in times.items())
    yield (
        f"time of the search: {clock(expected.dense)} at most for the dense net, some "
        f"{clock(work / at_once)} for {sum(times.values())} trials, {at_once} at once, and the "
        f"start of the workers; stopped trials take less"
    )


def _pools(problem: Problem) -> Iterator[str]:
    for pool in pools_of(problem.spaces):
        yield f"pool of {pool['stage']} for {', '.join(pool['methods'])}:"
        for index, entry in enumerate(pool["entries"]):
            yield f"  {index}: {', '.join(f'{name} {_short(one)}' for name, one in entry.items())}"


def _short(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
