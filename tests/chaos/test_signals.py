"""Signals at random moments of real commands: 130 or 143, and one line that says how to go on."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.search.engine.kill_script import ROOT, settings

pytestmark = pytest.mark.slow

FINISHED = ROOT / "tests" / "search" / "runs" / "older_version" / "finished"
COMMANDS = {
    "search": ["search", "quick", *settings("magnitude_retrain", 3, 1), "--out", "{new}"],
    "confirm": ["confirm", "{run}", "--seeds", "1", "--trust"],
    "report": ["report", "{run}"],
    "export": ["export", "{run}", "chosen", "--to", "{new}"],
    "gc": ["gc", "{run}"],
    "reproduce": ["reproduce", "zhang2022-table1", "--quick", "--out", "{new}"],
}
MOMENTS = 2  # of each command and signal


def catches(pid, number):
    """Whether the process has a handler for the signal: before that, nothing of ours runs."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_signal_ends_a_command_in_one_line(command, number, moment, tmp_path):
    run = Path(shutil.copytree(FINISHED, tmp_path / "run"))
    places = {"run": run, "new": tmp_path / "new"}
    words = [word.format(**places) for word in COMMANDS[command]]
    process = subprocess.Popen(
        [sys.executable, "-m", "search", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and not catches(process.pid, signal.SIGTERM):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(random.Random(f"{command} {number} {moment}").uniform(0.0, 20.0))
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)

    assert "Traceback" not in errors
    if process.returncode not in (0, 2):  # it was over by then, or had been refused
        assert process.returncode == 128 + number, errors
        assert errors.strip().splitlines()[-1].startswith("Interrupted. Go on with: fairfront ")
    assert not list(tmp_path.glob("new.partial*"))
