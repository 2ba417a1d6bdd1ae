"""The trials that an experiment file lists, given to Ray one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search.config.sections import TrialConfig
from search.engine.progress import Limits
from search.engine.ray_searcher import NewTrial, TrialSearcher
from search.journal.record import Record, TrialRecord
from search.problem.shared_pruners import shared_by_listed
from trainables.methods import correction_of


class ListedSearcher(TrialSearcher):
    """Gives each listed trial once, in the order of the list.

    A resumed search knows by their names which of them it has started, however they ended.
    """

    def __init__(
        self,
        listed: Sequence[TrialConfig],
        record: Record,
        *,
        share: bool,
        seed: int,
        correction: Mapping[str, Any],
        limits: Limits | None = None,
    ) -> None:
        """With `share`, trials whose pruner learns and has the same settings share its masks."""
        super().__init__(record, seed=seed, correction=correction, limits=limits)
        self._listed = listed
        self._shared = shared_by_listed(listed) if share else {}

    def _missing(self) -> list[TrialConfig]:
        started = {trial.row for trial in self._record.trials.values()}
        return [trial for trial in self._listed if trial.name not in started]

    def _new_left(self) -> int:
        return len(self._missing())

    def _next(self, name: str) -> NewTrial | None:
        missing = self._missing()
        if not missing:
            return None
        trial = missing[0]
        settings = {slot: dict(part) for slot, part in trial.settings.items()}
        more: dict[str, Any] = {}
        if trial.name in self._shared:
            more["shared"] = dict(self._shared[trial.name])
        if trial.keep != "pareto":
            more["keep"] = trial.keep
        if trial.correction:
            more["correction"] = correction_of(trial.method, self._correction, trial.correction)
        return NewTrial(trial.method, settings, more, row=trial.name)

    def _learn(self, trial: TrialRecord) -> None:
        """Nothing: the list is what it is."""
