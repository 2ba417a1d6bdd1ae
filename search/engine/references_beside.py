"""Fits what the front is compared with beside a search, in a process of low priority."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from torch import nn

from analysis.front_json import Reference
from analysis.front_table import keeps_on_tune, reference_label
from analysis.notation import number
from search.front.references import judged_references
from search.front.view import view_of
from search.journal.events import Event, Listener, References
from search.journal.record import Record
from search.problem.dense_net import decision_of
from search.problem.problem import Problem
from search.problem.references import are_asked_for, facts_of, task_of, why_none
from search.runs.folder import RunFolder
from search.runs.reference_models import has_models, store_models
from trainables.files import what_failed
from trainables.references.fitting import FOUND, MODELS, save_task
from trainables.trial.workbench import Workbench
from trainables.user_code import python_path

log = logging.getLogger(__name__)

NICE = 5  # a quarter of a core that a trial wants too; a tenth may not do in three minutes
PATIENCE = 300.0  # seconds that a search which has ended waits for it at most
IF_LIMITED = 4.0  # the same where its time is limited, which is to hold within ten
_POLL = 0.05  # seconds


class ReferencesBeside:
    """Begins with the search, while Ray and its workers start, so that a short one has them too.

    What it has found goes into the journal with the next event, or when the search ends. What was
    found by an earlier session stays.
    """

    def __init__(
        self,
        folder: RunFolder,
        problem: Problem,
        dense: nn.Module,
        listener: Listener | None = None,
    ) -> None:
        self._folder, self._problem, self._dense = folder, problem, dense
        self._listener = listener
        self._wanted = are_asked_for(problem.config) and why_none(problem.prepared) is None
        self._wanted &= folder.confirmation() is None  # what was confirmed stays as it was named
        self._scratch: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def replay(self, event: Event) -> None:
        """An event of an earlier session."""
        if event["event"] == "references" and has_models(self._folder):
            self._wanted = False

    def start(self) -> None:
        """Unless an earlier session has found them; the dense net is on record."""
        if self._wanted:
            self._start()

    def follow(self, record: Record) -> None:
        """Takes over what is there by now; another event of this session is on record."""
        if self._process is not None and self._process.poll() is not None:
            self._collect(record)

    def finish(self, record: Record) -> None:
        """Waits for what is under way, but not for long."""
        search = self._problem.config.search
        limited = search.time_limit is not None or search.budget is not None
        deadline = time.monotonic() + (IF_LIMITED if limited else PATIENCE)
        while self._process is not None and self._process.poll() is None:
            if time.monotonic() > deadline:
                log.warning(
                    "references: not fitted in time; `fairfront resume %s` fits them",
                    self._folder.path,
                )
                return
            time.sleep(_POLL)
        if self._process is not None:
            self._collect(record)

    def close(self) -> None:
        """Ends what is under way."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._process = None

    def _start(self) -> None:
        problem = self._problem
        decision = decision_of(problem.correction, self._folder.dense_event())
        bench = Workbench.open(
            problem.prepared, self._dense, problem.objective, device="cpu", given_decision=decision
        )
        self._wanted = False
        try:
            self._scratch = Path(tempfile.mkdtemp(prefix="fairfront-references-"))
            save_task(task_of(bench, problem.config.seed), self._scratch)
        except OSError as error:
            log.warning("references: not fitted: %s", what_failed(error))
            return
        # -P: a folder of the user's that is called `trainables` must not be imported in our place.
        command = [sys.executable, "-P", "-m", "trainables.references.fitting"]
        with (self._scratch / "log").open("wb") as output:
            self._process = subprocess.Popen(
                [*command, str(self._scratch), str(NICE)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": python_path(), "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is the search's affair, which ends it
            )

    def _collect(self, record: Record) -> None:
        process, scratch = self._process, self._scratch
        self._process = None
        if process is None or scratch is None:
            return
        if process.returncode != 0:
            with suppress(OSError):
                said = (scratch / "log").read_text(errors="replace").strip().splitlines()
                log.warning("references: not fitted: %s", said[-1] if said else "no reason given")
            return
        counts = json.loads((scratch / FOUND).read_text(encoding="utf-8"))
        event: References = {
            "event": "references",
            "models": facts_of(counts, self._problem.objective),
            "digest": store_models(self._folder, (scratch / MODELS).read_bytes()),
        }
        record.add(event)
        if self._listener is not None:
            self._listener({"event": "note", "text": self._told(event)})

    def _told(self, event: References) -> str:
        """Those that keep the tolerance, best first: what a search has to beat."""
        facts, dense = self._folder.facts(), self._folder.dense_event()
        judged = judged_references(dense, event, facts, view_of(facts))
        kept = sorted(filter(keeps_on_tune, judged), key=lambda one: -_performance(one))
        words = [
            f"{reference_label(one)}{' (uses the group)' if one['needs_group'] else ''}: "
            f"{number(_performance(one))}, bias {number(one['tune']['bias'])}"
            for one in kept
        ]
        return f"references, of them feasible on tune: {'; '.join(words) or 'none'}"


def _performance(reference: Reference) -> float:
    return reference["tune"]["performance"] or 0.0
