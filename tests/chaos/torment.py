"""Kills whatever a search consists of, again and again, and goes on with it each time.

By hand: `python -m tests.chaos.torment DIR [--kills 20] [--seed 0]`. At each of so many random
moments one of KINDS is killed, by process id; where that ends the search, `fairfront resume` goes
on with it. What Ray had started is looked after at the end.
"""

import argparse
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.search.engine.kill_script import EPOCHS, Victim, end_all

METHOD = "magnitude_retrain"
KINDS = {  # what is killed: how its command line begins, or what it contains
    "driver": None,
    "group": None,  # the driver and all that it has started, at once
    "worker": "ray::ResourceTrainable",
    "raylet": "/raylet/raylet ",
    "gcs": "/gcs/gcs_server ",
    "mirror": "-m search.tracking.mirror ",
}
GOES_ON_ALONE = {"worker", "mirror"}
TOLD = {"raylet", "gcs"}  # the driver lives on to say what has died


def found(process, kind):
    """The process ids of this kind among what `process` has started."""
    pids = []
    for pid, _ in process.children():
        with suppress(FileNotFoundError, ProcessLookupError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            pids += [pid] * (KINDS[kind] in words)
    return pids


def kill(process, kind):
    """Whether there was anything to kill."""
    children = process.children()
    if kind == "driver":
        process.kill()
        return True
    if kind == "group":
        process.kill()
        end_all(children)
        return True
    pids = found(process, kind)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(pids)


class Tormented(Victim):
    """A search with a mirror, whose every part is killed in turn."""

    def __init__(self, folder, trials):
        super().__init__(folder, METHOD, trials, 1)
        watched = [word.replace("enabled=false", "enabled=true") for word in self._settings]
        self._settings = watched
        self.ends = []  # (kind, exit code, last line), of drivers that had to tell of a death

    def run(self, kills, draws):
        process = self.go_on()
        for number in range(kills):
            kind = draws.choice(list(KINDS))
            goal = self.reports() + draws.randint(1, 5)
            self.wait(lambda goal=goal: self.reports() >= goal, f"{kind} {number}")
            time.sleep(draws.uniform(0, 0.2))
            self.recorded |= process.children()
            if not kill(process, kind):
                continue  # it was just being started anew
            self.died(f"{number}: {kind}")
            if kind in TOLD:
                code = self.finish()
                self.ends.append((kind, code, self.said.read_text().splitlines()[-1]))
            if kind not in GOES_ON_ALONE:
                process = self.go_on()


def torment(folder, kills, seed):
    """The victim and the exit code of its last process."""
    # A kill comes after five reports at most: the search is never over before the last.
    victim = Tormented(folder, trials=-(-kills * 6 // EPOCHS) + 2)
    try:
        victim.run(kills, random.Random(seed))
        return victim, victim.finish()
    finally:
        victim.look_after()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for the run; must not exist")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    begin = time.monotonic()
    victim, code = torment(given.folder, given.kills, given.seed)
    for end in victim.ends:
        print(*end)
    print(f"exit code {code} after {time.monotonic() - begin:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
