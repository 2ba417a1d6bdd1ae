"""The journal as tables: one row per trial, one row per report."""

import math
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.events import Event
from analysis.hypervolume import GrowingHypervolume

TRIAL_COLUMNS = (
    "trial",  # identifier, unique
    "method",  # name of the published pairing
    "status",  # running, finished, stopped or failed
    "reason",  # why it was stopped or failed
    "spec",  # dict: everything that defines the trial
    "reports",  # number of epochs reported
    "charged",  # samples that its epochs so far take, whichever trial they were processed for
    "spent",  # samples that were processed for this trial: the rest was taken over from others
    "performance",  # at the last report, on tune
    "bias",  # at the last report, on tune; lower is fairer
    "sparsity",  # at the last report, fraction removed
    "started",  # seconds since the Unix epoch
    "ended",  # the same; NaN while running
)
REPORT_COLUMNS = (
    "trial",
    "method",
    "epoch",  # counted through all stages of the trial
    "stage",  # position of the stage in the trial
    "role",  # pruner, recovery, ...
    "name",  # registry name of the stage
    "performance",  # on tune
    "performance_se",
    "bias",  # on tune; lower is fairer; NaN = not estimable
    "bias_upper",  # one-sided 95 % bound
    "sparsity",  # fraction removed
    "live",  # share of units with a live path
    "feasible",
    "beats_trivial",
    "needs_group",  # at prediction time; NaN where the events do not say so
    "candidate",  # name of the weights that it left; missing where none stand
    "charged",  # up to this epoch, as of a trial
    "spent",
    "seconds",  # that this epoch took
    "time",  # seconds since the Unix epoch
)  # and "loss.<name>" for every loss that a stage reported
FLOATS = frozenset(  # None in the journal is NaN in a frame
    {
        *("reports", "charged", "spent", "seconds", "started", "ended", "time"),
        *("performance", "performance_se", "bias", "bias_upper", "sparsity", "live"),
    }
)


def trials_frame(events: Iterable[Event]) -> pd.DataFrame:
    """One row per trial with TRIAL_COLUMNS, in order of first start."""
    rows: dict[str, dict[str, Any]] = {}
    for event in _once(events):
        match event["event"]:
            case "trial_start":
                first = rows.get(event["trial"], {}).get("started", event.get("time"))
                rows[event["trial"]] = {
                    **rows.get(event["trial"], {"reports": 0}),
                    **_picked(event, ("trial", "method", "spec")),
                    "started": first,
                    "status": "running",
                }
            case "report":
                row = rows.setdefault(event["trial"], {"trial": event["trial"], "reports": 0})
                row["reports"] += 1
                row |= _picked(event, ("charged", "performance", "bias", "sparsity"))
                if "spent" in event:  # less again where a trial started anew
                    row["spent"] = max(row.get("spent", 0), event["spent"])
            case "trial_end":
                row = rows.setdefault(event["trial"], {"trial": event["trial"], "reports": 0})
                row |= _picked(event, ("status", "reason"))
                row["ended"] = event.get("time")
    return _frame(rows.values(), TRIAL_COLUMNS)


def reports_frame(events: Iterable[Event], standing: AbstractSet[tuple[str, str]]) -> pd.DataFrame:
    """One row per report with REPORT_COLUMNS and the losses, in order of the journal.

    `standing` names the candidates that count, as (trial, candidate). One that several reports of
    a trial have left stands in the last of their rows. The events are looked at one after the
    other: a million reports take some 200 MB. Losses have 32 bits, all other numbers 64.
    """
    methods: dict[str, str] = {}
    table = _Table()
    row_of: dict[tuple[str, str], int] = {}
    for event in _once(events):
        if event["event"] == "trial_start":
            methods[event["trial"]] = event.get("method", "")
        elif event["event"] == "report":
            losses = {f"loss.{name}": value for name, value in event.get("losses", {}).items()}
            row = {"method": methods.get(event["trial"]), **_picked(event, REPORT_COLUMNS)}
            name: tuple[str, str] = (event["trial"], event.get("candidate") or "")
            if name in standing:
                row_of[name] = table.rows
            table.add({**row, **losses, "candidate": None})
    for (_, candidate), row_number in row_of.items():
        table.columns["candidate"][row_number] = candidate
    return table.frame(REPORT_COLUMNS)


