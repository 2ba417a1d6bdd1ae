"""The file format of recorded trials: `TABLE.npz`, a header of text and columns of numbers.

Array `header` holds the header's JSON as bytes, `reports` (trials,) how many reports each trial
has. Every other array has one entry per report, trial after trial, or is (cells, reports) for
counts. Performance and bias are not stored: they follow exactly from the counts on tune.

Where rows come as two copies of one object, `pairs_tune` and `pairs_test` count the objects by
(label, prediction, prediction). Nearly all of these cells stay empty, so only those are stored
that any report fills; `pairs_tune_cells` and `pairs_test_cells` say which. Earlier versions have
written none, and never read them.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from search.errors import UserError
from spaces.space import Choice, Float, Int, Range, Space, Value
from trainables.evaluation.objective import Objective
from trainables.evaluation.pairs import tables_of_pairs
from trainables.files import whole_file

VERSION = 1
COLUMNS: dict[str, str] = {
    "stage": "u1",  # position in the trial, from 0
    "stage_epoch": "u2",  # from 1
    "stage_epochs": "u2",  # of the whole stage
    "final_stage": "?",
    "charged": "i8",  # samples processed by the trial so far
    "sparsity": "f4",  # fraction removed
    "performance_se": "f4",  # on tune, as all below; NaN where a report says None
    "bias_low": "f4",  # two-sided 95 % interval
    "bias_high": "f4",
    "bias_upper": "f4",  # one-sided 95 % bound
    "feasible": "?",
    "beats_trivial": "?",
    "candidate": "?",  # its weights were kept
    "superseded": "u2",  # the epoch that dropped its candidate; 0: none did
    "round": "u2",  # of pruning; 0: its stage has no rounds
}
"""What is stored of a report, with the type of its numbers in NumPy's short form."""

_ZERO_WHERE_ABSENT = frozenset({"round"})  # of tables that an earlier version has written

COUNTS = ("tune", "test")
"""The splits whose decided counts are stored."""

Ended = Literal["finished", "failed"]  # a recording stops no trial


