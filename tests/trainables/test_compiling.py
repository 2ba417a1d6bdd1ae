"""Loops that are compiled once: what other processes load of them, and what they need not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOOP = """
import numpy as np
from trainables.compiling import machine_code

def halves(values):
    out = np.empty_like(values)
    for i in range(values.size):
        out[i] = values[i] / values.dtype.type(2)
    return out

halves = machine_code(halves)
"""
# Of numba's tables of what it can compile these are the last that are filled.
ASK = """
import json, sys
import numpy as np
from loop import halves
said = [halves(np.arange(4, dtype=kind)).tolist() for kind in {kinds}]
filled = "numba.np.polynomial.polynomial_core" in sys.modules
print(json.dumps([said, filled]))
"""
HALVES = [0.0, 0.5, 1.0, 1.5]


@pytest.fixture
def process(tmp_path):
    """What a process of its own computes, and whether it has all that compiling needs."""
    (tmp_path / "loop.py").write_text(LOOP)
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    own = {**os.environ, "PYTHONPATH": paths, "FAIRFRONT_CACHE": str(tmp_path / "cache")}
    own.pop("NUMBA_CACHE_DIR", None)

    def run(*kinds):
        done = subprocess.run(
            [sys.executable, "-c", ASK.format(kinds=list(kinds))],
            capture_output=True,
            text=True,
            check=True,
            env=own,
        )
        return json.loads(done.stdout)

    return run


def test_who_loads_compiled_code_loads_nothing_for_compiling_until_it_compiles(process):
    assert process("float32") == [[HALVES], True]
    assert process("float32") == [[HALVES], False]
    assert process("float32", "float64") == [[HALVES, HALVES], True]
    assert process("float64", "float32") == [[HALVES, HALVES], False]
