"""What a run reaches beyond its folder, and whether this user has agreed to that.

A run's folder may come from anybody, and its config names Python files to import and a server to
send results to. A search that this user starts is written into a list of own runs beside the
ledger, together with what it reaches; for anything else the user is asked, once.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from search.config.config import Config
from search.config.sections import TrackingConfig
from search.config.tracking_uri import VARIABLE
from search.errors import UserError
from search.journal.opening_ledger import ledger_path
from trainables.files import NoLocks, take_lock
from trainables.user_code import module_file

if TYPE_CHECKING:
    from search.runs.folder import RunFolder  # which loads torch

log = logging.getLogger(__name__)


def own_runs_path() -> Path:
    """The list of own runs: one JSON object a line, beside the ledger of test-set openings."""
    return ledger_path().with_name("own_runs.jsonl")


def reached(config: Config, *, data_given: bool = False, model_given: bool = False) -> list[str]:
    """What an experiment reaches: files whose code runs, a store that results are sent to.

    Data and network that were handed over from Python stand for the code that [data] and [model]
    name.
    """
    folder = None if config.folder is None else Path(config.folder)
    code = {
        "data.load": None if data_given else config.data.load,
        "model.build": None if model_given else config.model.build,
    }
    found = [
        f"{key} runs {spec} of {module_file(spec.partition(':')[0], folder)}"
        for key, spec in code.items()
        if spec is not None
    ]
    return found + reached_store(config.tracking)


def reached_store(tracking: TrackingConfig) -> list[str]:
    """The store outside of the run's folder that results are sent to; none or one.

    An address that this user's environment holds is of this user's choice.
    """
    if not tracking.enabled or tracking.uri in (None, VARIABLE):
        return []
    return [f"tracking.uri sends results to {tracking.uri}"]


def remember(run: str, found: Iterable[str]) -> None:
    """Writes down that this user has started `run`, or trusts it, with all that it reaches."""
    entry = {"run": run, "reaches": sorted(found), "time": round(time.time(), 3)}
    if not entry["reaches"]:
        return
    path = own_runs_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whoever can write it decides what this user trusts.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "r+b", buffering=0) as file:
            try:
                take_lock(file, wait=True)
            except NoLocks:
                log.warning("%s: its file system has no locks", path)
            file.seek(0)
            torn = not (content := file.read()).endswith(b"\n") and bool(content)
            file.write(b"\n" * torn + json.dumps(entry).encode() + b"\n")
    except OSError as error:
        log.warning("%s: cannot be written (%s): `resume` will ask for --trust", path, error)


def is_trusted(run: str, found: Iterable[str]) -> bool:
    """Whether this user has agreed to all that the run reaches."""
    return set(found) <= _agreed(run)


def check_trusted(run: str, where: Path, who: str, found: Iterable[str], *, trust: bool) -> None:
    """Raises UserError where the run in the folder `where` reaches what this user has not agreed
    to; with `trust` the user agrees now."""
    fresh = sorted(set(found) - _agreed(run))
    if fresh and trust:
        remember(run, fresh)
    elif fresh:
        raise UserError(
            f"{who}: {where} was not started by this user, or names something else since: "
            f"{'; '.join(fresh)}. If you trust that, say so once with --trust, as in "
            f"`fairfront resume {where} --trust` (trust_code=True in Python)"
        )


def trusted_config(folder: RunFolder, who: str) -> Config:
    """The experiment of a run whose data and network are opened, and of which nothing is sent.

    Raises UserError where it names code that this user has not agreed to.
    """
    config = folder.config()
    code = set(reached(config)) - set(reached_store(config.tracking))
    check_trusted(folder.facts()["run"], folder.path, who, code, trust=False)
    return config


def refuse_links(folder: Path, who: str) -> None:
    """Raises UserError where a folder inside a run's is a link: what is removed there could be
    anybody's."""
    for path in (*folder.glob("*"), *folder.glob("*/*")):
        if path.is_symlink() and path.is_dir():
            raise UserError(
                f"{who}: {path} must be a folder of the run, is a link to {path.resolve()}; it is "
                f"left alone, and nothing was removed"
            )


def _agreed(run: str) -> set[str]:
    """All that this user has agreed to for a run; lines that cannot be read agree to nothing."""
    try:
        lines = own_runs_path().read_bytes().splitlines()
    except OSError:  # nothing was written down, or it cannot be read
        return set()
    agreed: set[str] = set()
    for line in lines:
        try:
            entry = json.loads(line)
            if entry["run"] == run:
                agreed.update(entry["reaches"])
        except (ValueError, KeyError, TypeError):
            log.warning("%s: holds a line that cannot be read", own_runs_path())
    return agreed
