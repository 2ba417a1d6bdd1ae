"""From a finished recording to its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from analysis.events import Event
from search.config.config import Config
from search.errors import UserError
from search.front.view import View, view_of
from search.journal.journal import read_events
from search.problem.problem import method_spaces
from search.problem.shared_pruners import with_pools
from search.replay.table import COLUMNS, COUNTS, Ended, Header, Table, TrialFacts
from spaces.space import Space
from trainables.corrections import decision_from_dict
from trainables.evaluation.counts import Counts, counts_from_dict

_ROUNDING = 1e-9


def record_table(folder: Path) -> Table:
    """The table of the recording in `folder`; trials that did not end are left out.

    Raises UserError where the run is no recording, or holds no trial that ended.
    """
    config = Config.load(folder / "config.toml")
    if not config.search.recording:
        raise UserError(f"replay: {folder} is no recording (search.recording is not true)")
    gathered = _Gathered()
    for event in read_events(folder / "journal.jsonl"):
        gathered.take(event)
    if gathered.facts is None or not gathered.ended:
        raise UserError(f"replay: {folder} holds no trial that ended")
    table = gathered.table(config)
    _check(table, gathered.said())
    return table


class _Gathered:
    """What is kept of each event while the journal is read; counts are decided at once."""

    def __init__(self) -> None:
        self.facts: Event | None = None
        self.ended: dict[str, Ended] = {}  # in order of end
        self._view: View | None = None
        self._starts: dict[str, Event] = {}
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._candidates: dict[str, dict[str, dict[str, Any]]] = {}

    def take(self, event: Event) -> None:
        match event["event"]:
            case "experiment":
                self.facts, self._view = event, view_of(event)
            case "trial_start":
                self._starts[event["trial"]] = event
                self._rows[event["trial"]] = []
                self._candidates[event["trial"]] = {}
            case "report":
                self._report(event)
            case "trial_end":
                self.ended[event["trial"]] = cast("Ended", event["status"])

    def _report(self, report: Event) -> None:
        rows, kept = self._rows[report["trial"]], self._candidates[report["trial"]]
        if report["epoch"] != len(rows) + 1:
            raise ValueError(
                f"replay: epochs of {report['trial']} must follow each other, "
                f"got {report['epoch']} after {len(rows)}"
            )
        low, high = report["bias_interval"]
        row = {
            **{key: report[key] for key in COLUMNS.keys() & report.keys()},
            "bias_low": low,
            "bias_high": high,
            "candidate": report["candidate"] is not None,
            "superseded": 0,
            "performance": report["performance"],
            "bias": report["bias"],
            "role": report["role"],
            "name": report["name"],
            "counts": {split: self._decided(report, split) for split in COUNTS},
        }
        for name in report["dropped"]:
            kept[name]["superseded"] = report["epoch"]
        if report["candidate"] is not None:
            kept[report["candidate"]] = row
        rows.append(row)

    def _decided(self, report: Event, split: str) -> NDArray[np.int64]:
        """(groups, labels, predictions); reports may hold scores or counts already decided. Zeros
        on test for what left no candidate: it was not counted there."""
        if self._view is None:
            raise ValueError("replay: the journal must say what the experiment is before reports")
        if split not in report["counts"]:
            return np.zeros_like(self._decided(report, "tune"))
        counts, groups = counts_from_dict(report["counts"][split]), self._view.crossing_to_group
        if isinstance(counts, Counts):
            return counts.regroup(groups).table
        return decision_from_dict(report["decision"]).decide_by_group(counts, groups).table

    def _order(self) -> list[str]:
        return [trial for trial in self._starts if trial in self.ended]

    def _all_rows(self) -> list[dict[str, Any]]:
        return [row for trial in self._order() for row in self._rows[trial]]

    def said(self) -> NDArray[np.float64]:
        """(reports, 2) performance and bias as the reports say them."""
        return _numbers([(row["performance"], row["bias"]) for row in self._all_rows()])

    def table(self, config: Config) -> Table:
        rows = self._all_rows()
        columns = {
            name: _numbers([row[name] for row in rows]).astype(kind)
            for name, kind in COLUMNS.items()
        }
        counts = {split: np.stack([row["counts"][split] for row in rows]) for split in COUNTS}
        reports = np.array([len(self._rows[trial]) for trial in self._order()], dtype=np.int64)
        return Table(self._header(config), reports, columns, counts)

    def _header(self, config: Config) -> Header:
        facts, view = self.facts, self._view
        if facts is None or view is None:
            raise ValueError("replay: the journal does not say what the experiment is")
        spaces = with_pools(method_spaces(config), facts)
        return Header(
            name=facts["name"],
            data=facts["data"],
            group=facts["group"],
            group_names=view.group_names,
            classes=tuple(facts["classes"]),
            objective=view.objective,
            sparsity=view.sparsity,
            reference=cast("tuple[float, float, float]", view.reference),
            seed=facts["seed"],
            split_seed=config.data.split_seed,
            spaces=spaces,
            stages={method: self._stages(method) for method in spaces},
            trials=tuple(self._trial(trial, spaces) for trial in self._order()),
        )

    def _trial(self, trial: str, spaces: Mapping[str, Space]) -> TrialFacts:
        start = self._starts[trial]
        searched = spaces[start["method"]].searched(start["spec"]["settings"])
        return TrialFacts(trial, start["method"], searched, self.ended[trial])

    def _stages(self, method: str) -> tuple[tuple[str, str], ...]:
        seen = {
            row["stage"]: (row["role"], row["name"])
            for trial, start in self._starts.items()
            if start["method"] == method
            for row in self._rows[trial]
        }
        return tuple(seen[position] for position in sorted(seen))


def _numbers(values: Iterable[Any]) -> NDArray[np.float64]:
    """Floats with NaN for None."""
    return np.array(list(values), dtype=np.float64)


def _check(table: Table, said: NDArray[np.float64]) -> None:
    """Raises ValueError where performance and bias do not follow from the decided counts."""
    followed = np.column_stack(table.values("tune"))
    if not np.allclose(followed, said, rtol=0, atol=_ROUNDING, equal_nan=True):
        raise ValueError("replay: performance and bias of the reports do not follow from counts")
