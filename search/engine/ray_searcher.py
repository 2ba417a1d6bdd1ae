"""Our bridge from Ray Tune to the trials of a search: what Ray asks for the next trial."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ray.tune.search import Searcher

from search.engine.progress import Limits
from search.engine.shares import Even, Share
from search.engine.study import MethodStudy
from search.errors import MachineFault
from search.journal.record import Record, TrialRecord
from search.journal.start import start_of
from search.problem.shared_pruners import shared_of
from spaces.space import Nested
from trainables.methods import correction_of

SILENT = 3  # trials in a row whose workers die before a report: the machine is to blame


@dataclass(frozen=True)
class NewTrial:
    """What a trial that is about to start is: the rest of its spec is the same for all."""

    method: str
    settings: Nested
    more: Mapping[str, Any] = field(default_factory=dict)  # of its spec: `shared`, `keep`
    row: str | None = None  # its name in the config's list, where it has one


class TrialSearcher(Searcher):
    """Gives Ray the trials of a search, each written into the journal as it starts.

    Trials that a resumed search has left unfinished are given again before anything new.
    """

    def __init__(
        self,
        record: Record,
        *,
        seed: int,
        correction: Mapping[str, Any],
        limits: Limits | None = None,
    ) -> None:
        """`seed` and `correction` are those of every trial whose method has no correction of its
        own; once `limits` are reached nothing new is given."""
        super().__init__()
        self._record = record
        self._seed, self._correction = seed, dict(correction)
        self._limits = limits
        self._names: dict[str, str] = {}  # Ray's trial id -> ours
        self._dead: list[TrialRecord] = []  # since the last report, see `_bury`
        self._again = [t.trial for t in record.trials.values() if t.status == "running"]

    @abstractmethod
    def _next(self, name: str) -> NewTrial | None:
        """The next new trial, which is to be called `name`; None where there are no more."""

    @abstractmethod
    def _new_left(self) -> int:
        """How many new trials are still to come."""

    @abstractmethod
    def _learn(self, trial: TrialRecord) -> None:
        """Takes in how a trial has ended."""

    @property
    def left(self) -> int:
        """How many trials are still to be given."""
        return len(self._again) + self._new_left()

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        if self._limits is not None and self._limits.reached:
            return str(Searcher.FINISHED)
        if self._again:
            name = self._again.pop(0)
            self._names[trial_id] = name
            return self._record.trials[name].spec
        name = self._record.next_name()
        new = self._next(name)
        if new is None:
            return str(Searcher.FINISHED)
        self._names[trial_id] = name
        spec = {
            **{"trial": name, "method": new.method, "settings": new.settings, "seed": self._seed},
            "correction": correction_of(new.method, self._correction),
            **new.more,
        }
        self._record.add(start_of(spec, new.row))
        return spec

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Others get on, so the machine is not to blame for those that died."""
        self.end_dead()

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        trial = self._record.trials[self._names.pop(trial_id)]
        if error:  # only here: schedulers hear of every death of a worker, retried or not
            self._bury(trial)
        elif trial.status != "running":  # cut off by a limit: `resume` goes on with it
            self._learn(trial)

    def _bury(self, trial: TrialRecord) -> None:
        """Takes in that a trial's worker has died again and again.

        Raises MachineFault where that has happened to SILENT trials in a row before a report: on
        record they stay unfinished, and do not take the remaining ones with them.
        """
        self._dead.append(trial)
        if trial.reports:
            self.end_dead()
        elif len(self._dead) == SILENT:
            raise MachineFault(
                f"the workers of {SILENT} trials in a row died before they had reported anything, "
                f"as where memory or the folder for temporary files is full"
            )

    def end_dead(self) -> None:
        """Fails the trials whose workers have died repeatedly, as it was their own fault."""
        dead, self._dead = self._dead, []
        for trial in dead:
            self._record.end(trial.trial, "failed", "the worker process died repeatedly")
            self._learn(trial)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what its Tuner holds, but no search is ever resumed from that."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal is what a search is resumed from."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `save`."""


class MethodSearcher(TrialSearcher):
    """Proposes trials, a study per method; `share` says which method is next, evenly by default.

    A method with few different settings takes a trial for each, and the rest of its share goes to
    the others.
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
        share: Share | None = None,
    ) -> None:
        super().__init__(record, seed=seed, correction=correction, limits=limits)
        self._studies = studies
        self._trials = trials
        self._share = share or Even()
        for trial in record.remembered:
            self._studies[trial.method].remember(trial)
        for trial in record.trials.values():
            self._studies[trial.method].adopt(trial.trial, trial.spec["settings"])
            if trial.status != "running":
                self._learn(trial)

    def _new_left(self) -> int:
        quotas = sum(max(0, self._quota(method)) for method in self._studies)
        return min(quotas, max(0, self._trials - len(self._record.trials)))

    def _next(self, name: str) -> NewTrial | None:
        method = self._next_method()
        if method is None:
            return None
        study = self._studies[method]
        settings = study.ask(name)
        return NewTrial(method, settings, shared_of(study.space, settings))

    def _learn(self, trial: TrialRecord) -> None:
        self._studies[trial.method].tell(trial)
        self._share.take(trial)

    def _quota(self, method: str) -> int:
        """How many more trials the method may get: never more than it has different settings."""
        most = min(self._trials, self._studies[method].space.size)
        return int(most) - self._record.started(method)

    def _next_method(self) -> str | None:
        if len(self._record.trials) >= self._trials:
            return None
        open_to = [method for method in self._studies if self._quota(method) > 0]
        started = {method: self._record.started(method) for method in self._studies}
        return self._share.next(started, open_to)
