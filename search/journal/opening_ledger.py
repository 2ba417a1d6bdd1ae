"""The ledger of test-set openings: kept outside every run folder, keyed by the test rows' hash."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from trainables.files import take_lock


def ledger_path() -> Path:
    """`$FAIRFRONT_LEDGER`, or `fairfront/ledger.jsonl` in the user's data folder."""
    if chosen := os.environ.get("FAIRFRONT_LEDGER"):
        return Path(chosen)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "fairfront" / "ledger.jsonl"


def record_opening(test_hash: str, run: str, name: str, path: Path | None = None) -> int:
    """Writes one opening and returns the how-manieth of these test rows it is, from 1.

    `run` identifies the run (not its folder, which may move): its second opening is not counted
    again. The file is locked meanwhile, so that two processes do not count the same number.
    """
    path = path or ledger_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        take_lock(file, wait=True)
        file.seek(0)
        runs = [
            entry["run"]
            for entry in map(json.loads, file.read().splitlines())
            if entry["test"] == test_hash
        ]
        if run in runs:
            return runs.index(run) + 1
        entry = {"test": test_hash, "run": run, "name": name, "time": round(time.time(), 3)}
        file.write(json.dumps(entry) + "\n")
        return len(runs) + 1
