"""Which reports count: the one place that turns events into candidates.

A report *stands* as a candidate when its epoch left weights in the store, until a later report of
the same trial drops it. A trial that is stopped or fails loses all of its candidates; those of a
trial that still runs count, since they are networks that were measured like any other. Whatever
watches a search, writes its front or reads its journal asks here, so that no two can disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, NotRequired, TypedDict, TypeVar

from search.journal.events import Event, ReportEvent, TrialStart, TrialStatus
from trainables.corrections import CORRECTIONS, KINDS
from trainables.evaluation.report import Report

Kept = TypeVar("Kept")


def is_feasible(report: Report) -> bool:
    """Whether a report has left weights that keep the tolerance and beat a constant prediction."""
    return bool(report["candidate"] and report["feasible"] and report["beats_trivial"])


def needs_group(report: Report) -> bool:
    """Whether the decision of a report needs the group of whoever it is about."""
    return bool(KINDS[report["decision"]["kind"]].needs_group)


class GroupFacts(TypedDict):
    """The part of an `experiment` event that says whether the group may be used."""

    correction: dict[str, Any]
    group_at_prediction: NotRequired[bool]


def group_at_prediction(facts: GroupFacts) -> bool:
    """Whether a point that needs the group may be chosen, by a run's `experiment` event.

    So it is where the run says so, or where its own correction needs the group.
    """
    of_run = CORRECTIONS[facts["correction"]["name"]].needs_group
    return bool(of_run or facts.get("group_at_prediction", False))  # unknown to older journals


def could_be_chosen(report: Report, *, group_allowed: bool) -> bool:
    """Whether a report is feasible and does not need the group where that is not allowed."""
    return is_feasible(report) and (group_allowed or not needs_group(report))


def standing(reports: Iterable[Report], status: TrialStatus) -> list[Report]:
    """The candidates that one trial has left, of all its `reports` in their order."""
    candidates: dict[str, Report] = {}
    for report in reports if status not in _WITHOUT else ():
        for name in report["dropped"]:
            candidates.pop(name, None)
        if report["candidate"]:
            candidates[report["candidate"]] = report
    return list(candidates.values())


@dataclass
class _Trial(Generic[Kept]):
    start: TrialStart
    place: int  # among all trials, by their starts
    epoch: int = 0
    status: TrialStatus = "running"
    candidates: dict[str, Kept] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What an event has done to the candidates that stand."""

    trial: str
    added: str | None = None  # the candidate of a report
    removed: tuple[str, ...] = ()


class Candidates(Generic[Kept]):
    """The candidates that stand, kept up event by event; of each what `keep` makes of its report.

    Passed over are a second start of a trial, a repeated epoch (its worker died before it could
    save) and whatever follows a trial's end.
    """

    def __init__(self, keep: Callable[[ReportEvent], Kept]) -> None:
        self._keep = keep
        self._trials: dict[str, _Trial[Kept]] = {}

    def take(self, event: Event) -> Change | None:
        """Any event of the journal, in its order. None where it changes no candidate."""
        if event["event"] == "trial_start":
            place = len(self._trials)
            self._trials.setdefault(event["trial"], _Trial(event, place))
        elif event["event"] == "report":
            return self._report(event)
        elif event["event"] == "trial_end":
            return self._end(event["trial"], event["status"])
        return None

    def _report(self, event: ReportEvent) -> Change | None:
        trial = self._trials.get(event["trial"])
        if trial is None or trial.status != "running" or event["epoch"] <= trial.epoch:
            return None
        trial.epoch = event["epoch"]
        removed = tuple(name for name in event["dropped"] if name in trial.candidates)
        for name in removed:
            del trial.candidates[name]
        if event["candidate"]:
            trial.candidates[event["candidate"]] = self._keep(event)
        if not removed and not event["candidate"]:
            return None
        return Change(event["trial"], event["candidate"] or None, removed)

    def _end(self, name: str, status: TrialStatus) -> Change | None:
        trial = self._trials.get(name)
        if trial is None or trial.status != "running":
            return None
        trial.status = status
        if status not in _WITHOUT or not trial.candidates:
            return None
        removed = tuple(trial.candidates)
        trial.candidates = {}
        return Change(name, removed=removed)

    def starts(self) -> dict[str, TrialStart]:
        """The starts of all trials, by name."""
        return {name: trial.start for name, trial in self._trials.items()}

    def start(self, trial: str) -> TrialStart:
        return self._trials[trial].start

    def place(self, trial: str) -> int:
        """Where a trial stands among all by their starts, from 0."""
        return self._trials[trial].place

    def of(self, trial: str) -> dict[str, Kept]:
        """The candidates of one trial by name, oldest first."""
        return self._trials[trial].candidates if trial in self._trials else {}

    def __iter__(self) -> Iterator[Kept]:
        """All candidates: trial after trial by their starts, oldest first."""
        return (one for trial in self._trials.values() for one in trial.candidates.values())

    def names(self) -> set[tuple[str, str]]:
        """(trial, candidate) of all that stand."""
        return {(name, of) for name, trial in self._trials.items() for of in trial.candidates}


_WITHOUT = frozenset({"stopped", "failed"})  # a trial that ended so leaves no candidates
