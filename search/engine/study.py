"""One Optuna study per method: asks for settings, learns from how their trials ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import Trial, TrialState, create_trial

from search.journal.candidates import is_feasible
from search.journal.record import TrialRecord
from search.samplers.sampling import Sampling
from search.samplers.window import Window
from spaces.space import Nested, Space, Value
from trainables.evaluation.report import Report
from trainables.stage import derived_seed

Direction = Literal["maximize", "minimize"]

DIRECTIONS: dict[str, Direction] = {
    "performance": "maximize",
    "bias": "minimize",
    "sparsity": "maximize",
}
"""What can be optimised, in the order of a trial's values."""

_WORST_PERFORMANCE, _WORST_BIAS = 0.0, 1.0  # stand for what could not be estimated
_INESTIMABLE = 1.0  # the violation of a bias that could not be estimated
_REDRAWS = 16  # of each setting, before a repeated proposal is accepted
_FEW = 4096  # a space of so many settings at most counts as small: it is gone through one by one


@dataclass(frozen=True)
class Target:
    """What the studies optimise, and the limit that bias must keep whatever is optimised."""

    limit: float  # bias must stay below: tolerance - margin
    sparsity: bool = True  # whether it is an objective
    optimise: tuple[str, ...] = ()  # of DIRECTIONS; empty: all, sparsity if it is an objective

    @property
    def objectives(self) -> tuple[str, ...]:
        if self.optimise:
            return tuple(name for name in DIRECTIONS if name in self.optimise)
        return tuple(name for name in DIRECTIONS if self.sparsity or name != "sparsity")

    @property
    def directions(self) -> list[Direction]:
        return [DIRECTIONS[name] for name in self.objectives]

    def values(self, report: Report) -> list[float]:
        """The values of the trial that this report stands for, by `objectives`."""
        performance, bias = report["performance"], report["bias"]
        values = {
            "performance": _WORST_PERFORMANCE if performance is None else performance,
            "bias": _WORST_BIAS if bias is None else bias,
            "sparsity": report["sparsity"],
        }
        return [values[name] for name in self.objectives]

    def violation(self, report: Report, *, stopped: bool = False) -> float:
        """How far a trial is from being feasible; at most 0 for a feasible one.

        A stopped trial is never feasible, even if it was stopped for its performance, and neither
        is a network that is no better than a constant one. Both count as at least as far off as a
        bias of twice the limit.
        """
        if report["bias"] is None:
            return _INESTIMABLE
        excess = float(report["bias"] - self.limit)
        if stopped or not report["beats_trivial"]:
            return max(excess, self.limit)
        return min(excess, 0.0) if report["feasible"] else max(excess, 1e-6)


