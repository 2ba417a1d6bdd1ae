"""How often a trial may lose its worker: without end while it gets on, hardly without."""

from __future__ import annotations

from typing import Any

import ray

from search.record import Record

DEATHS = 2  # of its worker that a trial is forgiven between one new report and the next


class Forgiving:
    """Moves each trial's `max_failures` on with its reports.

    Ray counts the deaths of a trial's worker over its whole length and fails it at a number, but
    on machines that come and go a long trial may lose its worker any number of times and still
    get on. What must end is a trial that kills its worker each time at the same place. The death
    of a whole machine is not held against a trial at all: others died with it. (Ray itself
    forgives only machines whose end the cluster was told of.)

    The scheduler tells it of reports and deaths: for any callback of ours, Ray would import
    MLflow into the driver, to count callbacks by their kinds.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._epochs: dict[str, int] = {}  # trial -> its epochs on record
        self._lost: dict[str, int] = {}  # trial -> the machines lost that it was forgiven
        self._lost_before = lost_machines()

    def reported(self, trial: Any) -> None:
        """Takes Ray's `trial` as having reported once more, perhaps nothing new."""
        name = trial.config["trial"]
        epoch = self._record.trials[name].epoch
        if epoch > self._epochs.get(name, 0):  # not one that is repeated after a death
            self._epochs[name] = epoch
            trial.max_failures = trial.num_failures + DEATHS

    def died(self, trial: Any) -> None:
        """Takes Ray's `trial` as having lost its worker."""
        name, lost = trial.config["trial"], lost_machines()
        trial.max_failures += lost - self._lost.get(name, self._lost_before)
        self._lost[name] = lost


def lost_machines() -> int:
    """How many machines have left the cluster that this process is connected to."""
    return sum(not node["Alive"] for node in ray.nodes())
