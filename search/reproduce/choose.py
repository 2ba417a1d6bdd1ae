"""What a table takes from its searches, by their values on tune alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search.engine.study import best_report
from search.journal.events import ReportEvent
from search.journal.journal import read_events
from search.journal.no_ops import NoOps
from search.journal.record import Record, TrialRecord
from search.reproduce.results_json import ValuesOnTune
from search.reproduce.tables import TableRow
from search.runs.folder import RunFolder
from spaces.space import Nested
from trainables.corrections import CORRECTIONS
from trainables.evaluation.report import Diagnostics, Report


@dataclass(frozen=True)
class ChosenNetwork:
    """A network that stands for a row in one run; `candidate` is None where there is none: the
    trial failed, or nothing in it was better than a constant prediction."""

    row: str
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
    # Of a row that shows each round's network: which one's it is, from 1; None: that at the end.
    round: int | None = None
    diagnostics: Diagnostics | None = None  # of the masks that it has; None: unknown
    no_ops: tuple[str, ...] = ()  # what its trial was to do and did not
    at_end: ValuesOnTune | None = None  # of the last epoch of its trial's recovery; None: no such

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Larger is better: feasible first, by performance; else whatever is less biased."""
        if self.tune is None or self.tune["performance"] is None or self.tune["bias"] is None:
            return (False, False, 0.0)
        if self.tune["feasible"]:
            return (True, True, self.tune["performance"])
        return (True, False, -self.tune["bias"])


def chosen_networks(folder: RunFolder, rows: Sequence[TableRow]) -> list[ChosenNetwork]:
    """What stands for the rows in a run with a trial of each, in the order of their start.

    A row that wants the best network is represented as its trial is to a sampler: by its best
    feasible one in performance, else by its least biased one. Others have the last one, or that of
    each round and the last one. Trials of older tables do not say their rows: there each method
    had one.
    """
    by_name = {row.name: row for row in rows}
    by_method = {row.method: row for row in rows}
    chosen: list[ChosenNetwork] = []
    for ended in _trials(folder):
        trial = ended.trial
        row = by_method.get(trial.method) if trial.row is None else by_name.get(trial.row)
        if row is not None:
            chosen += _networks_of(row, ended)
    return chosen


def best_by_method(folder: RunFolder) -> dict[str, ChosenNetwork]:
    """The best network of each method of a search that tunes; methods without any are left out."""
    best: dict[str, ChosenNetwork] = {}
    for ended in _trials(folder):
        method = ended.trial.method
        network = _best(method, ended)
        if network.tune is not None and (method not in best or network.rank > best[method].rank):
            best[method] = network
    return best


@dataclass
class _Ended:
    """A trial, and what the journal says of it that the record does not keep."""

    trial: TrialRecord
    learns_from: str
    seconds: float = 0.0
    diagnostics: list[tuple[int, Diagnostics]] | None = None  # (epoch that gave them, they)
    no_ops: tuple[str, ...] = ()
    at_end: ValuesOnTune | None = None

    def masks_at(self, epoch: int) -> Diagnostics | None:
        """What was last said of the masks by that epoch."""
        told = [given for since, given in self.diagnostics or () if since <= epoch]
        return told[-1] if told else None


def _trials(folder: RunFolder) -> list[_Ended]:
    """All trials of a run, in the order of their start."""
    record, no_ops = Record(), NoOps()
    ended: dict[str, _Ended] = {}
    for event in read_events(folder.journal):
        record.replay([event])
        no_ops.take(event)
        if event["event"] == "trial_start" and event["trial"] not in ended:
            of_record = record.trials[event["trial"]]
            ended[event["trial"]] = _Ended(of_record, event["learns_from"])
        elif event["event"] == "report":
            _hear(ended[event["trial"]], event)
    for name, trial in ended.items():
        trial.no_ops = tuple(no_ops.of(name))
    return list(ended.values())


def _hear(trial: _Ended, report: ReportEvent) -> None:
    trial.seconds += report["seconds"]
    if report["last"] and report["role"] == "recovery" and report["stage_epochs"] > 1:
        trial.at_end = _values(report)
    if "diagnostics" in report:
        trial.diagnostics = [
            *(trial.diagnostics or ()),
            (report["epoch"], report["diagnostics"]),
        ]


def _networks_of(row: TableRow, ended: _Ended) -> Iterator[ChosenNetwork]:
    if row.network == "best":
        yield _best(row.name, ended)
        return
    reports = ended.trial.candidates() if ended.trial.status == "finished" else []
    last = next((report for report in reports if report["last"]), None)
    if row.network == "rounds":
        of_round: dict[int, Report] = {}
        for report in reports:
            if "round" in report:  # a later one of the same round belongs to the final retraining
                of_round.setdefault(report["round"], report)
        for number, report in sorted(of_round.items()):
            if report is not last:
                yield _network(row.name, ended, report, round=number)
    yield _network(row.name, ended, last)


def _best(row: str, ended: _Ended) -> ChosenNetwork:
    trial = ended.trial
    return _network(row, ended, best_report(trial) if trial.candidates() else None)


def _network(
    row: str, ended: _Ended, report: Report | None, *, round: int | None = None
) -> ChosenNetwork:
    trial = ended.trial
    failure = trial.reason if trial.status == "failed" else None
    if report is None and failure is None:
        failure = "nothing in it was better than a constant prediction"
    return ChosenNetwork(
        row=row,
        method=trial.method,
        settings=trial.spec["settings"],
        learns_from=ended.learns_from,
        needs_group=CORRECTIONS[trial.spec["correction"]["name"]].needs_group,
        candidate=None if report is None else report["candidate"],
        epoch=None if report is None else report["epoch"],
        sparsity=None if report is None else report["sparsity"],
        tune=None if report is None else _values(report),
        seconds=ended.seconds,
        failure=failure,
        round=round,
        diagnostics=None if report is None else ended.masks_at(report["epoch"]),
        no_ops=ended.no_ops,
        at_end=ended.at_end,
    )


def _values(report: Report) -> ValuesOnTune:
    return {
        "performance": report["performance"],
        "bias": report["bias"],
        "feasible": report["feasible"],
    }
