"""Kills one search again and again and goes on with it each time; see test_killed_search.py.

By hand: `python -m tests.search.engine.kill_script DIR [--kills 10] [--seed 0] [--workers]
[--method fairgrape]`. What is killed, by its process id: the driver (`fairfront resume` goes on),
or with --workers those of the trials (the search goes on by itself). A driver dies alone: what Ray
had started is left to itself while the next driver begins, and looked after at the end.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
EPOCHS = 9  # of a trial
METHODS = {
    "magnitude_retrain": ["recovery.epochs=8"],  # after one of pruning
    "fairgrape": [  # four rounds of two epochs, then one of retraining
        *["pruner.kappa=0.5", "pruner.sparsity=0.9", "pruner.round_epochs=2"],
        *["pruner.final_epochs=1", "pruner.batch_size=256"],
    ],
}
PATIENCE = 600.0  # seconds, for anything to happen
STARTING = 0.3  # share of the kills that do not wait for anything to be reported
LONGEST_START = 12.0  # seconds after which those come at the latest


@dataclass(frozen=True)
class Kill:
    """What the journal held when it happened."""

    when: str
    journal: bytes  # empty where there was none yet


def settings(method, trials, concurrent):
    chosen = [
        *[f"search.methods=['{method}']", f"search.trials={trials}"],
        *[f"search.concurrent={concurrent}", "search.sampler='random'"],
        *["search.scheduler='none'", "search.time_limit='1h'", "dense.max_epochs=10"],
        *[f"space.{method}.{setting}" for setting in METHODS[method]],
        *["objective.tolerance=0.6", "tracking.enabled=false"],
    ]
    return [word for one in chosen for word in ("--set", one)]


class Process:
    """`fairfront`, or a module like it, in a process of its own, and whatever that has started."""

    def __init__(self, said, *arguments, module="search"):
        with said.open("ab") as output:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                **{"cwd": ROOT, "stdout": output, "stderr": subprocess.STDOUT},
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        self.begin = time.monotonic()

    @property
    def code(self):
        """Its exit code, None while it lives."""
        return self._popen.poll()

    def children(self):
        """(process id, start time) of all that descend from it; the time tells a process from
        another one that has been given its number since."""
        known = processes()
        below = [self._popen.pid]
        for one in below:
            below.extend(child for child, (parent, _) in known.items() if parent == one)
        return {(pid, known[pid][1]) for pid in below[1:]}

    def workers(self):
        """Those of its children that run trials."""
        found = []
        for pid, _ in self.children():
            with suppress(FileNotFoundError, ProcessLookupError):
                title = Path(f"/proc/{pid}/cmdline").read_bytes()
                found += [pid] * title.startswith(b"ray::ResourceTrainable")  # Ray's name for ours
        return found

    def kill(self):
        self._popen.kill()
        self._popen.wait()


def processes():
    """Process id -> (parent's, start time), of all that are there now."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            words = status.read_text().rpartition(")")[2].split()
            found[int(status.parent.name)] = (int(words[1]), words[19])
    return found


def end_all(recorded):
    """Kills those of the recorded (process id, start time) that are still there."""
    now = processes()
    for pid, start in recorded:
        if now.get(pid, (0, None))[1] == start:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Victim:
    """A search in `folder`, started and gone on with as often as it is killed.

    Trials in rounds leave checkpoints between them; those of the other method begin anew.
    """

    def __init__(self, folder, method, trials, concurrent):
        self.folder = folder
        self.kills = []
        self.recorded = set()  # all that was ever started, to be looked after at the end
        self._settings = settings(method, trials, concurrent)
        self.eager = method == "fairgrape"
        self._module = "tests.search.engine.eager_checkpoints" if self.eager else "search"
        self._process = None

    @property
    def said(self):
        return self.folder.parent / f"{self.folder.name}.txt"

    def journal(self):
        path = self.folder / "journal.jsonl"
        return path.read_bytes() if path.exists() else b""

    def reports(self):
        return self.journal().count(b'{"event":"report"')

    def go_on(self):
        """Starts the search, or resumes it once its journal has begun."""
        if b'"event":"dense"' in self.journal():
            arguments = ["resume", str(self.folder)]
        else:
            self.clear()
            arguments = ["search", "quick", *self._settings, "--out", str(self.folder)]
        self._process = Process(self.said, *arguments, module=self._module)
        return self._process

    def clear(self):
        """A search that had not begun has left nothing worth keeping; a user deletes it too."""
        if self.folder.exists():
            for path in sorted(self.folder.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            self.folder.rmdir()

    def wait(self, holds, what):
        end = time.monotonic() + PATIENCE
        while not holds():
            if self._process.code is not None:
                raise RuntimeError(f"the search ended before {what}: {self.said.read_text()}")
            if time.monotonic() > end:
                raise RuntimeError(f"waited in vain for {what}: {self.said.read_text()}")
            time.sleep(0.02)

    def died(self, when):
        self.kills.append(Kill(when, self.journal()))
        print(f"{when}: {self.reports()} reports by then", flush=True)

    def finish(self):
        """Lets the search come to its end; its exit code, None where it does not end."""
        end = time.monotonic() + 2 * PATIENCE
        while self._process.code is None and time.monotonic() < end:
            self.recorded |= self._process.children()
            time.sleep(0.5)
        return self._process.code

    def look_after(self):
        if self._process is not None:
            self.recorded |= self._process.children()
            self._process.kill()
        end_all(self.recorded)


def kill_drivers(victim, kills, draws):
    """So many times: goes on, kills the driver at a random moment; then lets it finish."""
    for number in range(1, kills + 1):
        process = victim.go_on()
        if draws.random() < STARTING:
            seconds = draws.uniform(0, LONGEST_START)
            when = f"driver {number} killed {seconds:.1f} s after its start"
            victim.wait(lambda p=process, s=seconds: time.monotonic() > p.begin + s, when)
        else:
            reports, seconds = draws.randint(1, 9), draws.uniform(0, 0.2)
            when = f"driver {number} killed {seconds:.2f} s after {reports} reports"
            goal = victim.reports() + reports
            victim.wait(lambda goal=goal: victim.reports() >= goal, when)
            time.sleep(seconds)
        victim.recorded |= process.children()
        process.kill()
        victim.died(when)
    victim.go_on()


def kill_workers(victim, kills, draws):
    """Kills the workers once in each of so many trials, at a random moment of each."""
    process = victim.go_on()
    for number in range(1, kills + 1):
        reports = (number - 1) * EPOCHS + draws.randint(1, EPOCHS - 1)
        when = f"worker {number} killed after report {reports} of all"
        victim.wait(lambda goal=reports: victim.reports() >= goal, when)
        victim.wait(process.workers, "a worker")
        victim.recorded |= process.children()
        for worker in process.workers():
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        victim.died(when)


def torment(folder, kills, seed, *, workers, method):
    """The victim and the exit code of its last process."""
    victim = Victim(folder, method, trials=kills + 2, concurrent=1 if workers else 2)
    try:
        (kill_workers if workers else kill_drivers)(victim, kills, random.Random(seed))
        return victim, victim.finish()
    finally:
        victim.look_after()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for the run; must not exist")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", action="store_true", help="kill the trials' workers")
    parser.add_argument("--method", choices=METHODS, default="magnitude_retrain")
    given = parser.parse_args()
    begin = time.monotonic()
    options = {"workers": given.workers, "method": given.method}
    _, code = torment(given.folder, given.kills, given.seed, **options)
    print(f"exit code {code} after {time.monotonic() - begin:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
