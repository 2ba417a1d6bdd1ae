"""What a table takes from its searches, by their values on tune alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from search.engine.study import best_report
from search.journal.journal import read_events
from search.journal.record import Record, TrialRecord
from search.reproduce.results_json import ValuesOnTune
from search.runs.folder import RunFolder
from spaces.space import Nested
from trainables.corrections import CORRECTIONS
from trainables.evaluation.report import Report


@dataclass(frozen=True)
class ChosenNetwork:
    """The network that stands for a method in one run; `candidate` is None where there is none:
    the trial failed, or nothing in it was better than a constant prediction."""

    method: str
    settings: Nested
    learns_from: str
    needs_group: bool
    candidate: str | None
    epoch: int | None
    sparsity: float | None
    tune: ValuesOnTune | None
    seconds: float  # that its trial took
    failure: str | None

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Larger is better: feasible first, by performance; else whatever is less biased."""
        if self.tune is None:
            return (False, False, 0.0)
        if self.tune["feasible"]:
            return (True, True, self.tune["performance"])
        return (True, False, -self.tune["bias"])


def chosen_networks(folder: RunFolder) -> list[ChosenNetwork]:
    """One entry for each trial of a run, in the order of their start.

    A trial is represented as it is to a sampler: by its best feasible network in performance, else
    by its least biased one.
    """
    record = Record()
    learns_from: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for event in read_events(folder.journal):
        record.replay([event])
        if event["event"] == "trial_start":
            learns_from[event["trial"]] = event["learns_from"]
        elif event["event"] == "report":
            seconds[event["trial"]] = seconds.get(event["trial"], 0.0) + event["seconds"]
    return [
        _chosen(trial, learns_from[name], seconds.get(name, 0.0))
        for name, trial in record.trials.items()
    ]


def best_by_method(networks: Iterable[ChosenNetwork]) -> dict[str, ChosenNetwork]:
    """The best network of each method; methods without any are left out."""
    best: dict[str, ChosenNetwork] = {}
    for network in networks:
        method = network.method
        if network.tune is not None and (method not in best or network.rank > best[method].rank):
            best[method] = network
    return best


def _chosen(trial: TrialRecord, learns_from: str, seconds: float) -> ChosenNetwork:
    report = best_report(trial) if trial.candidates() else None
    failure = trial.reason if trial.status == "failed" else None
    if report is None and failure is None:
        failure = "nothing in it was better than a constant prediction"
    return ChosenNetwork(
        method=trial.method,
        settings=trial.spec["settings"],
        learns_from=learns_from,
        needs_group=CORRECTIONS[trial.spec["correction"]["name"]].needs_group,
        candidate=None if report is None else report["candidate"],
        epoch=None if report is None else report["epoch"],
        sparsity=None if report is None else report["sparsity"],
        tune=None if report is None else _values(report),
        seconds=seconds,
        failure=failure,
    )


def _values(report: Report) -> ValuesOnTune:
    performance, bias = report["performance"], report["bias"]
    if performance is None or bias is None:
        raise ValueError(f"reproduce: candidate {report['candidate']} has no performance or bias")
    return {"performance": performance, "bias": bias, "feasible": report["feasible"]}
