"""What samplers are shown: every pending trial and a bounded choice of those that ended.

Models and evolution slow down with every trial on record (a Gaussian process with the cube of
their number), while most of a thousand trials say little that the others do not.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Sequence

from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.samplers.informative import Informative

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
