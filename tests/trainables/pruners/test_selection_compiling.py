"""When the selection's loops are compiled, and where the code is kept."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def started(code, cache):
    environment = {**os.environ, "FAIRFRONT_CACHE": str(cache), "NUMBA_CACHE_DIR": ""}
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


def said_by(process):
    said = process.communicate()[0]
    assert process.returncode == 0
    return said.splitlines()


SELECTING = (
    "import numpy as np\n"
    "from trainables.pruners import selection\n"
    "print(selection.select(np.arange(12.0).reshape(2, 6), 3).tolist())\n"
    "print(sum(selection._compiled().paper.stats.cache_hits.values()))\n"
)
CHOSEN = "[False, False, False, True, True, True]"  # both groups rank the weights alike


def test_two_processes_may_compile_at_once_and_later_ones_find_the_code_in_the_cache(tmp_path):
    both = [started(SELECTING, tmp_path) for _ in range(2)]

    assert [said_by(process)[0] for process in both] == [CHOSEN, CHOSEN]
    assert list(tmp_path.rglob("*.nbi"))
    assert said_by(started(SELECTING, tmp_path)) == [CHOSEN, "1"]


def test_without_a_cache_folder_it_compiles_all_the_same(tmp_path):
    (tmp_path / "file").touch()

    assert said_by(started(SELECTING, tmp_path / "file")) == [CHOSEN, "0"]


def test_numba_is_loaded_by_the_first_selection_only(tmp_path):
    code = (
        "import sys, trainables.trial.trainable, trainables.pruners.selection as selection\n"
        "print('numba' in sys.modules)\n"
    )

    assert said_by(started(code, tmp_path)) == ["False"]
