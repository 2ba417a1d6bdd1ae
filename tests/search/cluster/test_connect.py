"""Ray as it is started on this machine, and the addresses of clusters."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from search.cluster import connect as cluster
from search.cluster.connect import check_cluster, close_token_file, cluster_address
from search.errors import UserError

ROOT = Path(__file__).resolve().parents[3]

# A process of its own: Ray's processes are its children, and pytest keeps none of them.
PROBE = """
import contextlib, json, os, signal
import psutil, ray
from search.cluster.connect import connected

asked = []
signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
with connected(None, cpus=1, gpus=False):
    assert ray.get(ray.remote(lambda: os.getpriority(os.PRIO_PROCESS, 0)).remote()) == 0
    mine = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = set()
    for process in mine:
        with contextlib.suppress(psutil.NoSuchProcess):  # some of Ray's live for moments only
            listening |= {
                connection.laddr.ip
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN
            }
    os.kill(os.getpid(), signal.SIGTERM)
print(json.dumps([sorted(listening), len(asked), ray.is_initialized()]))
"""


def _told(code: str, folder: Path) -> list[Any]:
    """What a process that runs `code` in `folder` prints last."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: list[Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def test_a_local_ray_listens_on_loopback_alone_and_leaves_sigterm_to_us(tmp_path: Path) -> None:
    addresses, asked, initialized = _told(PROBE, tmp_path)
    assert set(addresses) <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    assert (asked, initialized) == (1, False)


# How Tune makes the actors of trials, whose class it has wrapped.
OF_TUNE = """
import json, os, sys, time
import psutil, ray
from ray.tune.execution.class_cache import DEFAULT_ENV_VARS, _ActorClassCache
from search.cluster.connect import connected
from search.cluster.loading import wait_until_loaded

class Trial:
    def facts(self):
        kept = {name: os.environ.get(name) for name in %r}
        return os.getpid(), kept, "trainables.trial.preload" in sys.modules

def started_along():
    return [
        one.pid
        for one in psutil.Process().children(recursive=True)
        if any(word.endswith("default_worker.py") or word.startswith("ray::IDLE")
               for word in one.cmdline())
    ]

before = dict(DEFAULT_ENV_VARS)
with connected(None, cpus=1, gpus=False):
    while not (known := started_along()):
        time.sleep(0.01)
    wait_until_loaded(lambda: False)
    trial = _ActorClassCache().get(Trial).options(num_cpus=1).remote()
    pid, kept, loaded = ray.get(trial.facts.remote())
print(json.dumps([pid in known, kept == before, loaded, DEFAULT_ENV_VARS == before]))
"""


def test_trials_get_the_workers_that_ray_has_started_along_with_itself() -> None:
    """They have loaded torch by then; others would load it once more."""
    from ray.tune.execution.class_cache import DEFAULT_ENV_VARS

    assert DEFAULT_ENV_VARS  # where Tune asks for nothing of its own, nothing has to be avoided
    told = _told(OF_TUNE % sorted(DEFAULT_ENV_VARS), ROOT)
    assert told == [True, True, True, True]


def test_more_devices_than_the_machine_has_are_refused_unless_a_cluster_is_joined() -> None:
    with pytest.raises(UserError, match=r"resources\] gpu must be at most .* got 64"):
        check_cluster(64, None)
    check_cluster(0, None)
    with socket.create_server(("127.0.0.1", 0)) as head:
        check_cluster(64, f"127.0.0.1:{head.getsockname()[1]}")


def test_a_cluster_that_does_not_answer_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"no Ray cluster answers at '{address}'"):
            check_cluster(0, address)
        monkeypatch.setattr(cluster, "canonicalize_bootstrap_address", lambda auto: address)
        with pytest.raises(UserError, match=f"no Ray cluster answers at '{address}'"):
            check_cluster(0, "auto")
    monkeypatch.setattr(cluster, "canonicalize_bootstrap_address", lambda auto: None)
    with pytest.raises(UserError, match="no Ray cluster is found on this machine"):
        check_cluster(0, "auto")


@pytest.fixture
def no_ray_address(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.mark.parametrize("address", [None, "auto", "10.0.0.1:6379", "head.example:6379"])
def test_addresses_of_a_head_are_taken_as_they_are(address, no_ray_address):
    assert cluster_address(address) == address


def test_without_an_address_that_of_the_job_is_obeyed(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")

    assert cluster_address(None) == "10.0.0.1:6379"
    assert cluster_address("auto") == "auto"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ray://head:10001", "cannot be driven through Ray Client"),
        ("http://127.0.0.1:8265", 'must be "auto" or the host:port'),
        ("10.0.0.1", 'must be "auto" or the host:port'),
        (":6379", 'must be "auto" or the host:port'),
    ],
)
def test_addresses_of_another_kind_are_refused_by_their_source(
    address, said, monkeypatch, no_ray_address
):
    with pytest.raises(UserError, match=f"--address: .*{said}"):
        cluster_address(address)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=f"RAY_ADDRESS: .*{said}"):
        cluster_address(None)


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o400])
def test_nobody_else_may_read_the_token(tmp_path, monkeypatch, mode):
    monkeypatch.setenv("HOME", str(tmp_path))
    close_token_file()  # there is none yet
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("secret")
    token.chmod(mode)

    close_token_file()
    assert token.stat().st_mode & 0o777 == mode & 0o700