class _Table:
    """Rows kept by column, so that a number takes 8 bytes and not those of a dict's entry."""

    def __init__(self) -> None:
        self.rows = 0
        self.columns: dict[str, Any] = {}  # name -> a list, or an array of floats

    def add(self, row: Mapping[str, Any]) -> None:
        """A column that the row lacks holds NaN there, as does one of numbers for a None."""
        for name, value in row.items():
            if name not in self.columns:
                missing = [math.nan] * self.rows
                self.columns[name] = array(kind, missing) if (kind := _kind(name)) else missing
            if isinstance(value, str):
                value = sys.intern(value)
            elif value is None and _kind(name):
                value = math.nan
            self.columns[name].append(value)
        self.rows += 1
        for column in self.columns.values():
            if len(column) < self.rows:
                column.append(math.nan)

    def frame(self, columns: tuple[str, ...]) -> pd.DataFrame:
        """The columns in this order, then all others. It takes the values away."""
        names = [*columns, *(name for name in self.columns if name not in columns)]
        series = {}
        for name in names:
            values = self.columns.pop(name, [math.nan] * self.rows)
            kind = _kind(name)
            if not self.rows and not kind:
                series[name] = pd.Series([], dtype=object)
            else:
                series[name] = pd.Series(values, dtype=_TYPES.get(kind))
        return pd.DataFrame(series, copy=False)


_TYPES = {"d": "float64", "f": "float32"}


def _kind(name: str) -> str:
    """The type of a column of numbers, as arrays name it; "" for others."""
    if name.startswith("loss."):
        return "f"  # only drawn, and most of a long search's frame
    return "d" if name in FLOATS else ""


def is_candidate(reports: pd.DataFrame, *, group_allowed: bool = True) -> pd.Series:
    """Which rows of `reports_frame` are candidates that may enter a front: they stand and are
    clearly better than a constant prediction. Those that need the group count only where it is
    allowed."""
    stands = reports["candidate"].notna() & reports["beats_trivial"].eq(True)
    return stands & (group_allowed | ~reports["needs_group"].eq(True))


def is_feasible(reports: pd.DataFrame, *, group_allowed: bool = True) -> pd.Series:
    """Which rows of `reports_frame` are candidates that also keep the tolerance."""
    return is_candidate(reports, group_allowed=group_allowed) & reports["feasible"].eq(True)


def box_axes(reference: ArrayLike) -> list[str]:
    """The columns that span the box of a hypervolume; one with two entries leaves sparsity out."""
    return ["performance", "bias", "sparsity"][: len(np.asarray(reference))]


def hypervolume_by_trial(
    trials: pd.DataFrame,
    reports: pd.DataFrame,
    reference: ArrayLike,
    ideal: ArrayLike,
    *,
    group_allowed: bool = False,
) -> pd.DataFrame:
    """Hypervolume after each ended trial: columns trial, method, ended, charged, hypervolume.

    Counted are the feasible candidates, see `is_feasible`. `charged` are the samples of all trials
    that had ended by then.
    """
    axes = box_axes(reference)
    ended = trials[trials["status"] != "running"].sort_values("ended", kind="stable")
    feasible = reports[is_feasible(reports, group_allowed=group_allowed)]
    points = {trial: part[axes].to_numpy() for trial, part in feasible.groupby("trial")}
    growing = GrowingHypervolume(reference, ideal)
    values = []
    for trial in ended["trial"]:
        for point in points.get(trial, ()):
            growing.add(point)
        values.append(growing.value)
    table = ended[["trial", "method", "ended"]].reset_index(drop=True)
    return table.assign(
        charged=ended["charged"].fillna(0.0).cumsum().to_numpy(np.float64),
        hypervolume=np.array(values, dtype=np.float64),
    )


def _once(events: Iterable[Event]) -> Iterator[Event]:
    """The events without repeated reports of an epoch: a trial that was interrupted between report
    and checkpoint runs that epoch again, and reports the same numbers."""
    seen: dict[str, int] = {}  # trial -> a bit for each epoch
    for event in events:
        if event["event"] == "report":
            trial, epoch = event["trial"], 1 << event["epoch"]
            if seen.get(trial, 0) & epoch:
                continue
            seen[trial] = seen.get(trial, 0) | epoch
        yield event


def _picked(event: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: event[name] for name in names if name in event}


def _frame(rows: Iterable[Mapping[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    table = _Table()
    for row in rows:
        table.add(row)
    return table.frame(columns)
