"""A tracking server that tests can start and kill."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

from search.tracking.server import QUIET
from tests.search.made_journal import wait_until


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def server(folder, port):
    """A tracking server on this machine with its database in `folder`; killed at the end, with its
    workers."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", str(port), "--backend-store-uri", f"sqlite:///{folder}/server.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (
        (folder / "server.log").open("ab") as output,
        subprocess.Popen(
            command,
            env={**os.environ, **QUIET},
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            wait_until(lambda: is_healthy(port), 180)
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def is_healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
