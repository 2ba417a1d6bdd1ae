"""Results of a comparison as rows of text, as Markdown and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search.replay.arms import Plan
from search.replay.measure import Estimate, Result

# Rules may be tuned on these tasks of the shipped tables; all others are held out.
TUNED_ON = ("compas/prune_advft", "adult/adv_ft", "digits/prune_advft")


@dataclass(frozen=True)
class _Column:
    name: str
    value: Callable[[Result], Estimate]
    percent: bool = True
    over_tasks: bool = True  # whether a mean over tasks says something
    narrow: bool = True  # shown where there is little room


_COLUMNS = (
    _Column("epochs %", lambda one: one.epochs_share),
    _Column("makespan %", lambda one: one.makespan_share, narrow=False),
    _Column("tune", lambda one: one.tune, percent=False, over_tasks=False, narrow=False),
    _Column("test", lambda one: one.confirmed, percent=False, over_tasks=False, narrow=False),
    _Column("tune %", lambda one: one.tune_share),
    _Column("test %", lambda one: one.confirmed_share),
    _Column("fair tune", lambda one: one.fair_tune, percent=False),
    _Column("fair test", lambda one: one.fair_confirmed, percent=False),
    _Column("stopped %", lambda one: one.stopped),
    _Column("false kills %", lambda one: one.killed),
    _Column("of front %", lambda one: one.killed_front),
    _Column("promise %", lambda one: one.kept_promise, narrow=False),
)

LEGEND = """\
Means over the seeds; shares are of the same sampler without stopping. epochs: used. makespan:
samples of the worker that worked longest. tune, test: hypervolume of the front that was chosen on
tune, there and confirmed on test. fair: epochs that a smaller search without stopping needs for
the same hypervolume / epochs used; ≥ where no smaller one reaches it. stopped: of all trials.
false kills: stopped, of the trials that would have ended with a feasible candidate. of front:
stopped, of the trials that would have been on the front. promise: points of the front that keep
the tolerance on test."""


@dataclass(frozen=True)
class Grid:
    """One table: a title, column names and rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def grids(
    results: Sequence[Result], tuned_on: Iterable[str] = TUNED_ON, *, wide: bool = False
) -> list[Grid]:
    """Means over the tasks that rules were tuned on and over those held out, then every arm of
    each task; wide ones with all columns and standard errors."""
    tuned = set(tuned_on)
    sides = {
        "tuned on": [one for one in results if one.task in tuned],
        "held out": [one for one in results if one.task not in tuned],
    }
    means = [_means(side, of_side, wide) for side, of_side in sides.items() if of_side]
    return [*means, *(grid for side in sides.items() for grid in _tasks(*side, wide))]


def markdown(plan: Plan, results: Sequence[Result], tuned_on: Iterable[str] = TUNED_ON) -> str:
    about = (
        f"{plan.seeds} seeds, {plan.workers} workers, {plan.share:.0%} of the recorded trials, "
        f"error rate {plan.error_rate:g}; ± standard errors over the seeds."
    )
    parts = ["# Replayed searches", about, LEGEND]
    for grid in grids(results, tuned_on, wide=True):
        rows = [grid.columns, ("---",) * len(grid.columns), *grid.rows]
        parts += [f"## {grid.title}", "\n".join(f"| {' | '.join(row)} |" for row in rows)]
    return "\n\n".join(parts) + "\n"


def as_json(plan: Plan, results: Sequence[Result]) -> str:
    """Every number; null where a share is of nothing, or an error is of one seed."""
    about = {**asdict(plan), "tables": [path.name for path in plan.tables]}
    return json.dumps({"plan": about, "results": [_plain(asdict(r)) for r in results]}, indent=1)


def _means(side: str, results: Sequence[Result], wide: bool) -> Grid:
    columns = [column for column in _shown(wide) if column.over_tasks]
    rows = []
    for scheduler, sampler in dict.fromkeys((one.scheduler, one.sampler) for one in results):
        arm = [r for r in results if (r.scheduler, r.sampler) == (scheduler, sampler)]
        means = [(mean_of([column.value(one) for one in arm]), column) for column in columns]
        rows.append((scheduler, sampler, *(_text(*mean, wide) for mean in means)))
    tasks = dict.fromkeys(one.task for one in results)
    title = f"Tasks {side}: means over {', '.join(tasks)}"
    return Grid(title, ("scheduler", "sampler", *(one.name for one in columns)), tuple(rows))


def _tasks(side: str, results: Sequence[Result], wide: bool) -> list[Grid]:
    found, columns = [], _shown(wide)
    for task in dict.fromkeys(one.task for one in results):
        rows = [_arm(one, columns, wide) for one in results if one.task == task]
        names = ("scheduler", "sampler", *(column.name for column in columns))
        found.append(Grid(f"{task} ({side})", names, tuple(rows)))
    return found


def _shown(wide: bool) -> list[_Column]:
    return [column for column in _COLUMNS if wide or column.narrow]


def _arm(one: Result, columns: Sequence[_Column], wide: bool) -> tuple[str, ...]:
    bounds = dict(zip(("fair tune", "fair test"), one.at_least, strict=True))
    cells = [
        ("≥ " if bounds.get(column.name) else "") + _text(column.value(one), column, wide)
        for column in columns
    ]
    return (one.scheduler, one.sampler, *cells)


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """Mean over tasks, of those for which it is defined, with the error of independent tasks."""
    known = [one for one in estimates if not math.isnan(one.value)]
    if not known:
        return Estimate(math.nan, math.nan)
    error = math.sqrt(sum(one.error**2 for one in known)) / len(known)
    return Estimate(sum(one.value for one in known) / len(known), error)


def _text(one: Estimate, column: _Column, wide: bool) -> str:
    if math.isnan(one.value):
        return "-"
    scale, digits = (100, 1) if column.percent else (1, 2 if column.over_tasks else 3)
    value = f"{scale * one.value:.{digits}f}"
    known = wide and not math.isnan(one.error)
    return f"{value} ± {scale * one.error:.{digits}f}" if known else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