class MethodStudy:
    """Optuna's ask and tell for one method.

    A trial is told to Optuna as COMPLETE, with the values of the report that stands for it and its
    violation of the tolerance. So is a stopped trial, by its last report. Its violation is always
    positive: that keeps the values of a half-trained network out of every front, and samplers
    learn to avoid where it lies (from PRUNED trials Gaussian processes and NSGA learn nothing). A
    failed trial is told as FAIL.

    Nothing is proposed twice, since with the same seed it would give the same reports. Where a
    sampler repeats itself (a child equals its parent, or the best corner of the space comes again)
    the proposal is changed in as few settings as possible. In a small space it becomes one of the
    nearest that are left, so that the whole space is gone through. Elsewhere one setting after the
    other is drawn at random.
    """

    def __init__(self, space: Space, sampling: Sampling, target: Target) -> None:
        self.space = space
        self._sampling = sampling
        self._target = target
        self._study = optuna.create_study(
            directions=target.directions,
            storage=Window(sampling.window),
            sampler=_unused_sampler(),
        )
        self._proposed = 0  # proposals so far
        self._pending: dict[str, Trial] = {}  # by our name of the trial
        self._seen: set[tuple[tuple[str, Value], ...]] = set()  # settings proposed so far

    def ask(self, trial: str) -> Nested:
        """New settings for `trial`, by role; the published ones first."""
        first = self.space.tried_first
        if self._proposed < len(first):
            self._study.enqueue_trial(dict(first[self._proposed]))
        self._study.sampler = self._sampling.sampler(self._proposed, self.space.ranges)
        proposal = self._study.ask()
        settings = self.space.ask(proposal)
        for attempt in range(self._redraws()):
            if tuple(proposal.params.items()) not in self._seen:
                break
            proposal = self._redrawn(proposal, attempt)
            settings = self.space.ask(proposal)
        self._await(trial, proposal)
        return settings

    def adopt(self, trial: str, settings: Nested) -> None:
        """Takes `trial` as if it had been proposed with these settings, to replay a journal."""
        self._study.enqueue_trial(dict(self.space.searched(settings)))
        self._study.sampler = _unused_sampler()
        proposal = self._study.ask()
        self.space.ask(proposal)
        self._await(trial, proposal)

    def tell(self, record: TrialRecord) -> None:
        """Learns how a trial ended. Raises KeyError for one that was neither asked nor adopted."""
        proposal = self._pending.pop(record.trial)
        report = telling_report(record)
        if report is None:
            self._study.tell(proposal, state=TrialState.FAIL)
            return
        violation = self._target.violation(report, stopped=record.status == "stopped")
        proposal.set_constraint("bias", violation)
        self._study.tell(proposal, self._target.values(report))

    def remember(self, record: TrialRecord) -> None:
        """Learns from a trial of an earlier search, which this one has not proposed."""
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

    def _await(self, trial: str, proposal: Trial) -> None:
        self._proposed += 1
        self._pending[trial] = proposal
        self._seen.add(tuple(proposal.params.items()))

    def _redraws(self) -> int:
        """How often a proposal that repeats an earlier one may be drawn anew.

        In a small space once is enough, as long as anything is left.
        """
        if self.space.size <= _FEW:
            return int(len(self._seen) < self.space.size)
        return _REDRAWS * len(self.space.ranges)

    def _redrawn(self, repeated: Trial, attempt: int) -> Trial:
        """Another proposal near `repeated`, which is given up."""
        seed = derived_seed(self._sampling.seed, "redrawn", self._proposed, attempt) % 2**32
        if self.space.size <= _FEW:
            fixed = self._nearest_left(repeated.params, seed)
        else:  # one of the settings is left open, to be drawn at random
            names = list(self.space.ranges)
            left_open = names[(self._proposed + attempt) % len(names)]
            fixed = {name: value for name, value in repeated.params.items() if name != left_open}
        self._study.tell(repeated, state=TrialState.FAIL)
        self._study.enqueue_trial(fixed)
        self._study.sampler = RandomSampler(seed=seed)
        return self._study.ask()

    def _nearest_left(self, params: Mapping[str, Value], seed: int) -> dict[str, Value]:
        """One of the points not proposed so far that differ from `params` in fewest settings."""
        left = [point for point in self.space.every() if tuple(point.items()) not in self._seen]
        changes = [sum(params[name] != value for name, value in point.items()) for point in left]
        nearest = [point for point, n in zip(left, changes, strict=True) if n == min(changes)]
        return Random(seed).choice(nearest)


def _unused_sampler() -> RandomSampler:
    """A sampler for a study in which all settings are given."""
    return RandomSampler(seed=0)


def telling_report(record: TrialRecord) -> Report | None:
    """The report by which a study learns of an ended trial.

    None where there is nothing to learn from: the trial failed or never reported.
    """
    if record.status == "failed" or not record.reports:
        return None
    return record.reports[-1] if record.status == "stopped" else best_report(record)


def best_report(record: TrialRecord) -> Report:
    """The report that stands for a finished trial.

    It is the best feasible candidate by performance (of equals the sparser one, then the less
    biased one), else the least biased candidate, else the last report.
    """
    candidates = record.candidates()
    feasible = [report for report in candidates if is_feasible(report)]
    if feasible:
        return max(feasible, key=_performance_sparsity_fairness)
    if candidates:
        return min(candidates, key=_bias)
    return record.reports[-1]


def _performance_sparsity_fairness(report: Report) -> tuple[float, float, float]:
    performance = report["performance"]
    worst_or_own = _WORST_PERFORMANCE if performance is None else performance
    return worst_or_own, report["sparsity"], -_bias(report)


def _bias(report: Report) -> float:
    return _WORST_BIAS if report["bias"] is None else report["bias"]
