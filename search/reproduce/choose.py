"""What a table takes from its searches, by their values on tune alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from search.engine.study import best_report
from search.journal.journal import read_events
from search.journal.record import Record, TrialRecord
from search.runs.folder import RunFolder
from spaces.space import Nested
from trainables.corrections import CORRECTIONS


@dataclass(frozen=True)
class Chosen:
    """The network that stands for a method in one run; `candidate` is None where there is none:
    the trial failed, or nothing in it was better than a constant prediction."""

    method: str
    settings: Nested
    learns_from: str
    needs_group: bool
    candidate: str | None
    epoch: int | None
    sparsity: float | None
    tune: Mapping[str, Any] | None  # performance, bias, feasible
    seconds: float
    failure: str | None

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Larger is better: feasible first, by performance; else whatever is less biased."""
        if self.tune is None:
            return (False, False, 0.0)
        if self.tune["feasible"]:
            return (True, True, self.tune["performance"])
        return (True, False, -self.tune["bias"])


def chosen_trials(folder: RunFolder) -> list[Chosen]:
    """One entry for each trial of a run, in the order of their start.

    A trial is represented as it is to a sampler: by its best feasible network in performance, else
    by its least biased one.
    """
    record = Record()
    starts: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for event in read_events(folder.journal):
        record.replay([event])
        if event["event"] == "trial_start":
            starts[event["trial"]] = event["learns_from"]
        elif event["event"] == "report":
            seconds[event["trial"]] = seconds.get(event["trial"], 0.0) + event["seconds"]
    return [
        _chosen(trial, starts[name], seconds.get(name, 0.0))
        for name, trial in record.trials.items()
    ]


def best_by_method(trials: Iterable[Chosen]) -> dict[str, Chosen]:
    """The best trial of each method; methods without any network are left out."""
    best: dict[str, Chosen] = {}
    for trial in trials:
        if trial.tune is not None and (
            trial.method not in best or trial.rank > best[trial.method].rank
        ):
            best[trial.method] = trial
    return best


def _chosen(trial: TrialRecord, learns_from: str, seconds: float) -> Chosen:
    report = best_report(trial) if trial.candidates() else None
    failure = trial.reason if trial.status == "failed" else None
    if report is None and failure is None:
        failure = "nothing in it was better than a constant prediction"
    return Chosen(
        method=trial.method,
        settings=trial.spec["settings"],
        learns_from=learns_from,
        needs_group=CORRECTIONS[trial.spec["correction"]["name"]].needs_group,
        candidate=None if report is None else report["candidate"],
        epoch=None if report is None else report["epoch"],
        sparsity=None if report is None else report["sparsity"],
        tune=None
        if report is None
        else {key: report[key] for key in ("performance", "bias", "feasible")},
        seconds=seconds,
        failure=failure,
    )
