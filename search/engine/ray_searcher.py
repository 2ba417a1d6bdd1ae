"""Our bridge from Ray Tune to Optuna: shares the trials among the methods, one study each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.search import Searcher

from search.engine.progress import Limits
from search.engine.study import MethodStudy
from search.journal.record import Record
from search.problem.shared_pruners import shared_of
from trainables.trial.spec import Spec, correction_of


class MethodSearcher(Searcher):
    """Proposes trial configs; the methods take turns, so that budgets are equal.

    A method with few different settings takes a trial for each, and the rest of its share goes to
    the others. Trials that a resumed search has left unfinished are proposed again before anything
    new.
    """

    def __init__(
        self,
        studies: Mapping[str, MethodStudy],
        record: Record,
        *,
        trials: int,
        seed: int,
        correction: Mapping[str, Any],
        limits: Limits | None = None,
    ) -> None:
        """`seed` and `correction` are those of every trial whose method has no correction of its
        own; once `limits` are reached nothing new is proposed."""
        super().__init__()
        self._studies = studies
        self._record = record
        self._trials = trials
        self._seed, self._correction = seed, dict(correction)
        self._limits = limits
        self._names: dict[str, str] = {}  # Ray's trial id -> ours
        self._again = [t.trial for t in record.trials.values() if t.status == "running"]
        for trial in record.remembered:
            self._studies[trial.method].remember(trial)
        for trial in record.trials.values():
            self._studies[trial.method].adopt(trial.trial, trial.spec["settings"])
            if trial.status != "running":
                self._studies[trial.method].tell(trial)

    @property
    def left(self) -> int:
        """How many trials are still to be proposed."""
        quotas = sum(max(0, self._quota(method)) for method in self._studies)
        new = min(quotas, max(0, self._trials - len(self._record.trials)))
        return len(self._again) + new

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        if self._limits is not None and self._limits.reached:
            return str(Searcher.FINISHED)
        if self._again:
            name = self._again.pop(0)
            self._names[trial_id] = name
            return self._record.trials[name].spec
        method = self._next_method()
        if method is None:
            return str(Searcher.FINISHED)
        name = self._record.next_name()
        self._names[trial_id] = name
        study = self._studies[method]
        settings = study.ask(name)
        spec = {
            **{"trial": name, "method": method, "settings": settings, "seed": self._seed},
            "correction": correction_of(method, self._correction),
            **shared_of(study.space, settings),
        }
        learns_from = Spec.from_config(spec).learns_from
        self._record.add(
            {
                "event": "trial_start",
                "trial": name,
                "method": method,
                "spec": spec,
                "learns_from": learns_from,
            }
        )
        return spec

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: studies learn from trials that ended."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        trial = self._record.trials[self._names.pop(trial_id)]
        if error:  # only here: schedulers hear of every death of a worker, retried or not
            self._record.end(trial.trial, "failed", "the worker process died repeatedly")
        if trial.status != "running":  # cut off by a limit: `resume` goes on with it
            self._studies[trial.method].tell(trial)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what its Tuner holds, but no search is ever resumed from that."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal is what a search is resumed from."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `save`."""

    def _quota(self, method: str) -> int:
        """How many more trials the method may get: never more than it has different settings."""
        most = min(self._trials, self._studies[method].space.size)
        return int(most) - self._record.started(method)

    def _next_method(self) -> str | None:
        """The method with the fewest trials so far, in the order in which they were listed."""
        if len(self._record.trials) >= self._trials:
            return None
        allowed = [method for method in self._studies if self._quota(method) > 0]
        return min(allowed, key=self._record.started, default=None)
