"""A server of our own Ray dies: one line tells it, whatever the main thread is waiting for."""

import subprocess
import sys

import pytest

GOES_ON = "`fairfront resume runs/first` goes on"
SCRIPT = """
import subprocess, sys, time
from search.cluster import deaths
from search.errors import GOES_ON, MachineFault

dead = subprocess.Popen([sys.executable, "-c", ""])
deaths._servers = lambda: {{"its GCS server": dead}}
deaths._GRACE, deaths._PATIENCE = 0.1, {{"its GCS server": (0.5, 0.5)}}
deaths.ray.shutdown = lambda: time.sleep({leaving})
GOES_ON.set("fairfront resume runs/first")
interrupts = 0
try:
    with deaths.deaths_told():
        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            try:
                time.sleep(0.05)
            except KeyboardInterrupt:  # as code of Ray's does that cleans up
                interrupts += 1
                if interrupts > {swallowed}:
                    raise
except MachineFault as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(
    ("swallowed", "leaving", "again"),
    [(0, 0, ""), (1, 0, ""), (99, 0, GOES_ON), (1, 30, GOES_ON)],
)
def test_a_death_ends_the_process_in_one_line_even_where_interrupts_are_swallowed(
    swallowed, leaving, again
):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(swallowed=swallowed, leaving=leaving)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    said = (done.stdout + done.stderr).strip()
    assert done.returncode == 1
    assert said.count("\n") == 0, said
    assert "Ray has died on this machine (its GCS server was killed)" in said
    assert said.endswith(again)
