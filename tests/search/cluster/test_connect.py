"""Ray as it is started on this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import ray
from torch import nn

from search.cluster import connect as cluster
from search.cluster.connect import check_cluster
from search.cluster.shipping import ship_by_value
from search.errors import UserError
from trainables.models import MODELS
from trainables.user_code import load_function

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


NETS = """
from torch import nn
from layers import Square


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside = nn.Sequential(Square(), nn.Linear(3, 1))

    def forward(self, x):
        return self.inside(x)


def small(shape, outputs):
    return Small()
"""
LAYERS = """
from torch import nn


class Square(nn.Module):
    def forward(self, x):
        return x * x
"""
ELSEWHERE = """
import pickle, sys, torch
net = pickle.loads(sys.stdin.buffer.read())
print(net(torch.ones(2, 3)).shape)
"""


def test_a_network_of_the_users_own_reaches_a_process_that_has_not_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "layers.py").write_text(LAYERS)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("nets", "layers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    net = load_function("model.build", "nets:small", tmp_path)((3,), 1)

    shipped = ship_by_value(net)
    sent = ray.cloudpickle.dumps(net)
    for name in shipped:
        ray.cloudpickle.unregister_pickle_by_value(sys.modules[name])
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], input=sent, cwd="/", capture_output=True, check=False
    )

    assert shipped == ["layers", "nets"]
    assert done.stdout.decode().strip() == "torch.Size([2, 1])", done.stderr.decode()


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


def test_what_is_installed_outside_of_the_environment_is_not_sent_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lib" / "site-packages"  # as of `pip install --user`
    folder.mkdir(parents=True)
    (folder / "nets.py").write_text("from torch import nn\nclass Own(nn.ReLU): ...\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "nets", raising=False)
    net = load_function("model.build", "nets:Own", None)()

    assert ship_by_value(net) == []


def test_installed_networks_and_our_own_are_not_sent_along() -> None:
    assert ship_by_value(nn.Sequential(nn.Linear(2, 1))) == []
    assert ship_by_value(MODELS["mlp"]((3,), 1)) == []
