"""A run's folder: which file is what, and how each is written and read."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from pydantic import ValidationError

from analysis.events import JOURNAL
from analysis.front_json import Front
from analysis.front_table import front_frame, rows_of_front
from analysis.trials import reports_frame, trials_frame
from search.config.checks import rule
from search.config.config import Config
from search.config.fixed import change, change_of_told
from search.config.sections import TrackingConfig
from search.errors import UserError
from search.front.build import build_front
from search.front.view import View, view_by, view_of
from search.journal.candidates import Candidates, needs_group
from search.journal.events import Dense, Event, Experiment
from search.journal.journal import (
    LOCK,
    dense_of,
    experiment_of,
    has_begun,
    read_events,
    refuse_if_written,
)
from search.journal.record import TrialRecord
from search.journal.repair import repair as repaired
from search.runs import beginning
from search.runs.state import CONFIG, CONFIRMED, FRONT
from search.runs.take_over import clear, refuse_run, refuse_strange
from search.toml_file import read_toml
from trainables.data import Prepared
from trainables.data.encoding import Encoding, encoding_of
from trainables.data.pruning_groups import PruningGroups
from trainables.data.small_cells import min_cell_of
from trainables.files import whole_file
from trainables.trial.names import checkpoint_path

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from trainables.trial.candidate_store import CandidateStore

TUNE = "ray"  # where Ray Tune keeps its state; a search is resumed from the journal instead
DATA = "data"  # inputs too large to be copied, while a search runs
DENSE = "dense.safetensors"
EARLY = "early.safetensors"  # the dense net early in its training, where a method asks for it
ENCODING = "encoder.json"
PRUNING = "pruning_groups.npz"  # of [prune_by]: the group of each row of train
_BEFORE_IT_BEGINS = frozenset(
    {JOURNAL, LOCK, CONFIG, DENSE, EARLY, ENCODING, PRUNING, DATA, *beginning.FILES}
)


def new_path(name: str) -> Path:
    """Where a run of an experiment goes that is given no other place: `runs/<name>-<time>-<hex>`.

    The hexadecimal digits are drawn: searches of a job array begin in the same second.
    """
    return Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


@dataclass(frozen=True)
class RunFolder:
    """The files of one search. Nothing in it is ever unpickled."""

    path: Path

    @property
    def journal(self) -> Path:
        return self.path / JOURNAL

    @property
    def candidates(self) -> CandidateStore:
        from trainables.trial.candidate_store import CandidateStore  # loads torch

        return CandidateStore(self.path / "candidates")

    @property
    def seeds(self) -> RunFolder:
        """Journal and candidates of the chosen settings trained again with other seeds."""
        return RunFolder(self.path / "seeds")

    def refuse_existing(self) -> None:
        """Raises UserError where the folder holds a run or anything else.

        What a search left that ended before it had begun is taken over.
        """
        refuse_run(self.path)
        refuse_strange(self.path, _BEFORE_IT_BEGINS)

    def create(
        self,
        config: Config,
        dense: nn.Module,
        prepared: Prepared,
        early: nn.Module | None = None,
    ) -> None:
        """Makes the folder with the resolved config, the dense net and its inputs' encoder.

        `early` is the dense net early in its training, where a method asks for it.
        """
        refuse_run(self.path)  # again: training the dense net took its time
        self.path.mkdir(parents=True, exist_ok=True)
        clear(self.path, (JOURNAL, EARLY, PRUNING))  # of a search that never began
        with whole_file(self.path / CONFIG) as file:
            file.write_text(config.to_toml(), encoding="utf-8")
        self.store_dense(dense)
        if early is not None:
            self._store_net(EARLY, early)
        self.store_encoding(prepared)

    def store_dense(self, dense: nn.Module) -> None:
        """Keeps the dense net."""
        self._store_net(DENSE, dense)

    def _store_net(self, name: str, net: nn.Module) -> None:
        from trainables.models.net_file import save_net  # loads torch

        with whole_file(self.path / name) as file:
            save_net(net, file)

    def store_encoding(self, prepared: Prepared) -> None:
        """Keeps how raw rows become what networks read."""
        write_json(self.path / ENCODING, encoding_of(prepared))

    def open_again(self, *, repair: bool = False) -> None:
        """Checks that a search can go on here, and mends a damaged journal if asked to.

        Raises UserError where there is no run that has begun, or another process is writing it.
        """
        self.require()
        if repair:
            repaired(self.path)
        else:
            refuse_if_written(self.path)
        self.dense_event()

    def require(self) -> None:
        """Raises UserError where there is no run."""
        if not self.journal.exists():
            raise UserError(f"{self.path} must be the folder of a run, but has no {JOURNAL}")

    def config(self) -> Config:
        """The experiment of the run. Raises UserError where it is not the one that it began with,
        but for what may change: how much is run, on what, and where it is told of."""
        self.require()
        config = Config.load(self.path / CONFIG)
        if config.data.min_cell_of is None:
            # Written by a version that asked for cells, whatever the measure.
            data = config.data.model_copy(update={"min_cell_of": "cells"})
            config = config.model_copy(update={"data": data})
        changed = None
        if has_begun(self.path):
            facts = self.facts()
            told = facts.get("config")
            changed = change_of_told(facts, config) if told is None else change(told, config)
        if changed is not None:
            key, then, now = changed
            raise UserError(
                f"{self.path / CONFIG}: {key} must stay as the search began with it, {then!r}, "
                f"got {now!r}; only search.trials, time_limit, budget and concurrent, [resources] "
                f"and [tracking] may change. Another value is another search"
            )
        return config

    def tracking(self) -> TrackingConfig:
        """Where the run is told of; the rest of its config, and the user's files that it names,
        are not needed. Raises UserError where the address is none."""
        path = self.path / CONFIG
        try:
            return TrackingConfig.model_validate(read_toml(path).get("tracking", {}))
        except ValidationError as error:
            said = rule(error.errors(include_url=False, include_input=False)[0]["msg"])
            raise UserError(f"{path}: tracking.uri: {said}") from None

    def facts(self) -> Experiment:
        """The `experiment` event: what the journal says of the data and the objective."""
        self.require()
        return experiment_of(self.path)

    def dense_event(self) -> Dense:
        """The `dense` event: the dense net's own counts."""
        self.require()
        return dense_of(self.path)

    def encoding(self) -> Encoding:
        """How raw rows become what the networks of this run read.

        Raises UserError where the file is missing or damaged.
        """
        self.require()
        again = f"`fairfront resume {self.path}` makes it again from the data where it is missing"
        encoding: Encoding = _json(self.path / ENCODING, again)
        return encoding

    def dense(self, net: nn.Module) -> nn.Module:
        """The dense net, loaded into `net`, an untrained one of its architecture.

        Raises UserError where the file is missing, damaged or of another network.
        """
        return self._net(DENSE, net)

    def early(self, net: nn.Module) -> nn.Module | None:
        """The dense net early in its training, loaded into `net`; None where it was not kept."""
        return self._net(EARLY, net) if (self.path / EARLY).exists() else None

    def _net(self, name: str, net: nn.Module) -> nn.Module:
        from trainables.models.net_file import load_net  # loads torch

        try:
            return load_net(self.path / name, net).eval()
        except (ValueError, FileNotFoundError) as error:
            raise UserError(f"{error}; {self.remedy_of(name)}") from error

    def remedy_of(self, name: str) -> str:
        """What to do about a network's file that cannot be used."""
        if name != DENSE:
            return "put back a copy of it"
        return (
            f"put back a copy of it and the code of its network, or remove the file: `fairfront "
            f"resume {self.path}` then takes the dense net from the cache, or trains it again"
        )

    def copy_early(self, to: RunFolder) -> None:
        """Gives another folder the dense net early in its training, where it was kept."""
        if (path := self.path / EARLY).exists():
            shutil.copyfile(path, to.path / EARLY)

    def store_pruning_groups(self, groups: PruningGroups) -> None:
        """Keeps which group of [prune_by] each row is in."""
        groups.save(self.path / PRUNING)

    def pruning_groups(self, facts: Experiment) -> PruningGroups | None:
        """The groups of [prune_by] as the search began with them; None where it has none.

        Raises UserError where the file is missing or another one.
        """
        if (expected := facts.get("prune_by")) is None:
            return None
        path = self.path / PRUNING
        if not path.exists():
            raise UserError(f"{path} must hold the groups to prune by, and is missing")
        try:
            groups = PruningGroups.load(path)
        except (ValueError, LookupError, EOFError, OSError, BadZipFile) as error:
            raise UserError(f"{path} is damaged: {error}; put back a copy of it") from error
        if groups.digest != expected["digest"]:
            raise UserError(f"{path} must hold the groups that the search began with, got others")
        return groups

    def front(self) -> Front:
        """front.json as written last. Raises UserError where the search has not got so far."""
        self.require()
        if not (self.path / FRONT).exists():
            self.dense_event()  # or there is nothing to go on with
            raise UserError(
                f"{self.path} has no {FRONT}: its search was interrupted; "
                f"`fairfront resume {self.path}` goes on with it"
            )
        return self._front(FRONT)

    def write_front(self) -> Front:
        """Builds the front from the journal and writes front.json and front.csv.

        A front that was confirmed stays: its points were named before test was opened.
        """
        if (confirmed := self.confirmation()) is not None:
            return confirmed
        facts = self.facts()
        return self.save_front(build_front(facts, read_events(self.journal), view_of(facts)))

    def save_front(self, front: Front, suffix: str = "", *, confirmed: bool = False) -> Front:
        """Writes front{suffix}.json and front{suffix}.csv; a confirmed front also on its own."""
        if confirmed:
            write_json(self.path / CONFIRMED, front)
        write_json(self.path / f"front{suffix}.json", front)
        with whole_file(self.path / f"front{suffix}.csv") as file:
            rows_of_front(front).to_csv(file, index=False)
        return front

    def tidy(self, trials: Iterable[TrialRecord] = ()) -> None:
        """Removes what nothing reads any more.

        That is Tune's files, the checkpoints of finished and failed trials, and the weights of
        stopped and failed ones, which enter no front. The checkpoints of stopped trials stay, so
        that they can be run to their end after all.
        """
        for folder in (TUNE, DATA):
            shutil.rmtree(self.path / folder, ignore_errors=True)
        for trial in trials:
            if trial.status in ("finished", "failed"):
                checkpoint_path(self.path, trial.trial).unlink(missing_ok=True)
            if trial.status in ("stopped", "failed"):
                for report in trial.reports:
                    if report["candidate"]:
                        self.candidates.drop(report["candidate"])

    def confirmation(self) -> Front | None:
        """The front with its test values, as `confirm` stored it, or None before that."""
        return self._front(CONFIRMED) if (self.path / CONFIRMED).exists() else None

    def _front(self, name: str) -> Front:
        again = f"`fairfront report {self.path}` writes it again from the journal"
        if name == CONFIRMED:
            again = f"`fairfront confirm {self.path}` evaluates the same front again"
        front: Front = _json(self.path / name, again)
        return front

    def stored_fronts(self) -> list[Front]:
        """Every front that was written to the folder: the search's own, other views, confirmed."""
        paths = [*sorted(self.path.glob("front*.json")), self.path / CONFIRMED]
        return [self._front(path.name) for path in paths if path.exists()]

    def frames(self) -> dict[str, pd.DataFrame]:
        """The front's points, the trials and the reports as frames."""
        trials, reports = self.journal_frames()
        return {"front": front_frame(self.front()), "trials": trials, "reports": reports}

    def journal_frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The trials and the reports as frames; a report has a candidate where it stands.

        The journal is read twice: its events together take several times its own size.
        """
        candidates = Candidates(lambda _: None)

        def followed() -> Iterator[Event]:
            for event in read_events(self.journal):
                candidates.take(event)
                yield event

        trials = trials_frame(map(_outlined, followed()))
        again = map(_outlined, read_events(self.journal))
        return trials, reports_frame(again, candidates.names())


def view_of_run(folder: RunFolder, group: str | None = None, bias: str | None = None) -> View:
    """The view that a run was searched with, or one by another `group`.

    Small groups are merged or left out as the run's config says; where they are to be judged by
    another `bias`, as a search by that would. Raises UserError where `group`
    names an attribute that the data do not have, or where fewer than two groups are large enough.
    """
    facts = folder.facts()
    if group is None:
        return view_of(facts)
    section = folder.config().data
    try:
        rule = bias and min_cell_of(bias, facts["objective"]["performance"])
    except ValueError as error:
        raise UserError(f"report: {error}") from error
    return view_by(
        facts,
        folder.dense_event(),
        group,
        min_cell=section.min_cell,
        small_cells=section.small_cells,
        min_cell_of=rule or section.min_cell_of or "cells",
    )


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that a reader sees the old file or the new one, never half of it."""
    with whole_file(path) as file:
        file.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _json(path: Path, remedy: str) -> Any:
    """What a JSON file holds. Raises UserError with the remedy where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} must exist, and is missing; {remedy}") from error
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}; remove it: {remedy}") from error


_COUNTED = ("counts", "decision", "measures")  # of a report: only the making of a front needs it


def _outlined(event: Event) -> dict[str, Any]:
    """An event without counts and measures, which make up most of a journal.

    Of a report's decision it says whether that needs the group.
    """
    shown: dict[str, Any] = {key: value for key, value in event.items() if key not in _COUNTED}
    return {**shown, "needs_group": needs_group(event)} if event["event"] == "report" else shown
