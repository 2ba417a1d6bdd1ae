"""A report that is all a complete copy lacks, put into a run's own store without MLflow.

MLflow takes three seconds of CPU to start, and a report is written again and again.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from search.journal.journal import experiment_of
from search.runs.state import CONFIG, FRONT, REPORT
from search.tracking.copy_state import is_whole
from search.tracking.stores import ARTIFACTS, DATABASE
from trainables.files import opened_here, take_lock, whole_file

# Tag of the search's run: file -> digest of what was sent. MLflow's page hides "mlflow." tags.
SENT = "mlflow.fairfront.files"

_SEARCH = """
    SELECT runs.run_uuid FROM runs JOIN experiments USING (experiment_id)
    JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = 'fairfront.run_id' AND tags.value = ?
    WHERE experiments.lifecycle_stage = 'active' AND experiments.artifact_location = ?
    AND runs.run_uuid NOT IN (SELECT run_uuid FROM tags WHERE key = 'fairfront.trial')
"""
_DELETED = "SELECT count(*) FROM runs WHERE lifecycle_stage <> 'active'"
_TAG = "SELECT value FROM tags WHERE key = ? AND run_uuid = ?"
_SET = "UPDATE tags SET value = ? WHERE key = ? AND run_uuid = ?"


def completed(folder: Path) -> bool:
    """Whether the copy in the run's own store is complete, now if it was but for the report.

    False wherever something is not as expected: then MLflow itself is to do it.
    """
    folder = folder.resolve()
    try:
        with opened_here(folder / "mirror.lock", "ab") as lock:
            if not take_lock(lock) or not is_whole(folder):
                return False
            return _completed(folder)
    except (OSError, ValueError, TypeError, KeyError, sqlite3.Error):
        return False


def _completed(folder: Path) -> bool:
    address = (folder / DATABASE).as_uri() + "?mode=rw"  # one that is not there is not made
    with closing(sqlite3.connect(address, uri=True)) as opened, opened:
        place = (folder / ARTIFACTS).as_uri()
        found = opened.execute(_SEARCH, (experiment_of(folder)["run"], place)).fetchall()
        if len(found) != 1 or opened.execute(_DELETED).fetchone() != (0,):
            return False
        (run,) = found[0]
        sent = json.loads(opened.execute(_TAG, (SENT, run)).fetchone()[0])
        if any(sent.get(name) != digest_of(folder / name) for name in (CONFIG, FRONT)):
            return False
        report = folder / REPORT
        if not report.exists() or sent.get(REPORT) == digest_of(report):
            return True
        target = folder / ARTIFACTS / run / "artifacts"
        if re.fullmatch("[0-9a-f]{32}", run) is None or target.resolve() != target:
            return False  # a folder of somebody else's that leads elsewhere
        content = report.read_bytes()
        with whole_file(target / REPORT) as file:
            file.write_bytes(content)
        sent[REPORT] = digest(content)
        opened.execute(_SET, (json.dumps(sent, sort_keys=True), SENT, run))
        return True


def digest_of(path: Path) -> str:
    return digest(path.read_bytes())


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
