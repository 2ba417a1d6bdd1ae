"""Memory of the driver of the quick demo, beside a process that only imports what it imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
IMPORTS = "import search.engine.experiment, search.results.report\n"
SEARCH = """
import sys
from pathlib import Path
from search.config.config import Config
from search.engine.experiment import run

run(Config.load("quick", []), out=Path(sys.argv[1]))
"""


def _peak(code: str, *arguments: str) -> float:
    """MiB that the process itself held at most, its children not counted."""
    done = subprocess.run(
        [sys.executable, "-c", code + PEAK, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return float(done.stdout.strip().splitlines()[-1])


@pytest.mark.benchmark
def test_the_driver_of_the_quick_demo_needs_little_more_than_its_imports(tmp_path: Path) -> None:
    imports = _peak(IMPORTS)
    driver = _peak(SEARCH, str(tmp_path / "run"))
    print(f"\nquick demo: driver {driver:.0f} MiB at most; its imports alone {imports:.0f} MiB")
    assert driver < 2 * imports
