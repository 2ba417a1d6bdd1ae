"""The Ray scheduler that every search uses: writes each report down, then asks the policy.

It also counts how often a trial lost its worker since its last report.
"""

from __future__ import annotations

import json
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.stopper import Stopper

from search.engine.progress import Limits
from search.errors import MachineFault
from search.journal.events import EndStatus
from search.journal.record import Record, TrialRecord
from search.schedulers.policy import Policy

DEATHS = 2  # of its worker that a trial is forgiven between one new report and the next


class Forgiving:
    """Lets a trial go on as long as it makes progress, however often its worker dies.

    Ray counts the deaths of a trial's worker over the whole trial, and fails the trial when there
    are more than `max_failures`. On machines that come and go a long trial would end so, although
    it gets on. Here each new report allows DEATHS further deaths, so only a trial that keeps dying
    at the same place fails. The loss of a whole machine is not counted, since every trial on it
    died with it. (Ray itself forgives only machines whose end the cluster was told of.)

    The scheduler calls it. As a callback of Ray's it would make Ray import MLflow into the driver.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._epochs: dict[str, int] = {}  # trial -> its epochs on record
        self._lost: dict[str, int] = {}  # trial -> machines lost when it last died
        self._lost_before = lost_machines()

    def reported(self, trial: Any) -> None:
        """Ray's `trial` has reported; perhaps an epoch that is on record already."""
        name = trial.config["trial"]
        epoch = self._record.trials[name].epoch
        if epoch > self._epochs.get(name, 0):  # not one that is repeated after a death
            self._epochs[name] = epoch
            trial.max_failures = trial.num_failures + DEATHS

    def died(self, trial: Any) -> None:
        """The worker of Ray's `trial` has died."""
        name, lost = trial.config["trial"], lost_machines()
        trial.max_failures += lost - self._lost.get(name, self._lost_before)
        self._lost[name] = lost


def lost_machines() -> int:
    """How many machines have left the cluster that this process is connected to."""
    return sum(not node["Alive"] for node in ray.nodes())


CONTINUE, STOP = str(TrialScheduler.CONTINUE), str(TrialScheduler.STOP)


class AtLimit(Stopper):
    """Ends a search when its limit is reached, in the middle of an epoch too: one may take hours.

    What a trial has reported counts; it is left unfinished, and `resume` goes on with it.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never of a trial alone: the scheduler sees to that."""
        return False

    def stop_all(self) -> bool:
        return self._limits.reached

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what its Tuner holds, but no search is ever resumed from that."""
        return {}

    def __deepcopy__(self, memo: dict[int, Any]) -> AtLimit:
        return self


class JournalingScheduler(FIFOScheduler):
    """Ray calls the scheduler first of all with a result, so the journal is written here.

    Its state is the record, which a resumed search rebuilds from the journal, and the policy,
    which is shown what is on record.
    """

    def __init__(
        self,
        record: Record,
        policy: Policy | None,
        limits: Limits | None = None,
        forgiving: Forgiving | None = None,
    ) -> None:
        super().__init__()
        self._record = record
        self._policy = policy
        self._limits = limits
        self._forgiving = forgiving
        for trial in record.trials.values():
            self._show(trial)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what its Tuner holds, but no search is ever resumed from that."""
        return {}

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        report = json.loads(result["report"])
        known = self._record.trials[report["trial"]]
        if "unfit" in report:  # a machine's fault: on record the trial stays unfinished
            raise MachineFault(report["unfit"])
        if "failure" in report:
            return self._end(known, "failed", report["failure"])
        if "waiting" in report:
            return self._going_on()
        self._record.report(report)
        if self._forgiving is not None:
            self._forgiving.reported(trial)
        self._show(known)
        if report["last"]:
            return self._end(known, "finished")
        verdict = None if self._policy is None else self._policy.decide(known)
        if verdict is not None:
            return self._end(known, verdict.status, verdict.reason)
        return self._going_on()

    def _going_on(self) -> str:
        """At a limit a trial is left unfinished, not ended: `resume` goes on with it."""
        return STOP if self._limits is not None and self._limits.reached else CONTINUE

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Its worker died. The trial may go on: MethodSearcher hears where it does not.

        Raises MachineFault where the worker could not even be set up, which no trial decides.
        """
        error = trial.get_pickled_error()
        if isinstance(error, RayActorError) and error.actor_init_failed:
            *_, why = str(error).strip().splitlines()
            raise MachineFault(f"a worker cannot be set up: {why}")
        if self._forgiving is not None:
            self._forgiving.died(trial)

    def _end(self, trial: TrialRecord, status: EndStatus, reason: str | None = None) -> str:
        self._record.end(trial.trial, status, reason)
        self._show(trial)
        return STOP

    def _show(self, trial: TrialRecord) -> None:
        if self._policy is not None:
            self._policy.saw(trial)
