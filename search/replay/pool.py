"""One task of a table: the recorded trials of one method, as reports that can be replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.events import Event
from search.replay.table import Ended, Header, Table
from spaces.space import Choice, Space, Value


@dataclass(frozen=True, eq=False)
class Recorded:
    """A recorded trial, as its reports come in a search, and its values on both splits."""

    trial: str
    settings: Mapping[str, Value]  # searched ones, by dotted name
    status: Ended
    reports: tuple[Event, ...]
    tune: NDArray[np.float64]  # (epochs, 2 or 3) performance, bias; sparsity if the pool prunes
    test: NDArray[np.float64]  # the same on test

    @property
    def charged(self) -> int:
        """Samples of the whole trial."""
        return int(self.reports[-1]["charged"]) if self.reports else 0


@dataclass(frozen=True, eq=False)
class Pool:
    """The trials of one method that a replayed search proposes from, each at most once."""

    method: str
    header: Header
    space: Space
    trials: tuple[Recorded, ...]
    places: NDArray[np.float64]  # (trials, coordinates) of the settings, see `coordinates`
    prunes: bool  # sparsity is an objective, and some trial removed weights

    @property
    def task(self) -> str:
        return f"{self.header.data}/{self.method}"

    @property
    def epochs(self) -> int:
        """Of all trials run to their end."""
        return sum(len(one.reports) for one in self.trials)


def pool_of(table: Table, method: str) -> Pool:
    """Raises ValueError where the table has no trials of the method."""
    header = table.header
    rows = [row for row, one in enumerate(header.trials) if one.method == method]
    if not rows:
        raise ValueError(f"replay: the table of {header.data} has no trials of {method!r}")
    space = header.spaces[method]
    sparsity = table.columns["sparsity"].astype(np.float64)
    of_method = np.repeat([one.method == method for one in header.trials], table.reports)
    prunes = bool(header.sparsity and (sparsity[of_method] > 0).any())
    values = {
        split: np.column_stack([*table.values(split), sparsity][: 2 + prunes])
        for split in ("tune", "test")
    }
    trials = tuple(_recorded(table, row, values) for row in rows)
    places = np.array([coordinates(space, one.settings) for one in trials]).reshape(len(rows), -1)
    return Pool(method, header, space, trials, places, prunes)


def coordinates(space: Space, settings: Mapping[str, Value]) -> list[float]:
    """Settings in the unit cube: numbers between the ends of their range (of its logarithm where
    the range is logarithmic), a choice as one corner per option, so that two different options
    are 1 apart."""
    place: list[float] = []
    for name, one in space.ranges.items():
        value = settings[name]
        if isinstance(one, Choice):
            place += [np.sqrt(0.5) * (value == option) for option in one.options]
            continue
        low, high, number = float(one.low), float(one.high), float(value)
        if one.log:
            low, high, number = np.log(low), np.log(high), np.log(number)
        place.append((number - low) / (high - low))
    return place


def _recorded(table: Table, row: int, values: Mapping[str, NDArray[np.float64]]) -> Recorded:
    facts = table.header.trials[row]
    begin, end = int(table.starts[row]), int(table.starts[row + 1])
    performance, bias = values["tune"][begin:end, :2].T.tolist()
    part = {name: column[begin:end].tolist() for name, column in table.columns.items()}
    part |= {"performance": performance, "bias": bias}
    stages = table.header.stages[facts.method]
    reports = [
        _report(facts.trial, epoch, {name: column[epoch - 1] for name, column in part.items()})
        for epoch in range(1, end - begin + 1)
    ]
    for report in reports:
        report["role"], report["name"] = stages[report["stage"]]
    for epoch, superseded in enumerate(part["superseded"], start=1):
        if superseded:
            reports[superseded - 1]["dropped"].append(f"{facts.trial}-{epoch}")
    return Recorded(
        facts.trial,
        facts.settings,
        facts.status,
        tuple(reports),
        values["tune"][begin:end],
        values["test"][begin:end],
    )


def _report(trial: str, epoch: int, row: Mapping[str, Any]) -> Event:
    """A report as the journal has it, less what only a front made from counts would read."""
    interval = [_known(row["bias_low"]), _known(row["bias_high"])]
    return {
        "event": "report",
        "trial": trial,
        "epoch": epoch,
        "stage": row["stage"],
        "stage_epoch": row["stage_epoch"],
        "stage_epochs": row["stage_epochs"],
        "final_stage": row["final_stage"],
        "last": row["final_stage"] and row["stage_epoch"] == row["stage_epochs"],
        "charged": row["charged"],
        "sparsity": row["sparsity"],
        "performance": _known(row["performance"]),
        "performance_se": _known(row["performance_se"]),
        "bias": _known(row["bias"]),
        "bias_interval": interval,
        "bias_upper": _known(row["bias_upper"]),
        "feasible": row["feasible"],
        "beats_trivial": row["beats_trivial"],
        "candidate": f"{trial}-{epoch}" if row["candidate"] else None,
        "dropped": [],
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
