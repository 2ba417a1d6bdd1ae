"""The beginning of a search: its folder is there, its dense net is not yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from search.config.config import Config
from search.errors import MachineFault, UserError
from search.journal.events import DenseFacts
from search.journal.journal import WriteLock, has_begun
from search.problem.course import Halted
from search.problem.dense_net import TrainedNets, Trainer, dense_report
from search.problem.problem import Problem
from search.problem.start_network import GIVEN
from search.runs.beginning import Beginning, empty
from search.runs.trust import reached, remember
from trainables.trial.workbench import Workbench

HALF = "half of the time limit or budget, which is what it should take,"


class TooShort(UserError):
    """A limit left the dense net too little time to be of use; `resume` goes on training it."""


@dataclass(frozen=True)
class Began:
    """A folder that is locked until the journal takes the lock over."""

    beginning: Beginning
    lock: WriteLock

    @property
    def facts(self) -> dict[str, Any]:
        """Of the `experiment` event."""
        return asdict(self.beginning)

    def unlock(self) -> None:
        self.lock.release()


@contextmanager
def beginning_in(
    path: Path, earlier: Beginning | None, problem: Problem, *, in_memory: bool
) -> Iterator[Began]:
    """Makes the run's folder, and locks it. Within the block its search begins; `earlier` is what
    another session wrote there. Where the input turns out not to fit, what was written is removed
    again; where the search is cut off it stays, for `resume`.
    """
    beginning = earlier or Beginning.new(
        in_memory=in_memory, model_in_memory=problem.model is not None
    )
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    beginning.write(path, problem.config)
    remember(beginning.run, reached(problem.config))
    lock = WriteLock(path)
    try:
        yield Began(beginning, lock)
    except UserError as error:
        lock.release()
        if not isinstance(error, MachineFault | TooShort) and not has_begun(path):
            empty(path)
            with suppress(OSError):  # somebody else has begun to use it
                for folder in made:
                    folder.rmdir()
        raise
    finally:
        lock.release()


def how_it_comes(problem: Problem, start: nn.Module) -> str:
    """What the user is told of the dense net before it is there."""
    name = problem.config.dense.name
    if name == GIVEN:
        return "dense net: taken as it was given"
    if problem.dense_is_cached(start):
        return "dense net: taken from the cache, where an earlier search has put it"
    return f"dense net: is trained now ({name})"


def trained(path: Path, problem: Problem, start: nn.Module, train: Trainer | None) -> TrainedNets:
    """The dense net, trained as long as the limits allow.

    Raises TooShort where that is less than an epoch.
    """
    try:
        return problem.trained(start, train)
    except Halted as error:
        raise TooShort(
            f"dense net: the time limit or budget must leave it an epoch at least, and was "
            f"reached before; {_again(path, problem.config)} goes on with it"
        ) from error


def _again(path: Path, config: Config) -> str:
    """What goes on with the search; data from Python have to be handed over again."""
    if config.data.name is None and config.data.load is None:
        return f"`fairfront.resume({str(path)!r}, data=...)`"
    return f"`fairfront resume {path}`"


def report_of(path: Path, config: Config, bench: Workbench, nets: TrainedNets) -> DenseFacts:
    """The dense net's own counts, and how it was trained.

    Raises UserError where it is no better than a constant prediction; TooShort where a limit is
    to blame for that.
    """
    try:
        report = dense_report(bench)
    except UserError as error:
        if not nets.cut:
            raise
        raise TooShort(
            f"dense net: {HALF} was over after {_epochs(nets)}, and it is not clearly better than "
            f"a constant prediction; {_again(path, config)} goes on with it"
        ) from error
    if nets.how_far is not None:
        report["seconds"] = round(nets.how_far["seconds"], 3)
        if nets.cut:
            report["epochs"] = nets.how_far["epoch"]
    return report


def notes_on(nets: TrainedNets) -> list[str]:
    """What the user should know of the training."""
    if not nets.cut:
        return []
    return [
        f"dense net: {HALF} was over after {_epochs(nets)}; the search goes on with what that "
        f"has led to"
    ]


def _epochs(nets: TrainedNets) -> str:
    how_far = nets.how_far
    return "no epoch" if how_far is None else f"{how_far['epoch']} of {how_far['epochs']} epochs"
