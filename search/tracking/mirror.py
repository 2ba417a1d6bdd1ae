"""MLflow mirror: a process of its own that follows the journal of a search.

The search writes its journal and nothing else, so whatever happens here, or to a tracking server,
can neither slow nor stop it. The mirror's standard input ends with the search, even when that is
killed; the mirror then sends the rest and ends too.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path

from analysis.events import JOURNAL
from search.config.tracking_uri import masked, resolved
from search.errors import UserError
from search.journal.journal import experiment_of
from search.tracking.copy_state import CopyState, copy_sentence, reason_of
from search.tracking.files import FolderMirror
from search.tracking.mlflow_runs import SearchRuns, is_gone
from search.tracking.stores import default_uri, without_proxy_for_loopback
from search.tracking.updates import SEARCH, Follower, Translator, Update
from trainables.files import opened_here, take_lock
from trainables.user_code import python_path

log = logging.getLogger(__name__)

LINES = 10_000  # of the journal, taken in one pass
POLL = 0.5  # seconds between two looks at a journal that does not grow
REST = 3.0  # seconds between two passes while the search runs: fewer and larger requests
SHARE = 2  # ... and at least so many times what the last pass took
LONGEST_WAIT = 30.0  # seconds between two attempts at a tracking server that is away
PATIENCE = 20.0  # seconds that a mirror goes on trying once its search has ended
URI = "FAIRFRONT_MIRROR_URI"  # variable of the mirror's own: what commands are given, all can read


def start_mirror(folder: Path, uri: str | None = None, nice: int = 5) -> subprocess.Popen[bytes]:
    """Starts the process that mirrors `folder` into MLflow; its messages go to mirror.log.

    With `nice` 5 it steps back for trials; with more it would starve on a busy machine. Ctrl-C in
    the terminal does not reach it: it ends with its standard input. Raises UserError where `uri`
    is to stand in a variable that is not set.
    """
    store = resolved(uri) or default_uri(folder)
    # -P: a folder of the user's that is called `search` must not be imported in our place.
    command = [sys.executable, "-P", "-m", "search.tracking.mirror", str(folder.resolve())]
    command += ["--nice", str(nice)]
    with opened_here(folder / "mirror.log", "ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={
                **os.environ,
                **without_proxy_for_loopback(),
                "PYTHONPATH": python_path(),
                URI: store,
            },
            start_new_session=True,
        )


_LEFT: list[subprocess.Popen[bytes]] = []  # mirrors that end by themselves


def finish_mirror(
    process: subprocess.Popen[bytes], timeout: float, *, leave: bool = False
) -> bool:
    """Lets the mirror send the rest; whether it could within `timeout` seconds.

    What it could not is left to the next mirror of that folder, or, with `leave`, to this one: it
    goes on when this process has ended, as long as it takes to send the rest.
    """
    if process.stdin is not None:
        process.stdin.close()
    try:
        return process.wait(timeout) == 0
    except subprocess.TimeoutExpired:
        if leave:
            _LEFT.append(process)
            return False
        process.terminate()
        process.wait()
        return False


def sync(
    folder: Path, uri: str | None = None, timeout: float = 60.0, *, leave: bool = False
) -> bool:
    """Sends MLflow what it does not know yet of `folder`; whether it could in `timeout` seconds.

    Where it could not, a warning says so; nothing is lost, since the run folder holds everything.
    With `leave` the run's own store, which is no server that could be away, is completed by a
    process that this one does not wait for.
    """
    try:
        if leave and is_own_store(folder, uri):
            finish_mirror(start_mirror(folder, uri, nice=0), 0.0, leave=True)
            return True
        if finish_mirror(start_mirror(folder, uri, nice=0), timeout):
            return True
    except UserError as error:  # its address stands in a variable that is not set here
        log.warning("%s: MLflow is told nothing", error)
        return False
    nothing = f"MLflow knows nothing of it yet: `fairfront report {folder}` tries again"
    log.warning("tracking: %s", copy_sentence(folder) or nothing)
    return False


def is_own_store(folder: Path, uri: str | None) -> bool:
    """Whether `uri` of a config means the store in the run's folder. Raises UserError as
    `start_mirror` does."""
    return resolved(uri) in (None, default_uri(folder))


class Mirror:
    """Brings MLflow up to date with a run folder, a pass at a time.

    A pass that raised has lost nothing: the next one tries the same again.
    """

    def __init__(self, folder: Path, uri: str) -> None:
        self.folder = folder
        self.uri = uri
        self._follower = Follower(folder / JOURNAL)
        self._translator = Translator()
        self._pending: list[Update] = []
        self._runs: SearchRuns | None = None
        self._files: FolderMirror | None = None
        self._state: CopyState | None = None  # as written last
        self._known = 0  # bytes of the journal that MLflow knows

    def catch_up(self, *, ending: bool = False) -> bool:
        """One pass; False where there was nothing new in the journal.

        With `ending` nothing is held back for a later pass.
        """
        # While a server is away nothing more is read: what waits stays within bounds.
        room = max(0, LINES - len(self._pending))
        read = 0
        for end, event in self._follower.lines(room):
            self._pending += self._translator.updates(end, event)
            read += 1
        if self._follower.offset == 0:
            return False
        runs, files = self._open()
        new = bool(self._pending)
        by_trial = sorted(self._pending, key=lambda update: update.trial)  # SEARCH comes first
        for trial, updates in groupby(by_trial, key=lambda update: update.trial):
            runs.send(trial, list(updates))
        parent = runs.find(SEARCH)
        if parent is not None and new and read < room:  # ... to the end of what is written
            # A search that was interrupted may go on, one that was over may have been resumed.
            status = "FINISHED" if self._translator.over else "RUNNING"
            runs.set_status(parent, status, self._translator.last_time[SEARCH])
        self._pending.clear()
        self._known = self._follower.offset
        files.send(at_once=ending and not new)
        self.tell()
        return new

    def tell(self, problem: str | None = None, *, whole: bool = False) -> None:
        """Writes down how far the copy is, unless that was written before."""
        note = None if self._runs is None else self._runs.note
        state = CopyState(masked(self.uri), self._known, whole, problem, note)
        if state != self._state:
            state.write(self.folder)
            self._state = state

    def settle(self) -> None:
        """Marks as KILLED what the journal does not end: the search is not going on."""
        if self._runs is None:
            return
        interrupted = self._translator.running | (set() if self._translator.over else {SEARCH})
        for trial in sorted(interrupted):
            run = self._runs.find(trial)
            if run is not None:
                self._runs.set_status(run, "KILLED", self._translator.last_time[trial])

    def _open(self) -> tuple[SearchRuns, FolderMirror]:
        if self._runs is None or self._files is None:
            facts = experiment_of(self.folder)
            own_store = self.uri == default_uri(self.folder)
            self._runs = SearchRuns(self.uri, facts["run"], facts["name"], rebuildable=own_store)
            self._files = FolderMirror(self.folder, self._runs, self._translator)
        return self._runs, self._files


def follow(folder: Path, uri: str, ended: threading.Event) -> int:
    """Mirrors until `ended` is set and everything is sent. Returns an exit code."""
    mirror = Mirror(folder, uri)
    wait, last_error, deadline = POLL, "", None
    while True:
        ending = ended.is_set()  # read before the pass: what was written until then is in it
        if ending and deadline is None:
            deadline = time.monotonic() + PATIENCE
        try:
            begun = time.monotonic()
            new = mirror.catch_up(ending=ending)
            if ending and not new:
                mirror.settle()
                mirror.tell(whole=True)
                return 0
            took = time.monotonic() - begun
            wait, last_error = min(LONGEST_WAIT, max(REST, SHARE * took)) if new else POLL, ""
        except Exception as error:
            # A server that is away, a database that is locked: there is always a next time.
            reason = reason_of(error, uri)
            if reason != last_error:
                last_error = reason
                log.warning("tracking: %s: trying again", reason)
                with suppress(OSError):  # a full disk is the search's matter
                    mirror.tell(reason)
            if is_gone(error):  # somebody deleted runs: what they knew is sent once more
                mirror = Mirror(folder, uri)
            if deadline is not None and time.monotonic() > deadline:
                log.error("tracking: giving up after %g s", PATIENCE)
                return 1
            wait, new = min(2 * wait, LONGEST_WAIT), False
        if ending:
            time.sleep(0 if new else min(wait, 2.0))
        else:
            ended.wait(wait)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m search.tracking.mirror DIR [--uri URI] [--nice N]`, until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m search.tracking.mirror", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"a run folder with {JOURNAL}")
    parser.add_argument(
        "--uri", help=f"a tracking server or database; default: ${URI}, else DIR/mlflow.db"
    )
    parser.add_argument("--nice", type=int, default=0, help="by how much it steps back")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    os.nice(given.nice)
    ended = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.buffer.read()
        ended.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    try:
        with _alone(given.folder, ended):
            uri = given.uri or os.environ.get(URI) or default_uri(given.folder)
            return follow(given.folder, uri, ended)
    except TimeoutError as error:
        log.error("tracking: %s", error)
        return 1


@contextmanager
def _alone(folder: Path, ended: threading.Event) -> Iterator[None]:
    """One mirror a folder: the next waits until the lock is free. A lock ends with its process.

    Raises TimeoutError where it is not free long after the search has ended.
    """
    with opened_here(folder / "mirror.lock", "ab") as lock:
        deadline = None
        while not take_lock(lock):
            if ended.is_set() and deadline is None:
                deadline = time.monotonic() + 2 * PATIENCE
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{folder} is being mirrored by another process")
            time.sleep(0.1)
        yield


if __name__ == "__main__":
    sys.exit(main())
