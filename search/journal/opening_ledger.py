"""The ledger of test-set openings: kept outside every run folder, keyed by the test rows' hash
and what was looked at."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from search.journal.digest import json_digest
from trainables.files import take_lock

log = logging.getLogger(__name__)

LEDGER = "FAIRFRONT_LEDGER"  # names the ledger's file


def ledger_path() -> Path:
    """What FAIRFRONT_LEDGER names, or `fairfront/ledger.jsonl` in the user's data folder."""
    if chosen := os.environ.get(LEDGER):
        return Path(chosen)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "fairfront" / "ledger.jsonl"


def record_opening(
    test_hash: str, run: str, name: str, looked_at: object, path: Path | None = None
) -> int:
    """Writes one opening and returns the how-manieth of these test rows it is, from 1.

    `run` identifies the run (not its folder, which may move), `looked_at`, JSON-able, all that
    will be seen on test. The same run that looks at the same once more is not counted again, but
    one that looks at anything else is: its folder may have been copied or edited. Entries of
    earlier versions, which do not say what was looked at, count once for their run.

    A line that cannot be read is passed over with a warning: it must not keep all other runs from
    being confirmed. The file is locked meanwhile, so that two processes do not count the same
    number, and it is on the disk before test is opened.
    """
    path = path or ledger_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    seen = json_digest(looked_at)
    with path.open("a+", encoding="utf-8", errors="replace") as file:
        take_lock(file, wait=True)
        file.seek(0)
        text = file.read()
        of_rows = [entry for entry in _entries(text, path) if entry["test"] == test_hash]
        for number, entry in enumerate(of_rows, start=1):
            if entry["run"] == run and entry.get("looked_at", seen) == seen:
                return number
        entry = {"test": test_hash, "run": run, "name": name, "looked_at": seen}
        entry["time"] = round(time.time(), 3)
        torn = "" if not text or text.endswith("\n") else "\n"  # ends what a dead writer left
        file.write(f"{torn}{json.dumps(entry)}\n")
        file.flush()
        os.fsync(file.fileno())
        return len(of_rows) + 1


def opening_that_follows(test_hash: str, path: Path | None = None) -> int:
    """The how-manieth opening of these test rows the next one will be, from 1; nothing is
    written."""
    path = path or ledger_path()
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # nobody has opened anything, or the next opening will say why it cannot
        return 1
    return 1 + len([entry for entry in _entries(text, path) if entry["test"] == test_hash])


def _entries(text: str, path: Path) -> Iterator[dict[str, Any]]:
    """The entries of the ledger, oldest first."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if isinstance(entry, dict) and {"test", "run"} <= entry.keys():
            yield entry
        else:
            log.warning(
                "%s: line %d is damaged and counts no opening; mend it, or remove it, if the "
                "numbers of openings are to be right",
                path,
                number,
            )
