"""What confirm claims of the networks that were named: the verdict of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.front_json import Claim, Verdict
from trainables.evaluation.claims import (
    Evidence,
    Weights,
    certified,
    evidence,
    smallest_level,
)
from trainables.evaluation.counts import Counts
from trainables.evaluation.objective import Objective


def claims_of(
    decided: Sequence[Counts | None],
    objective: Objective,
    *,
    level: float,
    weights: Weights,
    chosen: int | None,
    also: Sequence[str] = (),
) -> list[Claim]:
    """One claim for each of the networks that were named, from their decisions on test, by group.

    None in `decided`: there is no network, as where a seed left none; it counts among those that
    were named. `level` is the error rate of all claims together, shared out by `weights`. With
    `also`, other measures have to keep the same tolerance: a network's p-value is its largest.
    """
    smallest = smallest_level(level, len(decided))
    measures = (objective.bias, *also)
    found = [
        None if counts is None else [evidence(measure, counts, smallest) for measure in measures]
        for counts in decided
    ]
    p = [_largest_p(estimates, objective.tolerance) for estimates in found]
    passed = certified(p, level, weights, chosen)
    simultaneous = 1 - level / max(1, len(decided))
    return [
        {
            "verdict": _verdict(estimates, objective.tolerance, passed=bool(passed[place])),
            "p": p[place],
            "certified_at": _bound(estimates, simultaneous),
        }
        for place, estimates in enumerate(found)
    ]


def _largest_p(estimates: list[Evidence] | None, tolerance: float) -> float:
    return 1.0 if estimates is None else max(each.p_value(tolerance) for each in estimates)


def _verdict(estimates: list[Evidence] | None, tolerance: float, *, passed: bool) -> Verdict:
    if estimates is None or any(np.isnan(each.point) for each in estimates):
        return "not estimable"
    if passed:
        return "certified"
    below = all(each.point < tolerance for each in estimates)
    return "not certified" if below else "broke"


def _bound(estimates: list[Evidence] | None, level: float) -> float | None:
    """The largest of the one-sided upper bounds at `level`."""
    if estimates is None or any(np.isnan(each.point) for each in estimates):
        return None
    return max(each.upper(level) for each in estimates)
