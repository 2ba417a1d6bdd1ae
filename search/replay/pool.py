"""One task of a table: the recorded trials of one method, as reports that can be replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from search.journal.events import ReportEvent
from search.replay.table import Ended, Header, RecordedTable
from spaces.space import Choice, Space, Value


@dataclass(frozen=True, eq=False)
class RecordedTrial:
    """A recorded trial: its reports as a search gets them, and its values on both splits."""

    trial: str
    settings: Mapping[str, Value]  # searched ones, by dotted name
    status: Ended
    reports: tuple[ReportEvent, ...]
    tune: NDArray[np.float64]  # (epochs, 2 or 3) performance, bias; sparsity if the pool prunes
    test: NDArray[np.float64]  # the same on test


@dataclass(frozen=True, eq=False)
class Pool:
    """The trials of one method that a replayed search proposes from, each at most once."""

    method: str
    header: Header
    space: Space
    trials: tuple[RecordedTrial, ...]
    places: NDArray[np.float64]  # (trials, coordinates) of the settings, see `coordinates`
    prunes: bool  # sparsity is an objective, and some trial removed weights

    @property
    def task(self) -> str:
        """Data set and method, as results name it."""
        return f"{self.header.data}/{self.method}"


def pool_of(table: RecordedTable, method: str) -> Pool:
    """Raises ValueError where the table has no trials of the method."""
    header = table.header
    rows = [row for row, trial in enumerate(header.trials) if trial.method == method]
    if not rows:
        raise ValueError(f"replay: the table of {header.data} has no trials of {method!r}")
    space = header.spaces[method]
    sparsity = table.columns["sparsity"].astype(np.float64)
    of_method = np.repeat([trial.method == method for trial in header.trials], table.reports)
    prunes = bool(header.sparsity and (sparsity[of_method] > 0).any())
    values = {
        split: np.column_stack([*table.values(split), sparsity][: 2 + prunes])
        for split in ("tune", "test")
    }
    trials = tuple(_recorded(table, row, values) for row in rows)
    places = np.array([coordinates(space, trial.settings) for trial in trials])
    return Pool(method, header, space, trials, places.reshape(len(rows), -1), prunes)


def coordinates(space: Space, settings: Mapping[str, Value]) -> list[float]:
    """The settings as a point of the unit cube, so that the distance of two can be told.

    A number lies between the ends of its range (of its logarithm where the range is logarithmic).
    A choice takes one coordinate per option, so that any two options are 1 apart.
    """
    place: list[float] = []
    for name, span in space.ranges.items():
        value = settings[name]
        if isinstance(span, Choice):
            place += [np.sqrt(0.5) * (value == option) for option in span.options]
            continue
        low, high, number = float(span.low), float(span.high), float(value)
        if span.log:
            low, high, number = np.log(low), np.log(high), np.log(number)
        place.append((number - low) / (high - low))
    return place


def _recorded(
    table: RecordedTable, row: int, values: Mapping[str, NDArray[np.float64]]
) -> RecordedTrial:
    facts = table.header.trials[row]
    begin, end = int(table.starts[row]), int(table.starts[row + 1])
    performance, bias = values["tune"][begin:end, :2].T.tolist()
    columns = {name: column[begin:end].tolist() for name, column in table.columns.items()}
    columns |= {"performance": performance, "bias": bias}
    stages = table.header.stages[facts.method]
    reports = [
        _report(
            facts.trial,
            epoch,
            {name: column[epoch - 1] for name, column in columns.items()},
            stages,
        )
        for epoch in range(1, end - begin + 1)
    ]
    for epoch, dropped_by in enumerate(columns["superseded"], start=1):
        if dropped_by:
            reports[dropped_by - 1]["dropped"].append(_candidate(facts.trial, epoch))
    return RecordedTrial(
        facts.trial,
        facts.settings,
        facts.status,
        tuple(reports),
        values["tune"][begin:end],
        values["test"][begin:end],
    )


def _report(
    trial: str, epoch: int, row: Mapping[str, Any], stages: tuple[tuple[str, str], ...]
) -> ReportEvent:
    """A report as the journal has it, but without the keys that samplers, policies and candidates
    do not read (counts, decision, losses, ...); `dropped` is still empty."""
    role, name = stages[row["stage"]]
    report = {
        "event": "report",
        "trial": trial,
        "epoch": epoch,
        "stage": row["stage"],
        "role": role,
        "name": name,
        "stage_epoch": row["stage_epoch"],
        "stage_epochs": row["stage_epochs"],
        "final_stage": row["final_stage"],
        "last": row["final_stage"] and row["stage_epoch"] == row["stage_epochs"],
        "charged": row["charged"],
        "sparsity": row["sparsity"],
        "performance": _known(row["performance"]),
        "performance_se": _known(row["performance_se"]),
        "bias": _known(row["bias"]),
        "bias_interval": [_known(row["bias_low"]), _known(row["bias_high"])],
        "bias_upper": _known(row["bias_upper"]),
        "feasible": row["feasible"],
        "beats_trivial": row["beats_trivial"],
        "candidate": _candidate(trial, epoch) if row["candidate"] else None,
        "dropped": [],
    }
    if row["round"]:
        report["round"] = row["round"]
    return cast("ReportEvent", report)


def _candidate(trial: str, epoch: int) -> str:
    """A name for the candidate of an epoch; a table does not keep the real one."""
    return f"{trial}-{epoch}"


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
