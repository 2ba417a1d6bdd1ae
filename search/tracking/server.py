"""MLflow's own server with its pages, on this machine, for as long as somebody looks at them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search.errors import UserError
from search.tracking.mlflow_runs import EXPERIMENT, FRONT_VIEW
from trainables.files import opened_here

HOST = "127.0.0.1"
PORT = 5000  # MLflow's own; the next free one where it is taken
TRAINING = "workflowType=machine_learning"  # else its menus are about language models
PATIENCE = 180.0  # seconds that a server may take to start
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes that evaluate language models
    "PYTHONWARNINGS": "ignore",
}
# A server on this machine is asked directly, whatever proxy the others are asked through.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def serving(store: str, port: int, log: Path) -> Iterator[str]:
    """MLflow's pages of `store` (a database's uri) at the address that is yielded.

    Whatever happens inside, the server and its children are gone afterwards. Raises UserError
    where it cannot start; what it says goes to the file `log`.
    """
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", HOST]
    command += ["--port", str(port), "--workers", "1"]
    with opened_here(log, "wb") as output:
        # A session of its own: Ctrl-C reaches this process alone, which ends the whole group.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={
                **QUIET,
                **os.environ,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_BACKEND_STORE_URI": store,  # commands can be read by everybody
            },
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(process, port, log)
        yield f"http://{HOST}:{port}"
    finally:
        _end(process)


def free_port(wanted: int | None) -> int:
    """`wanted`, or PORT or the next free one. Raises UserError where `wanted` is taken."""
    for port in [wanted] if wanted is not None else range(PORT, PORT + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    taken = f"port {wanted}" if wanted is not None else f"ports {PORT} to {PORT + 99}"
    raise UserError(f"--port: must be free, but {taken} of {HOST} is in use; name another")


def search_page(address: str, search: str) -> str:
    """The address of the page of the search whose tag `fairfront.run_id` is `search`.

    Raises UserError where the server does not know it.
    """
    run = _find_run(address, search)
    if run is None:
        raise UserError(f"{address}: holds no search {search}")
    experiment, name = run["info"]["experiment_id"], run["info"]["run_id"]
    return f"{address}/#/experiments/{experiment}/runs/{name}?{TRAINING}"


def front_page(page: str) -> str:
    """The address of the list of trials on a front, beside a search's `page`."""
    return f"{page.rsplit('/', 1)[0]}?viewStateShareKey={FRONT_VIEW}&{TRAINING}"


def _find_run(address: str, search: str) -> dict[str, Any] | None:
    """The search's run as MLflow's REST interface gives it."""
    answer = _ask(f"{address}/api/2.0/mlflow/experiments/get-by-name?experiment_name={EXPERIMENT}")
    query = {
        "experiment_ids": [answer["experiment"]["experiment_id"]],
        "filter": f"tags.`fairfront.run_id` = '{search}'",
        "order_by": ["attributes.start_time ASC"],
        "max_results": 1,
    }
    runs = _ask(f"{address}/api/2.0/mlflow/runs/search", query).get("runs", [])
    return dict(runs[0]) if runs else None


def _ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with _DIRECTLY.open(request, timeout=60) as answer:
        return dict(json.loads(answer.read()))


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise UserError(f"ui: MLflow's server ended at once; {log} says why")
        try:
            with _DIRECTLY.open(f"http://{HOST}:{port}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise UserError(f"ui: MLflow's server does not answer after {PATIENCE:g} s; see {log}")


def _end(process: subprocess.Popen[bytes], grace: float = 5.0) -> None:
    """Ends the server's whole process group: asked first, killed where that does not help."""
    deadline = time.monotonic() + grace
    sent = signal.SIGTERM
    while True:
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            process.wait()
            return
        process.poll()  # a child that nobody waits for keeps its group
        sent = signal.SIGKILL if time.monotonic() > deadline else signal.Signals(signal.SIGTERM)
        time.sleep(0.1)
