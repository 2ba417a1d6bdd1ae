"""One Optuna study per method: asks for settings, learns from how their trials ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState

from search.record import TrialRecord
from spaces.space import Nested, Space

Direction = Literal["maximize", "minimize"]

# How many proposals a sampler draws at random before it starts to learn: a share of the budget,
# so that small searches learn too.
_STARTUP_SHARE = 0.25


def _startup(budget: int) -> int:
    return max(4, round(_STARTUP_SHARE * budget))


def random(seed: int, budget: int) -> BaseSampler:
    """Independent uniform draws (Bergstra and Bengio, JMLR 2012)."""
    return RandomSampler(seed=seed)


def tpe(seed: int, budget: int) -> BaseSampler:
    """Tree-structured Parzen estimator with constraints (Watanabe and Hutter, IJCAI 2023), its
    multi-objective form after Ozaki et al., GECCO 2020."""
    return TPESampler(seed=seed, n_startup_trials=_startup(budget), multivariate=False)


SAMPLERS: dict[str, Callable[[int, int], BaseSampler]] = {"random": random, "tpe": tpe}
"""Sampler name -> (seed, trials per method) -> Optuna sampler."""


@dataclass(frozen=True)
class Target:
    """What the studies optimise: performance up, bias down and, if asked for, sparsity up."""

    limit: float  # bias must stay below: tolerance - margin
    sparsity: bool

    @property
    def directions(self) -> list[Direction]:
        common: list[Direction] = ["maximize", "minimize"]
        return [*common, "maximize"] if self.sparsity else common

    def values(self, report: Mapping[str, Any]) -> list[float]:
        values = [report["performance"], report["bias"]]
        return [*values, report["sparsity"]] if self.sparsity else values


class MethodStudy:
    """Optuna's ask and tell for one method.

    A finished trial is told as COMPLETE with the values of its best candidate and the constraint
    `bias - limit <= 0`. A stopped one is told as PRUNED with its last bias as violated constraint:
    its values are those of a half-trained network, but the region it lies in must become less
    likely. A failed one is told as FAIL.

    `sampler` makes the sampler of the n-th proposal, n from 0: a proposal depends on n and on what
    was told, not on a running stream, so a replayed study neither repeats nor forgets draws.
    """

    def __init__(
        self, space: Space, sampler: Callable[[int], BaseSampler], target: Target
    ) -> None:
        self.space = space
        self._sampler = sampler
        self._target = target
        self._study = optuna.create_study(directions=target.directions, sampler=sampler(0))
        self._proposed = 0
        self._asked: dict[str, Trial] = {}

    def ask(self, trial: str) -> Nested:
        """New settings for `trial`, by role; the published ones first."""
        if not self._proposed and self.space.published:
            self._study.enqueue_trial(dict(self.space.published))
        return self._ask(trial)

    def adopt(self, trial: str, settings: Nested) -> None:
        """Takes `trial` as asked with these settings: how a journal is replayed."""
        dotted = {f"{role}.{key}": v for role, part in settings.items() for key, v in part.items()}
        self._study.enqueue_trial({name: dotted[name] for name in self.space.ranges})
        self._ask(trial)

    def _ask(self, trial: str) -> Nested:
        self._study.sampler = self._sampler(self._proposed)
        self._proposed += 1
        asked = self._study.ask()
        self._asked[trial] = asked
        return self.space.ask(asked)

    def tell(self, record: TrialRecord) -> None:
        """Reports how a trial ended; one that `ask` or `adopt` has not seen is refused."""
        asked = self._asked.pop(record.trial)
        if record.status == "failed" or not record.reports:
            self._study.tell(asked, state=TrialState.FAIL)
            return
        last = record.reports[-1]
        if record.status == "stopped":
            self._constrain(asked, last["bias"])
            self._study.tell(asked, state=TrialState.PRUNED)
            return
        best = best_report(record)
        if best["bias"] is None:
            self._study.tell(asked, state=TrialState.FAIL)
            return
        self._constrain(asked, best["bias"])
        self._study.tell(asked, self._target.values(best))

    def _constrain(self, asked: Trial, bias: float | None) -> None:
        violation = 1.0 if bias is None else bias - self._target.limit
        asked.set_constraint("bias", violation)


def best_report(record: TrialRecord) -> dict[str, Any]:
    """The report that stands for a finished trial: its best feasible candidate by performance
    (the sparser one of equals), else its least biased candidate, else its last report."""
    candidates = record.candidates()
    feasible = [report for report in candidates if report["feasible"]]
    if feasible:
        return max(feasible, key=lambda report: (report["performance"], report["sparsity"]))
    if candidates:
        return min(candidates, key=lambda report: report["bias"])
    return record.reports[-1]
