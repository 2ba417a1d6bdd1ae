"""Who decides whether a trial goes on: the contract, and what every policy is told at first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from search.journal.record import Status, TrialRecord


@dataclass(frozen=True)
class Stopping:
    """What the experiment asks of a policy; `limit` and `reference` are of the objective."""

    limit: float  # a bias strictly below it is feasible: tolerance - margin
    tolerance: float
    sparsity: bool  # whether it is an objective
    error_rate: float = 0.05  # share of trials that would become feasible, yet may be stopped
    seed: int = 0
    reference: tuple[float, float, float] = (0.0, 1.0, 0.0)  # performance, bias, sparsity
    not_to_be_chosen: frozenset[str] = frozenset()  # methods whose networks need the group

    def __post_init__(self) -> None:
        if not 0 < self.limit <= self.tolerance < 1:
            raise ValueError(
                f"stopping: must keep 0 < limit <= tolerance < 1, got limit {self.limit} "
                f"and tolerance {self.tolerance}"
            )
        if not 0 < self.error_rate < 1:
            raise ValueError(f"stopping: error_rate must lie in (0, 1), got {self.error_rate}")


@dataclass(frozen=True)
class Verdict:
    """Why a trial ends before its time, and what becomes of the candidates that it has left."""

    reason: str
    keeps: bool = False  # they stay: the trial has finished early, it was not stopped

    @property
    def status(self) -> Status:
        return "finished" if self.keeps else "stopped"


class Policy(Protocol):
    """Decides after each report. Knows nothing of Ray: a search and a replay ask the same object.

    Its state is built from what it saw and from nothing else. So a resumed search rebuilds it by
    showing it the trials on record, one call for each.
    """

    def saw(self, trial: TrialRecord) -> None:
        """Takes over what is new in `trial`: all reports since the last call, and its end.

        Called after each report and when a trial ended. May be called again without anything
        new, and with a trial that another search has run.
        """
        ...

    def decide(self, trial: TrialRecord) -> Verdict | None:
        """How `trial` should end after its last report, which was seen; None: it goes on."""
        ...
