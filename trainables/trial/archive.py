"""Which candidates of a trial are superfluous: those that no tolerance of a range could need.

A search has one tolerance. Afterwards a run is looked at with others (`report --tolerance`), and
only what a trial kept can be looked at. So a candidate stays as long as some tolerance of the
range would show it: on the front where it is feasible, or as the least biased of all where nothing
is feasible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainables.evaluation.objective import Objective

NEVER = math.inf
_HIGHEST = 0.999  # a tolerance lies below 1


@dataclass(frozen=True)
class Entry:
    """A candidate and the values by which candidates of a trial make each other superfluous."""

    candidate: str
    performance: float
    bias: float
    sparsity: float
    feasible: bool  # at the search's own tolerance
    bias_upper: float = NEVER  # one-sided bound; infinite: not estimable, or not kept in the past
    required: bool = False  # stays in the store whatever comes after it


@dataclass(frozen=True)
class Tolerances:
    """The tolerances that candidates are kept for, `low` to `high`, both included.

    `margin` is the search's own, at its tolerance `searched`; at another tolerance it has the same
    share, as in `report --tolerance`. Raises ValueError unless
    0 < low <= searched <= high < 1 and 0 <= margin < searched.
    """

    low: float
    searched: float
    high: float
    margin: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.searched <= self.high < 1:
            raise ValueError(
                f"tolerances: must keep 0 < low <= tolerance <= high < 1, got low {self.low}, "
                f"tolerance {self.searched} and high {self.high}"
            )
        if not 0 <= self.margin < self.searched:
            raise ValueError(
                f"tolerances: margin must lie in [0, {self.searched}), got {self.margin}"
            )

    @classmethod
    def of(cls, objective: Objective, given: tuple[float, float] | None = None) -> Tolerances:
        """The range `given`, else the default one, around an objective's own tolerance."""
        low, high = given or default_tolerances(objective.tolerance)
        return cls(low, objective.tolerance, high, objective.margin)

    def feasible_above(self, entry: Entry) -> float:
        """The tolerance above which the candidate is feasible.

        It is 0 where all of the range lies above it, and infinite where none does. At tolerance t
        a candidate is feasible where its bias lies below t less the margin, or its upper bound
        below t: so there is one tolerance at which that changes.
        """
        changes = min(entry.bias / (1 - self.margin / self.searched), entry.bias_upper)
        if entry.feasible:  # what the search itself said stands, whatever is rounded here
            changes = min(changes, math.nextafter(self.searched, 0))
        else:
            changes = max(changes, self.searched)
        if changes < self.low:
            return 0.0
        return NEVER if changes >= self.high else changes


def default_tolerances(tolerance: float) -> tuple[float, float]:
    """From half to three times a tolerance, below 1."""
    return tolerance / 2, max(tolerance, min(3 * tolerance, _HIGHEST))


def dominates(a: Entry, b: Entry, *, sparsity: bool, tolerances: Tolerances) -> bool:
    """Whether `a` makes `b` superfluous at every tolerance of the range.

    A `b` that is feasible at some tolerance is superfluous where `a` is at least as good in every
    objective and feasible wherever `b` is. A `b` that is feasible at none could only be shown as
    the least biased one, where nothing is feasible: it is superfluous where `a` is no more biased,
    or feasible at every tolerance.
    """
    needs_a, needs_b = tolerances.feasible_above(a), tolerances.feasible_above(b)
    if needs_b == NEVER:
        return needs_a == 0 or a.bias <= b.bias
    return (
        needs_a <= needs_b
        and a.performance >= b.performance
        and a.bias <= b.bias
        and (not sparsity or a.sparsity >= b.sparsity)
    )


def admit(
    archive: list[Entry], new: Entry, *, sparsity: bool, tolerances: Tolerances
) -> list[Entry] | None:
    """The entries of `archive` that stay beside `new`; None where `new` itself is superfluous."""

    def makes_superfluous(a: Entry, b: Entry) -> bool:
        return dominates(a, b, sparsity=sparsity, tolerances=tolerances)

    if any(makes_superfluous(old, new) for old in archive):
        return None
    return [old for old in archive if not makes_superfluous(new, old)]
