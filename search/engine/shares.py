"""Which method gets the next trial of a search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from analysis.hypervolume import GrowingHypervolume
from search.front.selection import IDEAL
from search.journal.candidates import is_feasible
from search.journal.record import TrialRecord
from search.problem.problem import Problem

FIRST = 2  # trials of each method before any gets more than another
FLOOR = 0.5  # of an even share, which a method gets whatever it has shown


class Share(ABC):
    """How a search's trials are shared out. It knows nothing but what is on record."""

    @abstractmethod
    def next(self, started: Mapping[str, int], open_to: Sequence[str]) -> str | None:
        """The method of the next trial, of those `open_to` one; None where there are none.

        `started` is how many trials each method has had, in the order of the methods.
        """

    def take(self, trial: TrialRecord) -> None:  # noqa: B027  (most rules need not know)
        """Takes in how a trial has ended."""


class Even(Share):
    """The method with the fewest trials so far, in the order of the methods."""

    def next(self, started: Mapping[str, int], open_to: Sequence[str]) -> str | None:
        return min(open_to, key=lambda method: started[method], default=None)


class Adaptive(Share):
    """By what methods have shown.

    Each method gets FIRST trials in turn. Of what comes then, FLOOR is shared evenly, and the rest
    in proportion to the hypervolume that each method's own feasible networks cover: half of it by
    performance and bias, half by these and sparsity, where sparsity is an objective (there a
    network with all of its weights covers nothing). Where no method covers anything, all is even.
    The next trial is that of the method that lies furthest behind its part, of equals the first.

    Only ended trials count, and the order in which they end does not, so that a resumed search
    goes on as the same one would have.
    """

    def __init__(self, reference: Sequence[float], *, sparsity: bool) -> None:
        self._reference, self._axes = tuple(reference), (2, 3) if sparsity else (2,)
        self._covered: dict[str, dict[int, GrowingHypervolume]] = {}

    def take(self, trial: TrialRecord) -> None:
        covered = self._covered.setdefault(trial.method, self._nothing())
        for report in trial.candidates():
            if is_feasible(report):
                point = (report["performance"], report["bias"], report["sparsity"])
                for axes, volume in covered.items():
                    volume.add([float(value or 0.0) for value in point[:axes]])

    def next(self, started: Mapping[str, int], open_to: Sequence[str]) -> str | None:
        if fresh := [method for method in open_to if started[method] < FIRST]:
            return min(fresh, key=lambda method: started[method])
        if not open_to:
            return None
        parts = self.parts(open_to)
        later = {method: started[method] - FIRST for method in open_to}
        due = sum(later.values()) + 1
        return max(open_to, key=lambda method: parts[method] * due - later[method])

    def parts(self, methods: Collection[str]) -> dict[str, float]:
        """The part of the later trials that each of the methods should have; they sum to 1."""
        shown = {method: self._shown(method, methods) for method in methods}
        total = sum(shown.values())
        even = 1 / len(methods)
        return {
            method: even if not total else FLOOR * even + (1 - FLOOR) * one / total
            for method, one in shown.items()
        }

    def _shown(self, method: str, methods: Collection[str]) -> float:
        """Its part of what the methods cover, summed over the ways to measure it."""
        shown = 0.0
        for axes in self._axes:
            total = sum(self._volume(other, axes) for other in methods)
            shown += self._volume(method, axes) / total if total else 0.0
        return shown

    def _volume(self, method: str, axes: int) -> float:
        if method not in self._covered:
            return 0.0
        return round(self._covered[method][axes].value, 9)  # sums differ by their order

    def _nothing(self) -> dict[int, GrowingHypervolume]:
        return {
            axes: GrowingHypervolume(self._reference[:axes], IDEAL[:axes]) for axes in self._axes
        }


def share_of(problem: Problem) -> Share:
    """The rule of a search; that of runs of earlier versions is even."""
    config = problem.config
    if config.search.share != "adaptive" or config.objective.reference is None:
        return Even()
    return Adaptive(config.objective.reference, sparsity=config.objective.sparsity)