@dataclass(frozen=True, eq=False)
class RecordedTable:
    """Recorded trials: header, reports per trial, columns and decided counts.

    `counts[split]` is (reports, groups, labels, predictions), or, where the bias compares with the
    dense net, (reports, groups, labels, its predictions, predictions). On test it may be 0 where a
    report left no candidate.

    `pairs[split]` is (reports, labels, predictions, predictions) where rows come as pairs of
    copies, and 0 for a report that does not say which are. The split is absent where none does.
    """

    header: Header
    reports: NDArray[np.int64]  # (trials,)
    columns: dict[str, NDArray[Any]]  # by COLUMNS, each (reports,)
    counts: dict[str, NDArray[Any]]  # by COUNTS
    pairs: dict[str, NDArray[Any]] = field(default_factory=dict)  # by COUNTS

    def __post_init__(self) -> None:
        rows = int(self.reports.sum())
        if len(self.reports) != len(self.header.trials):
            raise ValueError(
                f"table: needs the reports of {len(self.header.trials)} trials, "
                f"got those of {len(self.reports)}"
            )
        for name, column in {**self.columns, **self.counts}.items():
            if len(column) != rows:
                raise ValueError(f"table: {name} must have {rows} rows, got {len(column)}")
        for split, pairs in self.pairs.items():
            known = self._with_pairs(split)
            counts = self._alone(split)
            if not np.array_equal(tables_of_pairs(pairs[known]), counts[known]):
                raise ValueError(f"table: pairs of {split} must add up to its counts")

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(trials + 1,) the row of each trial's first report; the last entry is the row count."""
        return np.concatenate([[0], np.cumsum(self.reports)])

    def values(self, split: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(reports,) performance and bias on `split`; NaN where not estimable."""
        objective = self.header.objective
        performance = objective.performance_measure.compute(self._alone(split))
        bias = objective.bias_measure.bias(self.counts[split])
        return np.asarray(performance), np.asarray(bias)

    def pairs_of(self, kept: NDArray[np.bool_]) -> dict[str, NDArray[np.int64]] | None:
        """By split (kept reports, labels, predictions, predictions); None unless all have them."""
        if not all(
            split in self.pairs and self._with_pairs(split)[kept].all() for split in COUNTS
        ):
            return None
        return {split: pairs[kept].astype(np.int64) for split, pairs in self.pairs.items()}

    def _alone(self, split: str) -> NDArray[Any]:
        """Counts without what the dense net decides: (reports, groups, labels, predictions)."""
        counts = self.counts[split]
        return counts.sum(axis=-2) if self.header.objective.against_dense else counts

    def _with_pairs(self, split: str) -> NDArray[np.bool_]:
        """(reports,) which say what the pairs of the split are."""
        return np.asarray(self.pairs[split].any(axis=(1, 2, 3)))

    def save(self, path: Path) -> None:
        """Writes the file; what is there is replaced at once or not at all."""
        arrays: dict[str, Any] = {
            "header": np.frombuffer(self.header.to_json().encode(), dtype=np.uint8),
            "shape": np.array(self.counts["tune"].shape[1:], dtype=np.int64),
            "reports": self.reports,
            **{name: self.columns[name].astype(kind) for name, kind in COLUMNS.items()},
            **{f"counts_{split}": _as_cells(self.counts[split]) for split in COUNTS},
        }
        for split, pairs in self.pairs.items():
            cells = _as_cells(pairs)
            filled = np.flatnonzero(cells.any(axis=1))
            arrays[f"pairs_{split}"] = cells[filled]
            arrays[f"pairs_{split}_cells"] = filled
        with whole_file(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> RecordedTable:
        """Raises UserError where the file is missing or is no table of this version."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                shape = tuple(int(size) for size in stored["shape"])
                reports = stored["reports"].astype(np.int64)
                absent = {
                    name: np.zeros(int(reports.sum()), dtype=COLUMNS[name])
                    for name in _ZERO_WHERE_ABSENT - set(stored.files)
                }
                return cls(
                    Header.from_json(bytes(stored["header"]).decode()),
                    reports,
                    {name: absent[name] if name in absent else stored[name] for name in COLUMNS},
                    {split: _from_cells(stored[f"counts_{split}"], shape) for split in COUNTS},
                    {
                        split: _pairs_from(
                            stored[f"pairs_{split}"], stored[f"pairs_{split}_cells"], shape[-1]
                        )
                        for split in COUNTS
                        if f"pairs_{split}" in stored.files
                    },
                )
        except FileNotFoundError as error:
            raise UserError(f"{path}: there is no such table") from error
        except (ValueError, KeyError, OSError, TypeError, zipfile.BadZipFile) as error:
            raise UserError(f"{path}: must be a table of `replay record`, got {error}") from error


@dataclass(frozen=True)
class Header:
    """The search that was recorded: data, objective, spaces, and its trials in order of start."""

    name: str  # of the experiment
    data: str
    group: str
    group_names: tuple[str, ...]
    classes: tuple[str, ...]
    objective: Objective
    sparsity: bool  # whether it is an objective
    reference: tuple[float, float, float]  # of the hypervolume: performance, bias, sparsity
    seed: int
    split_seed: int
    spaces: Mapping[str, Space]  # by method
    stages: Mapping[str, tuple[tuple[str, str], ...]]  # by method: (role, name) by position
    trials: tuple[TrialFacts, ...]

    def to_json(self) -> str:
        objective = self.objective
        return json.dumps(
            {
                "version": VERSION,
                "name": self.name,
                "data": self.data,
                "group": self.group,
                "group_names": self.group_names,
                "classes": self.classes,
                "objective": {
                    "performance": objective.performance,
                    "bias": objective.bias,
                    "tolerance": objective.tolerance,
                    "margin": objective.margin,
                },
                "sparsity": self.sparsity,
                "reference": self.reference,
                "seed": self.seed,
                "split_seed": self.split_seed,
                "spaces": {method: _space_to(space) for method, space in self.spaces.items()},
                "stages": self.stages,
                "trials": [
                    [trial.trial, trial.method, dict(trial.settings), trial.status]
                    for trial in self.trials
                ],
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> Header:
        """Raises ValueError where the text was written by another version."""
        stored = json.loads(text)
        if stored["version"] != VERSION:
            raise ValueError(f"table: version must be {VERSION}, got {stored['version']!r}")
        return cls(
            name=stored["name"],
            data=stored["data"],
            group=stored["group"],
            group_names=tuple(stored["group_names"]),
            classes=tuple(stored["classes"]),
            objective=Objective(**stored["objective"]),
            sparsity=stored["sparsity"],
            reference=cast("tuple[float, float, float]", tuple(stored["reference"])),
            seed=stored["seed"],
            split_seed=stored["split_seed"],
            spaces={method: _space_from(space) for method, space in stored["spaces"].items()},
            stages={
                method: tuple((role, name) for role, name in stages)
                for method, stages in stored["stages"].items()
            },
            trials=tuple(TrialFacts(*facts) for facts in stored["trials"]),
        )


@dataclass(frozen=True)
class TrialFacts:
    """One recorded trial, without its reports."""

    trial: str
    method: str
    settings: Mapping[str, Value]  # searched ones, by dotted name
    status: Ended


def _space_to(space: Space) -> dict[str, Any]:
    return {
        "ranges": {name: _range_to(span) for name, span in space.ranges.items()},
        "published": dict(space.published),
        "fixed": dict(space.fixed),
    }


def _space_from(stored: Mapping[str, Any]) -> Space:
    ranges = {name: _range_from(span) for name, span in stored["ranges"].items()}
    return Space(ranges, stored["published"], stored["fixed"])


def _range_to(span: Range) -> list[Any]:
    match span:
        case Float():
            return ["float", span.low, span.high, span.log]
        case Int():
            return ["int", span.low, span.high, span.log]
        case Choice():
            return ["choice", *span.options]


def _range_from(stored: list[Any]) -> Range:
    kind, *rest = stored
    match kind:
        case "float":
            return Float(*rest)
        case "int":
            return Int(*rest)
        case "choice":
            return Choice(tuple(rest))
        case _:
            raise ValueError(f"table: a range must be float, int or choice, got {kind!r}")


def _as_cells(counts: NDArray[Any]) -> NDArray[Any]:
    """(cells, reports) in the smallest dtype: along a trial a cell hardly changes, so that runs of
    one cell compress far better than runs of one report."""
    cells = counts.reshape(len(counts), -1).T
    largest = int(cells.max()) if cells.size else 0
    return np.ascontiguousarray(cells.astype(np.min_scalar_type(largest)))


def _from_cells(cells: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    return np.ascontiguousarray(cells.T).reshape(-1, *shape).astype(np.int64)


def _pairs_from(counts: NDArray[Any], cells: NDArray[Any], labels: int) -> NDArray[Any]:
    """(reports, labels, predictions, predictions) of the counts (cells, reports) of some cells."""
    whole = np.zeros((counts.shape[1], labels**3), dtype=counts.dtype)
    whole[:, cells] = counts.T
    return whole.reshape(-1, labels, labels, labels)
