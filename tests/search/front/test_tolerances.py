"""What a trial keeps is what any tolerance of the range would have shown of all it had."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.front.selection import select
from search.front.view import View
from trainables.evaluation.objective import Objective
from trainables.trial.archive import Entry, Tolerances, admit

REFERENCE = (0.5, 1.0, 0.0)


@dataclass(frozen=True)
class Scale:
    """Made-up values on a grid. `own` tolerance and margin, the range, and all tolerances asked.

    The first grid lies on the borders of feasibility, in numbers without rounding. The second has
    the margins of real searches, whose borders are rounded, and no value on a border.
    """

    objective: Objective
    low: float
    high: float
    asked: tuple[float, ...]
    step: float
    bias_offset: float
    upper_offset: float


EXACT = Scale(
    Objective("accuracy", "accuracy_std", 1 / 16, 1 / 32),
    1 / 32,
    3 / 16,
    tuple(n / 128 for n in range(4, 25)),
    1 / 256,
    0.0,
    0.0,
)
ROUNDED = Scale(
    Objective("accuracy", "accuracy_std", 0.05, 0.02),
    0.025,
    0.15,
    tuple(n / 1000 for n in range(25, 151)),
    0.001,
    0.0003,
    0.0004,
)


def rows(scale):
    """Lists of (performance, bias, sparsity, upper bound of the bias)."""
    grid = st.integers(0, 200)
    few = st.integers(0, 6)
    return st.lists(
        st.tuples(few, grid, few, grid).map(
            lambda n: (
                0.6 + 0.05 * n[0],
                scale.step * n[1] + scale.bias_offset,
                0.1 * n[2],
                scale.step * (n[1] + n[3] // 4) + scale.bias_offset + scale.upper_offset,
            )
        ),
        max_size=25,
    )


def view(objective):
    """A run's view: only its objective is asked here."""
    return View(objective, True, np.zeros(1, np.int64), "g", ("a",), np.ones((1, 2)), None, True)


def feasible(row, objective):
    """As `evaluate` says."""
    return bool(row[1] < objective.safe_bias or row[3] < objective.tolerance)


def kept(candidates, scale, sparsity, low, high):
    """The rows that a trial keeps which leaves these candidates one after the other."""
    own = scale.objective
    tolerances = Tolerances.of(own, (low, high))
    archive = []
    for number, row in enumerate(candidates):
        new = Entry(str(number), *row[:3], feasible(row, own), row[3])
        stay = admit(archive, new, sparsity=sparsity, tolerances=tolerances)
        archive = archive if stay is None else [*stay, new]
    return [candidates[int(entry.candidate)] for entry in archive]


def shown(candidates, objective, sparsity):
    """The values on the front; of none that is feasible the least bias."""
    judged = [
        {
            **{"performance": row[0], "performance_se": 0.01, "bias": row[1], "sparsity": row[2]},
            **{"feasible": feasible(row, objective), "beats_trivial": True, "needs_group": False},
        }
        for row in candidates
    ]
    selection = select(judged, REFERENCE, sparsity=sparsity, group_allowed=True)
    if not any(row["feasible"] for row in judged):
        return [judged[i]["bias"] for i in selection.on_front[:1]]
    return sorted(candidates[i][: 2 + sparsity] for i in selection.on_front)


@pytest.mark.parametrize("sparsity", [True, False])
@pytest.mark.parametrize("scale", [EXACT, ROUNDED], ids=["exact", "rounded"])
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_every_tolerance_of_the_range_shows_of_the_kept_what_it_shows_of_all(
    scale, sparsity, data
):
    candidates = data.draw(rows(scale))
    stay = kept(candidates, scale, sparsity, scale.low, scale.high)

    for tolerance in scale.asked:
        objective = view(scale.objective).with_bias(None, tolerance).objective
        of_all = shown(candidates, objective, sparsity)
        assert shown(stay, objective, sparsity) == of_all, tolerance


@pytest.mark.parametrize("sparsity", [True, False])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_nothing_is_kept_that_no_tolerance_would_show(sparsity, data):
    candidates = data.draw(rows(EXACT))
    stay = kept(candidates, EXACT, sparsity, EXACT.low, EXACT.high)
    objectives = [view(EXACT.objective).with_bias(None, t).objective for t in EXACT.asked]

    # Between two tolerances that were asked a bound may lie: so the grid of bounds is asked too.
    bounds = [b for row in stay for b in (2 * row[1], row[3]) if EXACT.low <= b < EXACT.high]
    objectives += [
        view(EXACT.objective).with_bias(None, np.nextafter(b, 1)).objective for b in bounds
    ]
    for row in stay:
        others = [other for other in stay if other is not row]
        assert any(
            shown(stay, objective, sparsity) != shown(others, objective, sparsity)
            for objective in objectives
        )


def superfluous_by_the_searched_tolerance(a, b, objective, sparsity):
    """The rule of trials that keep for one tolerance, as it was before ranges."""
    a_feasible, b_feasible = feasible(a, objective), feasible(b, objective)
    if a_feasible != b_feasible:
        return a_feasible
    if not a_feasible:
        return a[1] <= b[1]
    return a[0] >= b[0] and a[1] <= b[1] and (not sparsity or a[2] >= b[2])


@pytest.mark.parametrize("sparsity", [True, False])
@pytest.mark.parametrize("scale", [EXACT, ROUNDED], ids=["exact", "rounded"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_range_of_the_searched_tolerance_alone_keeps_what_trials_have_always_kept(
    scale, sparsity, data
):
    candidates = data.draw(rows(scale))
    own = scale.objective
    archive = []
    for row in candidates:
        if not any(superfluous_by_the_searched_tolerance(a, row, own, sparsity) for a in archive):
            archive = [
                old
                for old in archive
                if not superfluous_by_the_searched_tolerance(row, old, own, sparsity)
            ]
            archive.append(row)

    assert kept(candidates, scale, sparsity, own.tolerance, own.tolerance) == archive
