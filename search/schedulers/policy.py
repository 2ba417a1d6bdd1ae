"""The contract of a policy, which decides after each report whether a trial goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from search.journal.events import EndStatus
from search.journal.record import TrialRecord


@dataclass(frozen=True)
class Stopping:
    """What the experiment asks of a policy: all that it is told before the first report."""

    limit: float  # a bias strictly below it is feasible: tolerance - margin
    tolerance: float
    sparsity: bool  # whether sparsity is an objective
    error_rate: float = 0.05  # share of the trials that would become feasible which may be stopped
    seed: int = 0
    # Where hypervolumes begin: performance, bias, sparsity.
    reference: tuple[float, float, float] = (0.0, 1.0, 0.0)
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
    """Why a trial ends early, and whether its candidates stay."""

    reason: str
    keeps: bool = False  # True: the trial counts as finished early, not as stopped

    @property
    def status(self) -> EndStatus:
        return "finished" if self.keeps else "stopped"


class Policy(Protocol):
    """Decides after each report. It knows nothing of Ray, so a replay can ask the same object.

    Its state follows from what it saw and from nothing else, so a resumed search rebuilds it by
    showing it the trials on record, one call of `saw` for each.

    Reports of a stage that prunes in rounds have a `round`, from 1, and its sparsity rises with
    it. A policy compares reports within a round, or with those of trials that have removed about
    as much: bias that rises with sparsity is no stagnation. A trial that was feasible in an
    earlier round has a candidate to keep, so its later rounds do not count against it.
    """

    def saw(self, trial: TrialRecord) -> None:
        """Takes over what is new in `trial`: all reports since the last call, and its end.

        It is called after each report and after a trial's end. It may be called again when nothing
        is new, and for trials that another search has run.
        """
        ...

    def decide(self, trial: TrialRecord) -> Verdict | None:
        """How `trial` should end after its last report, already seen; None: it goes on."""
        ...


def none(stopping: Stopping) -> None:
    """Every trial runs to its end."""
