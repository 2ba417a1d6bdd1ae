"""From a finished recording to its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from analysis.events import JOURNAL
from search.config.config import Config
from search.errors import UserError
from search.front.view import View, view_of
from search.journal.candidates import Candidates
from search.journal.events import Event, Experiment, ReportEvent, TrialStart
from search.journal.journal import read_events
from search.problem.problem import method_spaces
from search.problem.shared_pruners import with_pools
from search.replay.table import COLUMNS, COUNTS, Ended, Header, RecordedTable, TrialFacts
from spaces.space import Space
from trainables.corrections import decision_from_dict
from trainables.evaluation.counts import Counts, counts_from_dict

_ROUNDING = 1e-9


def record_table(folder: Path) -> RecordedTable:
    """The table of the recording in `folder`; trials that did not end are left out.

    Raises UserError where the run is no recording, or holds no trial that ended.
    """
    config = Config.load(folder / "config.toml")
    if not config.search.recording:
        raise UserError(f"replay: {folder} is no recording (search.recording is not true)")
    recording = _Recording()
    for event in read_events(folder / JOURNAL):
        recording.take(event)
    if recording.facts is None or not recording.ended:
        raise UserError(f"replay: {folder} holds no trial that ended")
    table = recording.table(config)
    _check(table, recording.reported())
    return table


@dataclass(frozen=True)
class _Row:
    """What is kept of one report."""

    columns: dict[str, object]  # by COLUMNS
    # by COUNTS, decided; the dense net's predictions before the last, where the bias needs them
    counts: Mapping[str, NDArray[np.int64]]
    pairs: Mapping[str, NDArray[Any] | None]  # by COUNTS; None: not known, or rows are no pairs
    performance: float | None
    bias: float | None
    stage: int
    role: str
    name: str  # of the stage


class _Recording:
    """Gathers a table while the journal is read, event by event; counts are decided at once."""

    def __init__(self) -> None:
        self.facts: Experiment | None = None
        self.ended: dict[str, Ended] = {}  # trial -> its end, in order of end
        self._view: View | None = None
        self._starts: dict[str, TrialStart] = {}
        self._rows: dict[str, list[_Row]] = {}  # by trial
        self._candidates = Candidates(lambda report: report["epoch"])

    def take(self, event: Event) -> None:
        if event["event"] == "report":
            self._report(event)
            return
        self._candidates.take(event)
        if event["event"] == "experiment":
            self.facts, self._view = event, view_of(event)
        elif event["event"] == "trial_start":
            self._starts.setdefault(event["trial"], event)
            self._rows.setdefault(event["trial"], [])
        elif event["event"] == "trial_end":
            self.ended.setdefault(event["trial"], cast("Ended", event["status"]))

    def _report(self, report: ReportEvent) -> None:
        trial, rows = report["trial"], self._rows[report["trial"]]
        if report["epoch"] != len(rows) + 1:
            raise ValueError(
                f"replay: epochs of {trial} must follow each other, "
                f"got {report['epoch']} after {len(rows)}"
            )
        epoch_of = dict(self._candidates.of(trial))
        change = self._candidates.take(report)
        rows.append(self._row(report, candidate=change is not None and change.added is not None))
        for name in change.removed if change is not None else ():
            rows[epoch_of[name] - 1].columns["superseded"] = report["epoch"]

    def _row(self, report: ReportEvent, *, candidate: bool) -> _Row:
        values: Mapping[str, object] = report
        low, high = report["bias_interval"]
        view = self._view
        if view is None:
            raise ValueError("replay: the journal must say what the experiment is before reports")
        decided = {split: self._decided(view, report, split) for split in COUNTS}
        return _Row(
            columns={
                **{name: values[name] for name in COLUMNS.keys() & values.keys()},
                "bias_low": low,
                "bias_high": high,
                "candidate": candidate,
                "superseded": 0,
                "round": report.get("round", 0),
            },
            counts={name: view.objective.counted(counts) for name, counts in decided.items()},
            pairs={name: _pairs(counts) for name, counts in decided.items()},
            performance=report["performance"],
            bias=report["bias"],
            stage=report["stage"],
            role=report["role"],
            name=report["name"],
        )

    def _decided(self, view: View, report: ReportEvent, split: str) -> Counts:
        """A report's counts by group, be they scores or decided already.

        No rows on test where the report left no candidate: it was not counted there.
        """
        if split not in report["counts"]:
            tune = self._decided(view, report, "tune")
            return tune.of_groups(np.zeros(tune.n_groups, dtype=bool))
        counts, groups = counts_from_dict(report["counts"][split]), view.crossing_to_group
        if isinstance(counts, Counts):
            return counts.regroup(groups)
        return decision_from_dict(report["decision"]).decide_by_group(counts, groups)

    def reported(self) -> NDArray[np.float64]:
        """(reports, 2) performance and bias as the reports give them."""
        return _numbers((row.performance, row.bias) for row in self._all_rows())

    def table(self, config: Config) -> RecordedTable:
        """The table of all that was taken."""
        rows = self._all_rows()
        columns = {
            name: _numbers(row.columns[name] for row in rows).astype(kind)
            for name, kind in COLUMNS.items()
        }
        counts = {split: np.stack([row.counts[split] for row in rows]) for split in COUNTS}
        reports = np.array([len(self._rows[trial]) for trial in self._order()], dtype=np.int64)
        pairs = {split: _stacked([row.pairs[split] for row in rows]) for split in COUNTS}
        known = {split: array for split, array in pairs.items() if array is not None}
        return RecordedTable(self._header(config), reports, columns, counts, known)

    def _order(self) -> list[str]:
        return [trial for trial in self._starts if trial in self.ended]

    def _all_rows(self) -> list[_Row]:
        return [row for trial in self._order() for row in self._rows[trial]]

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
        """(role, name) of the method's stages by position, as its reports give them."""
        stages = {
            row.stage: (row.role, row.name)
            for trial, start in self._starts.items()
            if start["method"] == method
            for row in self._rows[trial]
        }
        return tuple(stages[position] for position in sorted(stages))


def _numbers(values: Iterable[object]) -> NDArray[np.float64]:
    """Floats with NaN for None."""
    return np.array(list(values), dtype=np.float64)


def _pairs(counts: Counts) -> NDArray[Any] | None:
    """In the smallest dtype: a recording has thousands of these, each of labels cubed cells."""
    if counts.pairs is None:
        return None
    return counts.pairs.astype(np.min_scalar_type(int(counts.pairs.max())))


def _stacked(arrays: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    """One array of all, zeros in place of None; None where all are."""
    known = [array for array in arrays if array is not None]
    if not known:
        return None
    empty = np.zeros_like(known[0])
    return np.stack([empty if array is None else array for array in arrays])


def _check(table: RecordedTable, reported: NDArray[np.float64]) -> None:
    """Raises ValueError where performance and bias do not follow from the decided counts."""
    from_counts = np.column_stack(table.values("tune"))
    if not np.allclose(from_counts, reported, rtol=0, atol=_ROUNDING, equal_nan=True):
        raise ValueError("replay: performance and bias of the reports do not follow from counts")
