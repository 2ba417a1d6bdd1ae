"""The results of a comparison as tables of text, as Markdown and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search.replay.arms import Comparison
from search.replay.measure import ArmResult, SeedEstimate

# Rules may be tuned on these tasks of the shipped tables; all others are held out.
TUNED_ON = ("compas/prune_advft", "adult/adv_ft", "digits/prune_advft")


@dataclass(frozen=True)
class _ShownColumn:
    name: str
    value: Callable[[ArmResult], SeedEstimate]
    percent: bool = True
    over_tasks: bool = True  # whether a mean over tasks says something
    narrow: bool = True  # shown where there is little room


_COLUMNS = (
    _ShownColumn("epochs %", lambda result: result.epochs_share),
    _ShownColumn("makespan %", lambda result: result.makespan_share, narrow=False),
    _ShownColumn(
        "tune", lambda result: result.tune, percent=False, over_tasks=False, narrow=False
    ),
    _ShownColumn(
        "test", lambda result: result.confirmed, percent=False, over_tasks=False, narrow=False
    ),
    _ShownColumn("tune %", lambda result: result.tune_share),
    _ShownColumn("test %", lambda result: result.confirmed_share),
    _ShownColumn("fair tune", lambda result: result.fair_tune, percent=False),
    _ShownColumn("fair test", lambda result: result.fair_confirmed, percent=False),
    _ShownColumn("stopped %", lambda result: result.stopped),
    _ShownColumn("false kills %", lambda result: result.killed),
    _ShownColumn("of front %", lambda result: result.killed_front),
    _ShownColumn("promise %", lambda result: result.kept_promise, narrow=False),
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
    results: Sequence[ArmResult], tuned_on: Iterable[str] = TUNED_ON, *, wide: bool = False
) -> list[Grid]:
    """Means over the tasks that rules were tuned on and over those held out, then each task.

    Wide tables have all columns, and standard errors.
    """
    tuned = set(tuned_on)
    sides = {
        "tuned on": [result for result in results if result.task in tuned],
        "held out": [result for result in results if result.task not in tuned],
    }
    means = [_means(side, of_side, wide) for side, of_side in sides.items() if of_side]
    return [*means, *(grid for side in sides.items() for grid in _tasks(*side, wide))]


def markdown(
    comparison: Comparison, results: Sequence[ArmResult], tuned_on: Iterable[str] = TUNED_ON
) -> str:
    about = (
        f"{comparison.seeds} seeds, {comparison.workers} workers, {comparison.share:.0%} of the "
        f"recorded trials, error rate {comparison.error_rate:g}; ± standard errors over the seeds."
    )
    parts = ["# Replayed searches", about, LEGEND]
    for grid in grids(results, tuned_on, wide=True):
        rows = [grid.columns, ("---",) * len(grid.columns), *grid.rows]
        parts += [f"## {grid.title}", "\n".join(f"| {' | '.join(row)} |" for row in rows)]
    return "\n\n".join(parts) + "\n"


def as_json(comparison: Comparison, results: Sequence[ArmResult]) -> str:
    """Every number; null where a share is of nothing, or an error is of one seed."""
    about = {**asdict(comparison), "tables": [path.name for path in comparison.tables]}
    return json.dumps(
        {"plan": about, "results": [_plain(asdict(result)) for result in results]}, indent=1
    )


def _means(side: str, results: Sequence[ArmResult], wide: bool) -> Grid:
    columns = [column for column in _shown(wide) if column.over_tasks]
    rows = []
    for scheduler, sampler in dict.fromkeys((r.scheduler, r.sampler) for r in results):
        of_arm = [r for r in results if (r.scheduler, r.sampler) == (scheduler, sampler)]
        means = [(mean_of([column.value(r) for r in of_arm]), column) for column in columns]
        rows.append((scheduler, sampler, *(_text(*mean, wide) for mean in means)))
    tasks = dict.fromkeys(result.task for result in results)
    title = f"Tasks {side}: means over {', '.join(tasks)}"
    names = ("scheduler", "sampler", *(column.name for column in columns))
    return Grid(title, names, tuple(rows))


def _tasks(side: str, results: Sequence[ArmResult], wide: bool) -> list[Grid]:
    tables, columns = [], _shown(wide)
    for task in dict.fromkeys(result.task for result in results):
        rows = [_arm(result, columns, wide) for result in results if result.task == task]
        names = ("scheduler", "sampler", *(column.name for column in columns))
        tables.append(Grid(f"{task} ({side})", names, tuple(rows)))
    return tables


def _shown(wide: bool) -> list[_ShownColumn]:
    return [column for column in _COLUMNS if wide or column.narrow]


def _arm(result: ArmResult, columns: Sequence[_ShownColumn], wide: bool) -> tuple[str, ...]:
    bounds = dict(zip(("fair tune", "fair test"), result.at_least, strict=True))
    cells = [
        ("≥ " if bounds.get(column.name) else "") + _text(column.value(result), column, wide)
        for column in columns
    ]
    return (result.scheduler, result.sampler, *cells)


def mean_of(estimates: Sequence[SeedEstimate]) -> SeedEstimate:
    """The mean over those tasks for which it is defined; its error takes tasks as independent."""
    defined = [estimate for estimate in estimates if not math.isnan(estimate.value)]
    if not defined:
        return SeedEstimate(math.nan, math.nan)
    error = math.sqrt(sum(estimate.error**2 for estimate in defined)) / len(defined)
    return SeedEstimate(sum(estimate.value for estimate in defined) / len(defined), error)


def _text(estimate: SeedEstimate, column: _ShownColumn, wide: bool) -> str:
    if math.isnan(estimate.value):
        return "-"
    scale, digits = (100, 1) if column.percent else (1, 2 if column.over_tasks else 3)
    value = f"{scale * estimate.value:.{digits}f}"
    with_error = wide and not math.isnan(estimate.error)
    return f"{value} ± {scale * estimate.error:.{digits}f}" if with_error else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
