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


def test_code_of_a_changed_function_that_another_file_calls_is_compiled_anew(process, tmp_path):
    """numba looks at the caller's file alone."""
    (tmp_path / "part.py").write_text(LOOP)
    caller = LOOP.replace("return out", "return inner(out)").replace(
        "import numpy as np", "import numpy as np\nfrom part import halves as inner", 1
    )
    (tmp_path / "loop.py").write_text(caller)
    assert process("float32")[0] == [[value / 2 for value in HALVES]]

    (tmp_path / "part.py").write_text(LOOP.replace("type(2)", "type(4)"))
    assert process("float32")[0] == [[value / 4 for value in HALVES]]
    assert process("float32")[1] is False
