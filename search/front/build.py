"""From the journal to the front: candidates judged by their counts, nothing is retrained."""

from __future__ import annotations

import io
import json
import tempfile
import weakref
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from analysis.front_json import Front, FrontPoint, PointValues
from search.front.judging import NotDefined, by_second, decided, fitted, tune_values
from search.front.naming import Naming, likely, named
from search.front.notes import bias_undefined, left_out, without_group
from search.front.references import judged_references
from search.front.selection import Row, select
from search.front.view import View
from search.journal.candidates import Candidates, needs_group
from search.journal.events import (
    Dense,
    Event,
    Experiment,
    References,
    ReportEvent,
    TrialStart,
)
from search.journal.no_ops import NoOps
from trainables.corrections import CORRECTIONS, decision_from_dict
from trainables.corrections.decision import Correction, Decision
from trainables.evaluation.counts import Counts, counts_from_dict
from trainables.evaluation.objective import Objective
from trainables.evaluation.trivial import trivial_performance

_IN_MEMORY = 2**24  # bytes of packed reports


def build_front(facts: Experiment, events: Iterable[Event], view: View) -> Front:
    """front.json of a run as `view` sees it; `facts` is its `experiment` event.

    Raises NotDefined where not even the dense net can be judged so.
    """
    dense: Dense | None = None
    models: References | None = None
    store = _Store()
    candidates: Candidates[_Packed] = Candidates(store.packed)
    no_ops = NoOps()
    rounds: dict[str, int] = {}  # trial -> the last round of pruning that it has begun
    for event in events:
        if event["event"] == "report" and "round" in event:
            rounds[event["trial"]] = event["round"]
        if event["event"] == "dense":
            dense = event
        elif event["event"] == "references":
            models = event
        else:
            candidates.take(event)
            no_ops.take(event)
    if dense is None:
        raise ValueError("front: the journal has no dense net yet")
    tune = counts_from_dict(dense["counts"]["tune"]).regroup(view.crossing_to_group)
    try:
        view.objective.counted(tune)
    except ValueError as error:
        raise NotDefined(str(error)) from error
    references = judged_references(dense, models, facts, view)
    trivial = trivial_performance(view.objective.performance, tune)
    # A report says what its counts say as the search saw them: no need to count thousands again.
    as_searched = not view.changed and view.objective == Objective(**facts["objective"])
    starts = candidates.starts()
    packed, rows, undefined = list[_Packed](), list[Row](), []
    for report in candidates:
        start = starts[report.trial]
        try:
            rows.append(report.row if as_searched else _row(start, report.whole(), view))
            packed.append(report)
        except NotDefined as error:
            undefined.append((start["method"], str(error)))
    reference = view.reference or (trivial, view.objective.tolerance, 0.0)
    feasible = select(rows, reference, sparsity=view.sparsity, group_allowed=view.group_allowed)
    chances = _Chances(view, packed, starts)
    to_name, by_chance = _to_name(rows, chances, view, trivial)
    selection = (
        feasible
        if to_name is rows
        else select(to_name, reference, sparsity=view.sparsity, group_allowed=view.group_allowed)
    )
    on_front = [packed[i].whole() for i in selection.on_front]
    points = [
        _point(
            starts[report["trial"]],
            report,
            view,
            feasible=bool(to_name[i]["feasible"] and to_name[i]["beats_trivial"]),
            chosen=i == selection.chosen,
        )
        for i, report in zip(selection.on_front, on_front, strict=True)
    ]
    pruned_on = sum("round" in r and r["round"] < rounds[r["trial"]] for r in on_front)
    front: Front = {
        "name": facts["name"],
        "objective": view.described(reference),
        "hypervolume": feasible.hypervolume,
        "hypervolume_with_group": feasible.hypervolume_with_group,
        "opening": None,
        "changed": view.changed,
        "candidates": len(packed),
        "methods": sorted({start["method"] for start in starts.values()}),
        "group_notes": list(view.notes),
        "left_out": left_out(undefined),
        "bias_undefined": bias_undefined(rows, tune, view.group_names, facts["classes"]),
        "without_group": without_group(to_name, [each.name for each in packed], starts),
        "dense": {"tune": references[0]["tune"], "test": None},
        "references": references,
        "points": points,
    }
    if view.naming is not None:
        front["objective"]["naming"] = "chance" if by_chance else "margin"
        for i, point in zip(selection.on_front, points, strict=True):
            point["chance"] = chances(i)
    for point in points:
        if what := no_ops.of(point["trial"]):
            point["no_ops"] = what
    if rows_of_no_ops := no_ops.rows():
        front["no_ops"] = rows_of_no_ops
    if pruned_on:
        front["between_rounds"] = pruned_on
    if view.beside is not None:
        front["beside"] = view.beside.choose
    return front


