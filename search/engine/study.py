"""One Optuna study per method: asks for settings, learns from how their trials ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import Trial, TrialState, create_trial

from search.journal.record import TrialRecord
from search.samplers import Sampling
from search.samplers.window import Window
from spaces.space import Nested, Space, Value
from trainables.stage import derived_seed

Direction = Literal["maximize", "minimize"]

DIRECTIONS: dict[str, Direction] = {
    "performance": "maximize",
    "bias": "minimize",
    "sparsity": "maximize",
}
"""What can be optimised, in the order in which it is told."""

_WORST = {"performance": 0.0, "bias": 1.0}  # where it could not be estimated
_REDRAWS = 16  # of each setting, before a repeated proposal is accepted
_FEW = 4096  # settings that are gone through, where there are no more
_INESTIMABLE = 1.0  # the violation of a bias that could not be estimated


@dataclass(frozen=True)
class Target:
    """What the studies optimise, and the limit that bias must keep whatever is optimised."""

    limit: float  # bias must stay below: tolerance - margin
    sparsity: bool = True
    optimise: tuple[str, ...] = ()  # of DIRECTIONS; empty: all, sparsity only if asked for

    @property
    def objectives(self) -> tuple[str, ...]:
        if self.optimise:
            return tuple(name for name in DIRECTIONS if name in self.optimise)
        return tuple(name for name in DIRECTIONS if self.sparsity or name != "sparsity")

    @property
    def directions(self) -> list[Direction]:
        return [DIRECTIONS[name] for name in self.objectives]

    def values(self, report: Mapping[str, Any]) -> list[float]:
        """What is told of a trial that this report stands for."""
        told = {name: report[name] for name in self.objectives}
        return [_WORST[name] if one is None else one for name, one in told.items()]

    def violation(self, report: Mapping[str, Any], *, stopped: bool = False) -> float:
        """How far a trial is from being feasible; at most 0 for a feasible one.

        A stopped trial is never feasible, be it stopped for its performance, and neither is a
        network that is no better than a constant one: both are told as far off as a bias of twice
        the limit.
        """
        if report["bias"] is None:
            return _INESTIMABLE
        excess = float(report["bias"] - self.limit)
        if stopped or not report.get("beats_trivial", True):
            return max(excess, self.limit)
        return min(excess, 0.0) if report["feasible"] else max(excess, 1e-6)


class MethodStudy:
    """Optuna's ask and tell for one method.

    A trial is told as COMPLETE with the values of the report that stands for it and its violation
    of the tolerance. So is a stopped one, by its last report: its violation is always positive,
    which keeps the values of a half-trained network out of every front, and every sampler that
    learns moves away from where it lies (from PRUNED trials Gaussian processes and NSGA learn
    nothing). A failed trial is told as FAIL.

    Settings are not proposed twice: with the same seed they would give the same reports. Where a
    sampler repeats itself (a child like its parent, the best corner of the space again), as few
    settings as need be are drawn anew: one of the nearest that are left where there are few, so
    that a small space is gone through; else one setting after the other, at random.
    """

    def __init__(self, space: Space, sampling: Sampling, target: Target) -> None:
        self.space = space
        self._sampling = sampling
        self._target = target
        self._study = optuna.create_study(
            directions=target.directions, storage=Window(sampling.fed), sampler=_none()
        )
        self._proposed = 0
        self._asked: dict[str, Trial] = {}
        self._seen: set[tuple[tuple[str, Value], ...]] = set()

    def ask(self, trial: str) -> Nested:
        """New settings for `trial`, by role; the published ones first."""
        first = self.space.tried_first
        if self._proposed < len(first):
            self._study.enqueue_trial(dict(first[self._proposed]))
        self._study.sampler = self._sampling.sampler(self._proposed, self.space.ranges)
        asked = self._study.ask()
        settings = self.space.ask(asked)
        for attempt in range(self._redraws()):
            if tuple(asked.params.items()) not in self._seen:
                break
            asked = self._redrawn(asked, attempt)
            settings = self.space.ask(asked)
        self._take(trial, asked)
        return settings

    def adopt(self, trial: str, settings: Nested) -> None:
        """Takes `trial` as asked with these settings: how a journal is replayed."""
        self._study.enqueue_trial(dict(self.space.searched(settings)))
        self._study.sampler = _none()
        asked = self._study.ask()
        self.space.ask(asked)
        self._take(trial, asked)

    def tell(self, record: TrialRecord) -> None:
        """Reports how a trial ended; one that `ask` or `adopt` has not seen is refused."""
        asked = self._asked.pop(record.trial)
        report = telling_report(record)
        if report is None:
            self._study.tell(asked, state=TrialState.FAIL)
            return
        violation = self._target.violation(report, stopped=record.status == "stopped")
        asked.set_constraint("bias", violation)
        self._study.tell(asked, self._target.values(report))

    def remember(self, record: TrialRecord) -> None:
        """Learns from a trial of an earlier search, which is no proposal of this one."""
        report = telling_report(record)
        if report is None:
            return
        violation = self._target.violation(report, stopped=record.status == "stopped")
        self._study.add_trial(
            create_trial(
                params=self.space.searched(record.spec["settings"]),
                distributions=self.space.distributions(),
                values=self._target.values(report),
                constraints={"bias": violation},
            )
        )

    def _take(self, trial: str, asked: Trial) -> None:
        self._proposed += 1
        self._asked[trial] = asked
        self._seen.add(tuple(asked.params.items()))

    def _redraws(self) -> int:
        """How often a proposal that repeats an earlier one is drawn anew: once among what is left
        of a small space, if anything is."""
        if self.space.size <= _FEW:
            return int(len(self._seen) < self.space.size)
        return _REDRAWS * len(self.space.ranges)

    def _redrawn(self, repeated: Trial, attempt: int) -> Trial:
        """Another proposal near `repeated`, which is given up."""
        seed = derived_seed(self._sampling.seed, "redrawn", self._proposed, attempt) % 2**32
        if self.space.size <= _FEW:
            kept = self._nearest_left(repeated.params, seed)
        else:  # one of the settings is left open, to be drawn at random
            names = list(self.space.ranges)
            left_open = names[(self._proposed + attempt) % len(names)]
            kept = {name: value for name, value in repeated.params.items() if name != left_open}
        self._study.tell(repeated, state=TrialState.FAIL)
        self._study.enqueue_trial(kept)
        self._study.sampler = RandomSampler(seed=seed)
        return self._study.ask()

    def _nearest_left(self, params: Mapping[str, Value], seed: int) -> dict[str, Value]:
        """Of the settings not proposed so far one that differs from `params` in the fewest."""
        left = [one for one in self.space.every() if tuple(one.items()) not in self._seen]
        changes = [sum(params[name] != value for name, value in one.items()) for one in left]
        nearest = [one for one, n in zip(left, changes, strict=True) if n == min(changes)]
        return Random(seed).choice(nearest)


def _none() -> RandomSampler:
    """A sampler for what is not sampled."""
    return RandomSampler(seed=0)


def telling_report(record: TrialRecord) -> Mapping[str, Any] | None:
    """The report by which a study learns of an ended trial; None where there is none to learn
    from: it failed or never reported."""
    if record.status == "failed" or not record.reports:
        return None
    return record.reports[-1] if record.status == "stopped" else best_report(record)


def best_report(record: TrialRecord) -> Mapping[str, Any]:
    """The report that stands for a finished trial: its best feasible candidate by performance
    (the sparser one of equals), else its least biased candidate, else its last report."""
    candidates = record.candidates()
    feasible = [report for report in candidates if report["feasible"]]
    if feasible:
        return max(feasible, key=lambda report: (report["performance"], report["sparsity"]))
    if candidates:
        return min(candidates, key=lambda report: report["bias"])
    return record.reports[-1]
