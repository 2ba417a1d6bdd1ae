"""Ray as it is started on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A process of its own: Ray's processes are its children, and pytest keeps none of them.
PROBE = """
import json, os, signal
import psutil, ray
from search.cluster import connected

asked = []
signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
with connected(None, cpus=1, gpus=0):
    assert ray.get(ray.remote(lambda: os.getpriority(os.PRIO_PROCESS, 0)).remote()) == 0
    mine = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = {
        connection.laddr.ip
        for process in mine
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    os.kill(os.getpid(), signal.SIGTERM)
print(json.dumps([sorted(listening), len(asked), ray.is_initialized()]))
"""


def test_a_local_ray_listens_on_loopback_alone_and_leaves_sigterm_to_us(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    addresses, asked, initialized = json.loads(done.stdout.strip().splitlines()[-1])
    assert set(addresses) <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    assert (asked, initialized) == (1, False)