class _Chances:
    """Of being certified, of each candidate by its number; asked for once."""

    def __init__(
        self, view: View, packed: Sequence[_Packed], starts: Mapping[str, TrialStart]
    ) -> None:
        self._view, self._packed, self._starts = view, packed, starts
        self._known: dict[int, float] = {}

    def __call__(self, place: int) -> float:
        if place not in self._known:
            self._known[place] = self._asked(place)
        return self._known[place]

    def _asked(self, place: int) -> float:
        return self._naming.chance(self._decided(place))

    def keep_margin(self, place: int) -> bool:
        """Whether the candidate is feasible in all biases that have to keep the tolerance."""
        return self._naming.keep_margin(self._decided(place), self._view.objective)

    @property
    def _naming(self) -> Naming:
        if self._view.naming is None:
            raise ValueError("front: a view that names by the margin knows no chances")
        return self._view.naming

    def _decided(self, place: int) -> Counts:
        report = self._packed[place].whole()
        counts = counts_from_dict(report["counts"]["tune"])
        return decided(counts, decision_from_dict(report["decision"]), self._view)


def _to_name(
    rows: list[Row], chances: _Chances, view: View, trivial: float
) -> tuple[list[Row], bool]:
    """The rows, with `feasible` for what is named, and whether any is likely to be certified;
    `rows` itself where the margin names alone."""
    if view.naming is None or not rows:
        return rows, False
    how = {"sparsity": view.sparsity, "group_allowed": view.group_allowed}
    probable = likely(rows, chances, tolerance=view.naming.tolerance, **how)
    one_bias = len(view.naming.biases) == 1
    if one_bias and not probable.any():
        return rows, False
    keep_margin = None if one_bias else chances.keep_margin
    flagged = named(rows, probable, trivial, **how, keep_margin=keep_margin)
    if not flagged.any():
        return rows, False
    named_rows: list[Row] = [
        {**row, "feasible": bool(flag)} for row, flag in zip(rows, flagged, strict=True)
    ]
    return named_rows, bool(probable.any())


def _correction(spec: dict[str, Any]) -> Correction:
    """A trial's own, which its method may bring along."""
    settings = dict(spec["correction"])
    return CORRECTIONS[settings.pop("name")](**settings)


def _judged(start: TrialStart, report: ReportEvent, view: View) -> tuple[Decision, PointValues]:
    """How a candidate decides and what its counts on tune then say."""
    if view.changed:
        spec = start["spec"]
        decision = fitted(report, view, _correction(spec), spec["seed"])
    else:
        decision = decision_from_dict(report["decision"])
    return decision, tune_values(report, decision, view)


def _row(start: TrialStart, report: ReportEvent, view: View) -> Row:
    """What a candidate is selected by, as `view` sees it."""
    decision, values = _judged(start, report, view)
    return _row_of(values, needs_group=bool(decision.needs_group))


def _row_of(values: PointValues | ReportEvent, *, needs_group: bool) -> Row:
    return {
        "performance": values["performance"],
        "performance_se": values["performance_se"],
        "bias": values["bias"],
        "sparsity": values["sparsity"],
        "feasible": values["feasible"],
        "beats_trivial": values["beats_trivial"],
        "needs_group": needs_group,
    }


@dataclass(frozen=True, slots=True)
class _Packed:
    """A report that may be on the front, as a place in a file: as Python objects its counts take
    30 kB, and a search of thousands of trials leaves some hundred thousand such reports."""

    trial: str
    candidate: str
    row: Row  # as its own report said
    _store: _Store
    _begin: int
    _size: int

    @property
    def name(self) -> tuple[str, str]:
        return self.trial, self.candidate

    def whole(self) -> ReportEvent:
        return self._store.whole(self._begin, self._size)


class _Store:
    """Reports as compressed JSON, in a file that nobody else sees and that ends with this object;
    a few stay in memory."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def packed(self, report: ReportEvent) -> _Packed:
        text = zlib.compress(json.dumps(report).encode(), level=1)
        begin = self._file.seek(0, io.SEEK_END)
        self._file.write(text)
        row = _row_of(report, needs_group=needs_group(report))
        candidate = cast("str", report["candidate"])
        return _Packed(report["trial"], candidate, row, self, begin, len(text))

    def whole(self, begin: int, size: int) -> ReportEvent:
        self._file.seek(begin)
        report: ReportEvent = json.loads(zlib.decompress(self._file.read(size)))
        return report


def _point(
    start: TrialStart, report: ReportEvent, view: View, *, feasible: bool, chosen: bool
) -> FrontPoint:
    decision, values = _judged(start, report, view)
    point: FrontPoint = {
        "candidate": cast("str", report["candidate"]),
        "trial": report["trial"],
        "epoch": report["epoch"],
        "method": start["method"],
        "settings": start["spec"]["settings"],
        "learns_from": start.get("learns_from"),
        "needs_group": bool(decision.needs_group),
        "live": report["live"],
        "tune": values,
        "test": None,
        "feasible": feasible,
        "chosen": chosen,
        "claim": None,
    }
    if view.beside is not None:
        point["beside"] = by_second(report, view, view.beside, start["spec"]["seed"])
    return point
