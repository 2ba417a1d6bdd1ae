"""A Ray cluster of several machines for tests, in a network of its own: `isolated` runs this file.

The network namespace has a loopback interface and nothing else. Each raylet has an address of its
own on it, so to Ray they are different machines, and nothing outside can reach any of them.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
ADDRESSES = [f"10.99.0.{number}" for number in range(1, 6)]  # the first one is the head's
OUTSIDE = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]


def possible() -> bool:
    """Whether this user may make namespaces (root may)."""
    try:
        probe = [*OUTSIDE, "ip", "link", "set", "lo", "up"]
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def isolated(home: Path, temporary: Path, scenario: str, **facts) -> subprocess.CompletedProcess:
    """Runs a scenario of this file; with it ends whatever it started. Its sockets lie in
    `temporary`, whose name must be short; its user's home is `home`, where Ray's token is."""
    token = home / ".ray" / "auth_token"
    token.parent.mkdir(parents=True)
    token.touch(mode=0o600)
    token.write_text("0123456789abcdef" * 4)
    environment = {
        **os.environ,
        **{"HOME": str(home), "RAY_TMPDIR": str(temporary), "RAY_AUTH_MODE": "token"},
        **{"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
        **{"FAIRFRONT_CACHE": str(home / "cache"), "FAIRFRONT_LEDGER": str(home / "ledger")},
    }
    return subprocess.run(
        [*OUTSIDE, sys.executable, __file__, scenario, json.dumps(facts)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )


class Machines:
    """Head without trials, workers with a CPU each."""

    def __init__(self, workers: int) -> None:
        from ray.cluster_utils import Cluster

        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for address in ADDRESSES:
            subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
        self.cluster = Cluster()
        self._free = list(ADDRESSES)
        self.add(0)
        self.workers = [self.add(1) for _ in range(workers)]

    def add(self, cpus: int):
        return self.cluster.add_node(num_cpus=cpus, node_ip_address=self._free.pop(0))

    def add_blind(self, hidden: Path) -> subprocess.Popen:
        """A worker to which `hidden` is empty, as it is to a machine that has not mounted it."""
        ray = Path(sys.executable).parent / "ray"
        start = (
            f"mount -t tmpfs none {hidden} && exec {ray} start --block "
            f"--address={self.cluster.address} --num-cpus=1 --node-ip-address={self._free.pop(0)} "
            f"--object-store-memory=150000000"
        )
        before = len(self.alive())
        blind = subprocess.Popen(["unshare", "-m", "sh", "-c", start], stdout=subprocess.DEVNULL)
        wait(blind, lambda: len(self.alive()) > before, "the blind machine")
        return blind

    def alive(self) -> list[dict]:
        return [node for node in self.cluster.global_state.node_table() if node["Alive"]]

    def lose(self, worker: int) -> None:
        """Kills all processes of a machine, as if it had been switched off."""
        self.cluster.remove_node(self.workers[worker], allow_graceful=False)

    def fairfront(self, said: Path, *arguments: str) -> subprocess.Popen:
        with said.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "search", *arguments, "--address", self.cluster.address],
                cwd=said.parent,
                stdout=output,
                stderr=subprocess.STDOUT,
            )


def has_trial(machine) -> bool:
    """Whether a worker process of the machine is running a trial, as its title says."""
    (raylet,) = [one.process.pid for one in machine.all_processes["raylet"]]
    children = Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split()
    titles = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    return any(title.startswith((b"ray::FairPruning", b"ray::ResourceTrain")) for title in titles)


def reports(folder: Path) -> int:
    journal = folder / "journal.jsonl"
    return journal.read_bytes().count(b'"event":"report"') if journal.exists() else 0


def wait(process: subprocess.Popen, holds, what: str, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if process.poll() is not None or time.monotonic() > end:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.05)


def lost_machines(folder: str, words: list[str], at: int) -> None:
    """A search on two workers. One is lost after `at` reports, and a new one joins; that one is
    lost as well once it has run a trial for a while."""
    path, machines = Path(folder), Machines(workers=2)
    begin = time.monotonic()
    search = machines.fairfront(path.parent / "said.txt", "search", *words, "--out", folder)
    wait(search, lambda: reports(path) >= at, f"{at} reports")
    machines.lose(0)
    machines.workers.append(machines.add(1))
    wait(search, lambda: has_trial(machines.workers[2]), "a trial on the machine that joined")
    known = reports(path)
    wait(search, lambda: reports(path) >= known + at, "reports after that")
    machines.lose(2)
    code = search.wait(timeout=600)
    print(json.dumps({"code": code, "seconds": round(time.monotonic() - begin, 1)}))


def blind_machine(folder: str, words: list[str]) -> None:
    """A search beside a worker that does not see the run's folder from the start, and one that
    such a worker joins later; then that one is resumed after the worker was taken away."""
    shared = Path(folder)
    said = shared.parent / "said.txt"
    machines = Machines(workers=1)
    search = machines.fairfront(said, "search", *words, "--out", str(shared / "late"))
    wait(search, lambda: reports(shared / "late") >= 2, "2 reports")
    blind = machines.add_blind(shared)
    codes = [search.wait(timeout=600)]
    early = machines.fairfront(said, "search", *words, "--out", str(shared / "early"))
    codes.append(early.wait(timeout=600))
    blind.terminate()
    blind.wait(timeout=60)
    again = machines.fairfront(said, "resume", str(shared / "late"))
    codes.append(again.wait(timeout=600))
    print(json.dumps({"codes": codes, "early": (shared / "early").exists()}))


SCENARIOS = {"lost_machines": lost_machines, "blind_machine": blind_machine}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](**json.loads(sys.argv[2]))
