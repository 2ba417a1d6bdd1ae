"""What a dry run has said, said again while nothing has changed that it follows from.

It follows from the experiment, the rows, how often test was opened, our code and its libraries,
and, for the times, from the machine. So the data are opened and compared; the networks are not
built, for which torch takes seconds to load. Where the user's own code or files have a say, or
earlier runs, all is looked at anew.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from search.config.checks import unasked_stages
from search.config.config import Config
from search.journal.digest import json_digest
from search.journal.opening_ledger import opening_that_follows
from search.problem.opening import open_prepared
from search.runs.places import check_new
from trainables.data.encoding import encoding_of
from trainables.files import cache_folder, code_digest, whole_file
from trainables.user_code import OUR_PACKAGES, ROOT

if TYPE_CHECKING:
    from trainables.data import Prepared

LIBRARIES = ("torch", "numpy", "pandas")


def described(
    experiment: str | Path, overrides: Sequence[str], out: Path | None = None
) -> Iterator[str]:
    """The lines of a dry run of an experiment file or preset, and when they were said, unless now.

    Raises UserError as `search.engine.dry_run.describe` does.
    """
    with unasked_stages():
        config = Config.load(experiment, overrides)
    path = _path(config) if _follows_from_ours(config) else None
    if path is not None and (told := _told(path, config)) is not None:
        check_new(out)
        yield from told
        return
    from search.engine.dry_run import lines
    from search.problem.problem import open_problem

    config = Config.load(experiment, overrides)
    check_new(out)
    problem = open_problem(config)
    said = []
    for line in lines(problem):
        said.append(line)
        yield line
    if path is not None:
        when = time.strftime("%Y-%m-%d %H:%M")
        kept = {"data": _of_data(problem.prepared), "when": when, "lines": said}
        with suppress(OSError), whole_file(path) as file:
            file.write_text(json.dumps(kept), encoding="utf-8")


def _told(path: Path, config: Config) -> list[str] | None:
    """What was said of the experiment and of data that are still the same."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        data, when, said = kept["data"], kept["when"], kept["lines"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if _of_data(open_prepared(config)[2]) != data:
        return None
    return [
        *said,
        f"found at {when}; experiment, data, code and machine are still the same",
    ]


def _follows_from_ours(config: Config) -> bool:
    return not (config.uses_own_files or config.search.warm_start)


def _path(config: Config) -> Path:
    machine = [platform.node(), platform.processor(), platform.machine(), sys.version]
    code = [code_digest(ROOT / package) for package in OUR_PACKAGES]
    libraries = [version(library) for library in LIBRARIES]
    key = json_digest([config.to_toml(), *machine, *code, *libraries])
    return cache_folder() / "dry_runs" / f"{key}.json"


def _of_data(prepared: Prepared) -> str:
    """A digest of all rows, of what was found out about them, and of how often test was opened."""
    found = [*prepared.notes, *prepared.refusals, *prepared.group_names, *prepared.classes]
    opening = opening_that_follows(prepared.hashes["test"])
    return json_digest([dict(prepared.hashes), dict(encoding_of(prepared)), found, opening])
