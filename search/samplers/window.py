"""What samplers are shown: every pending trial and a bounded choice of those that ended.

Models and evolution slow down with every trial on record (a Gaussian process with the cube of
their number), while most of a thousand trials say little that the others do not.
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

# Shares of the choice; what they leave is spread evenly over all trials.
_BEST = 0.25  # feasible: the front, then what it leaves, layer by layer
_CLOSEST = 0.25  # infeasible, by violation
_NEWEST = 0.15


class Informative:
    """Ended trials by number; what is chosen does not depend on the order in which they ended."""

    def __init__(self, maximize: Sequence[bool]) -> None:
        self._maximize = list(maximize)
        self._numbers: list[int] = []
        self._values: dict[int, Sequence[float]] = {}  # of feasible trials
        self._feasible: list[int] = []
        self._front: list[int] = []
        self._infeasible: list[tuple[float, int]] = []  # violation, number; the closest first

    def add(self, number: int, values: Sequence[float], violation: float) -> None:
        """One ended trial; it is feasible where its violation is not positive."""
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
        """The best feasible trials: whole layers of non-domination, the last one thinned."""
        best: list[int] = []
        left, layer = self._feasible, self._front
        while layer and len(best) + len(layer) <= size:
            best += layer
            taken = set(layer)
            left = [number for number in left if number not in taken]
            layer = self._non_dominated(left)
        return best + self._apart(layer, size - len(best))

    def _non_dominated(self, numbers: list[int]) -> list[int]:
        if not numbers:
            return []
        kept = non_dominated(self._table(numbers), self._maximize)
        return [number for number, keep in zip(numbers, kept, strict=True) if keep]

    def _apart(self, numbers: list[int], size: int) -> list[int]:
        """The `size` members of a layer with most room around them: crowding distance of Deb et
        al., IEEE Transactions on Evolutionary Computation 2002, section III.B."""
        if len(numbers) <= size:
            return numbers
        room = _crowding_distance(self._table(numbers))
        order = np.lexsort((np.array(numbers), -room))
        return [numbers[place] for place in order[:size]]

    def _table(self, numbers: list[int]) -> NDArray[np.float64]:
        return np.array([self._values[number] for number in numbers], dtype=np.float64)


def _crowding_distance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) summed gaps between the neighbours of each row of `values` (n, d), in shares of each
    column's range; infinite at the ends of a column."""
    room = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        ranked = column[order]
        width = ranked[-1] - ranked[0]
        if width == 0:
            continue
        gaps = np.full(len(values), np.inf)
        gaps[1:-1] = (ranked[2:] - ranked[:-2]) / width
        room[order] += gaps
    return room


_WAITING = (TrialState.WAITING,)


class Window(InMemoryStorage):
    """Storage of one study that shows at most `size` ended trials (None: all), and failed ones
    never: samplers have nothing to learn from them.

    What is shown depends on which trials ended, not on the order in which they did.
    """

    def __init__(self, size: int | None) -> None:
        super().__init__()
        self._size = size
        self._informative: Informative | None = None
        self._ended: dict[int, FrozenTrial] = {}  # by number
        self._pending: set[int] = set()  # their ids
        self._shown: list[FrozenTrial] | None = None  # None: has to be chosen anew

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        self._informative = Informative([way == StudyDirection.MAXIMIZE for way in directions])
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
        found = [
            trial
            for trial in [*self._ended_shown(), *pending]
            if states is None or trial.state in states
        ]
        return copy.deepcopy(found) if deepcopy else found

    def _follow(self, trial_id: int) -> None:
        trial = self.get_trial(trial_id)
        if not trial.state.is_finished():
            self._pending.add(trial_id)
            return
        self._pending.discard(trial_id)
        if trial.state == TrialState.COMPLETE and self._informative is not None:
            self._ended[trial.number] = trial
            violation = sum(max(0.0, one) for one in trial.constraints.values())
            self._informative.add(trial.number, trial.values, violation)
            self._shown = None

    def _ended_shown(self) -> list[FrozenTrial]:
        if self._shown is None and self._informative is not None:
            size = len(self._ended) if self._size is None else self._size
            self._shown = [self._ended[number] for number in self._informative.choose(size)]
        return self._shown or []
