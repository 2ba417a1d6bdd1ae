"""What samplers are shown: every pending trial, and a bounded choice of those that have ended.

A sampler takes longer for every trial that it is shown (a Gaussian process with the cube of their
number), while most of a thousand trials say little that the others do not.
"""

from __future__ import annotations

import bisect
import copy
from collections.abc import Container, Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from analysis.pareto import non_dominated

# Shares of what is shown; the rest is spread evenly over the other trials.
_BEST = 0.25  # feasible trials: their front, then the front of the others, and so on
_CLOSEST = 0.25  # infeasible trials of smallest violation
_NEWEST = 0.15

_WAITING = (TrialState.WAITING,)


class Window(InMemoryStorage):
    """The storage of one study, which shows its sampler at most `size` ended trials (None: all).

    Failed trials are never shown, since samplers have nothing to learn from them. What is shown
    depends on which trials have ended, not on the order in which they did.
    """

    def __init__(self, size: int | None) -> None:
        super().__init__()
        self._size = size
        self._informative: InformativeTrials | None = None
        self._ended: dict[int, FrozenTrial] = {}  # by number
        self._pending: set[int] = set()  # their ids
        self._shown: list[FrozenTrial] | None = None  # of the ended; None: to be chosen anew

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        maximize = [direction == StudyDirection.MAXIMIZE for direction in directions]
        self._informative = InformativeTrials(maximize)
        return super().create_new_study(directions, study_name)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        trial_id = super().create_new_trial(study_id, template_trial)
        self._follow(trial_id)
        return trial_id

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        changed = super().set_trial_state_values(trial_id, state, values)
        self._follow(trial_id)
        return changed

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        if states == _WAITING:
            return super().get_all_trials(study_id, deepcopy, states)
        pending = [self.get_trial(trial_id) for trial_id in sorted(self._pending)]
        trials = [
            trial
            for trial in [*self._ended_shown(), *pending]
            if states is None or trial.state in states
        ]
        return copy.deepcopy(trials) if deepcopy else trials

    def _follow(self, trial_id: int) -> None:
        """Takes over a trial's new state."""
        trial = self.get_trial(trial_id)
        if not trial.state.is_finished():
            self._pending.add(trial_id)
            return
        self._pending.discard(trial_id)
        if trial.state == TrialState.COMPLETE and self._informative is not None:
            self._ended[trial.number] = trial
            violation = sum(max(0.0, excess) for excess in trial.constraints.values())
            self._informative.add(trial.number, trial.values, violation)
            self._shown = None

    def _ended_shown(self) -> list[FrozenTrial]:
        if self._shown is None and self._informative is not None:
            size = len(self._ended) if self._size is None else self._size
            self._shown = [self._ended[number] for number in self._informative.choose(size)]
        return self._shown or []


class InformativeTrials:
    """Chooses the ended trials that tell a sampler most.

    The choice depends on which trials were added, not on the order in which they were.
    """

    def __init__(self, maximize: Sequence[bool]) -> None:
        """`maximize` says for each value of a trial whether larger is better."""
        self._maximize = list(maximize)
        # Trials are known by their numbers, and each list is sorted.
        self._numbers: list[int] = []
        self._values: dict[int, Sequence[float]] = {}  # of feasible trials
        self._feasible: list[int] = []
        self._front: list[int] = []  # feasible, not dominated
        self._infeasible: list[tuple[float, int]] = []  # violation, number

    def add(self, number: int, values: Sequence[float], violation: float) -> None:
        """Adds an ended trial; it is feasible where its violation is not positive."""
        bisect.insort(self._numbers, number)
        if violation > 0:
            bisect.insort(self._infeasible, (violation, number))
            return
        self._values[number] = values
        bisect.insort(self._feasible, number)
        bisect.insort(self._front, number)
        self._front = self._non_dominated(self._front)

    def choose(self, size: int) -> list[int]:
        """At most `size` numbers, ascending."""
        if len(self._numbers) <= size:
            return list(self._numbers)
        chosen = set(self._best(round(_BEST * size)))
        chosen |= {number for _, number in self._infeasible[: round(_CLOSEST * size)]}
        chosen |= set(self._numbers[-round(_NEWEST * size) :])
        rest = [number for number in self._numbers if number not in chosen]
        places = np.linspace(0, len(rest) - 1, size - len(chosen)).round().astype(int)
        return sorted(chosen.union(rest[place] for place in places))

    def _best(self, size: int) -> list[int]:
        """The best feasible trials: their front, then the front of the others, and so on.

        The last front that does not fit as a whole is thinned out.
        """
        best: list[int] = []
        left, front = self._feasible, self._front
        while front and len(best) + len(front) <= size:
            best += front
            taken = set(front)
            left = [number for number in left if number not in taken]
            front = self._non_dominated(left)
        return best + self._apart(front, size - len(best))

    def _non_dominated(self, numbers: list[int]) -> list[int]:
        if not numbers:
            return []
        on_front = non_dominated(self._table(numbers), self._maximize)
        return [number for number, is_on in zip(numbers, on_front, strict=True) if is_on]

    def _apart(self, numbers: list[int], size: int) -> list[int]:
        """The `size` trials of a front that lie farthest apart.

        They have the largest crowding distances (Deb et al., IEEE Transactions on Evolutionary
        Computation 2002, section III.B).
        """
        if len(numbers) <= size:
            return numbers
        distance = _crowding_distance(self._table(numbers))
        order = np.lexsort((np.array(numbers), -distance))
        return [numbers[place] for place in order[:size]]

    def _table(self, numbers: list[int]) -> NDArray[np.float64]:
        return np.array([self._values[number] for number in numbers], dtype=np.float64)


def _crowding_distance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) the gap between the two neighbours of each row of `values` (n, d), summed over columns.

    A gap is a share of its column's range; it is infinite at the ends of a column.
    """
    distance = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        ranked = column[order]
        width = ranked[-1] - ranked[0]
        if width == 0:
            continue
        gaps = np.full(len(values), np.inf)
        gaps[1:-1] = (ranked[2:] - ranked[:-2]) / width
        distance[order] += gaps
    return distance
