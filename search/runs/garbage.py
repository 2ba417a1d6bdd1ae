"""What of a run's folder nothing needs any more: weights off the front, spent checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from analysis.front_json import Front
from search.front.build import build_front
from search.front.notes import named_in
from search.front.view import view_of
from search.journal.journal import WriteLock, read_events
from search.journal.record import Record, TrialRecord
from search.runs.folder import DATA, TUNE, RunFolder
from search.runs.intact import check_files
from search.runs.state import is_complete
from search.runs.trust import refuse_links
from trainables.evaluation.objective import Objective
from trainables.trial.shared_stage import StageStore

Keep = Literal["front", "any-tolerance"]

_ANY = 0.999  # a tolerance that every candidate keeps


@dataclass(frozen=True)
class Garbage:
    """Files and folders that can be removed, by what they are."""

    candidates: tuple[Path, ...]
    judged: int  # how many of them finished trials left: their counts stay, their weights do not
    checkpoints: tuple[Path, ...]
    stages: tuple[Path, ...]  # results that trials shared
    leftovers: tuple[Path, ...]  # half-written files, Ray Tune's state

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of it."""
        return (*self.candidates, *self.checkpoints, *self.stages, *self.leftovers)


@contextmanager
def garbage(
    path: Path | str, *, keep: Keep = "front", keep_stopped: bool = False
) -> Iterator[Garbage]:
    """What can go from a run's folder; within the block no other process writes the run.

    These candidates stay:
    - those that a front file of the folder names: front.json, confirmed.json with its seeds, the
      fronts of `report --tolerance` and the like;
    - those on the front of the journal, the closest infeasible ones included;
    - those of trials that `resume` goes on with;
    - those that a listed trial is to keep whatever they are worth (see TrialConfig);
    - with `keep="any-tolerance"` also those that another tolerance would put on the front.

    The checkpoints of trials that `resume` goes on with stay too, and with `keep_stopped` those of
    stopped trials. Results that trials shared stay until the search is complete.
    Raises UserError where a search is writing the run, its encoder or dense net are others than
    it began with, or one of its folders is a link.
    """
    folder = RunFolder(Path(path))
    folder.require()
    refuse_links(folder.path, "gc")
    with ExitStack() as locks:
        for written in (folder.path, folder.seeds.path):
            if written.exists():
                locks.callback(WriteLock(written).release)
        check_files(folder, "gc")
        yield _collected(folder, keep, keep_stopped)


def size_of(paths: Iterable[Path]) -> int:
    """Bytes of files, and of all that lies in folders."""
    return sum(
        file.stat().st_size
        for path in paths
        for file in ([path] if path.is_file() else path.rglob("*"))
        if file.is_file()
    )


def remove(collected: Garbage) -> None:
    """Removes all of it."""
    for path in collected.paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _collected(folder: RunFolder, keep: Keep, keep_stopped: bool) -> Garbage:
    record = Record()
    record.replay(read_events(folder.journal))
    needed = _needed(folder, record, keep)
    candidates = [p for p in folder.candidates.files() if p.stem not in needed]
    candidates += _unused_seeds(folder)
    finished = {
        report["candidate"]
        for trial in record.trials.values()
        if trial.status == "finished"
        for report in trial.candidates()
    }
    statuses = {"running", "stopped"} if keep_stopped else {"running"}
    with_checkpoint = {trial.trial for trial in record.trials.values() if trial.status in statuses}
    return Garbage(
        tuple(candidates),
        sum(path.stem in finished for path in candidates),
        tuple(
            path
            for path in sorted((folder.path / "checkpoints").glob("*.pt"))
            if path.stem not in with_checkpoint
        ),
        tuple(StageStore(folder.path / "stages").files()) if is_complete(folder.path) else (),
        (*_leftovers(folder), *_leftovers(folder.seeds)),
    )


def _leftovers(folder: RunFolder) -> list[Path]:
    """What was half written when its writer was killed, and what only a running search needs."""
    leftovers = [folder.path / name for name in (TUNE, DATA) if (folder.path / name).exists()]
    for name in ("", "candidates", "checkpoints", "stages", "exports"):
        leftovers += sorted((folder.path / name).glob("*.partial*"))
    return leftovers


def _needed(folder: RunFolder, record: Record, keep: Keep) -> set[str]:
    """The names of the candidates that stay."""
    needed = {
        report["candidate"]
        for trial in record.trials.values()
        if trial.status == "running"
        for report in trial.candidates()
        if report["candidate"] is not None
    }
    for trial in record.trials.values():
        needed.update(_asked_for(trial))
    for front in (*folder.stored_fronts(), *_fronts(folder, keep)):
        needed.update(named_in(front))
    return needed


def _asked_for(trial: TrialRecord) -> Iterator[str]:
    """What a trial was to keep: the network at its end, and the first of each round."""
    keep, rounds = trial.spec.get("keep", "pareto"), set[int]()
    for report in trial.candidates() if keep != "pareto" else ():
        number = report.get("round")
        begins = keep == "rounds" and number is not None and number not in rounds
        if report["candidate"] is not None and (report["last"] or begins):
            yield report["candidate"]
        if number is not None:
            rounds.add(number)


def _fronts(folder: RunFolder, keep: Keep) -> Iterator[Front]:
    """The front of the journal, and the one that leaves no candidate out for its bias."""
    folder.dense_event()  # raises UserError where the search has not come so far
    facts = folder.facts()
    view = view_of(facts)
    yield build_front(facts, read_events(folder.journal), view)
    if keep == "any-tolerance":
        objective = view.objective
        lenient = Objective(objective.performance, objective.bias, _ANY, 0.0)
        lenient_view = replace(view, objective=lenient, reference=None, naming=None)
        yield build_front(facts, read_events(folder.journal), lenient_view)


def _unused_seeds(folder: RunFolder) -> list[Path]:
    """The candidates of seeds that were not chosen; none before the seeds are confirmed."""
    confirmed = folder.confirmation()
    if confirmed is None or "seeds" not in confirmed:
        return []
    used = {row["candidate"] for row in confirmed["seeds"]}
    return [path for path in folder.seeds.candidates.files() if path.stem not in used]
