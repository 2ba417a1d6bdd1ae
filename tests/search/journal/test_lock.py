"""One writer a run folder, and a lock that ends with its process, however that ends."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from search.errors import UserError
from search.journal.journal import LOCK, Journal, WriteLock, read_events, refuse_if_written
from search.runs.folder import RunFolder

ROOT = Path(__file__).parents[3]
WRITER = """
import sys
from pathlib import Path
from search.journal.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.append({"event": "experiment"})
print("writing", flush=True)
sys.stdin.read()
"""


@contextmanager
def writer(folder):
    """A process that holds the journal of `folder` until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)],
        **{"cwd": ROOT, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE},
    )
    try:
        assert process.stdout.readline() == b"writing\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_a_second_process_is_refused_and_told_who_writes_until_that_one_is_killed(tmp_path):
    with writer(tmp_path) as process:
        before = (tmp_path / "journal.jsonl").read_bytes()
        holder = f"process {process.pid} on {socket.gethostname()}"
        for attempt in (Journal, WriteLock, refuse_if_written):
            with pytest.raises(UserError, match=f"is being written by {holder}"):
                attempt(tmp_path)
        with pytest.raises(UserError, match="is being written"):
            RunFolder(tmp_path).open_again()
        assert [event["event"] for event in read_events(tmp_path / "journal.jsonl")]
        assert (tmp_path / "journal.jsonl").read_bytes() == before

        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with closing(Journal(tmp_path)) as journal:
            journal.append({"event": "dense"})


def test_the_torn_line_of_a_living_writer_is_not_cut_off(tmp_path):
    with closing(Journal(tmp_path)) as journal:
        journal.append({"event": "experiment"})
        torn = journal.path.read_bytes() + b'{"event":"rep'
        journal.path.write_bytes(torn)

        with pytest.raises(UserError, match="is being written"):
            Journal(tmp_path)
        assert journal.path.read_bytes() == torn


def test_a_lock_that_was_released_is_free_and_leaves_a_new_name(tmp_path):
    (tmp_path / LOCK).write_text("process 1 on another machine, of long ago")

    WriteLock(tmp_path).release()

    assert (tmp_path / LOCK).read_text() == f"process {os.getpid()} on {socket.gethostname()}"
    refuse_if_written(tmp_path)


def test_where_there_are_no_locks_a_warning_says_so(tmp_path, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)

    WriteLock(tmp_path).release()

    assert "has no locks" in caplog.text


def test_a_run_that_was_killed_before_it_had_begun_is_not_resumed(tmp_path):
    with closing(Journal(tmp_path)) as journal:
        journal.append({"event": "experiment"})

    with pytest.raises(UserError, match="ended before it had begun"):
        RunFolder(tmp_path).open_again()
