"""What a report of a run of today needs: it is read by many who have no time for torch."""

import subprocess
import sys
from pathlib import Path

from search.config.config import Config
from tests.search.made_run import made_run

ROOT = Path(__file__).parents[3]


def test_a_report_loads_neither_torch_nor_ray(tmp_path):
    config = Config.load(
        "quick", ["dense.max_epochs=1", "dense.check_every=1", "tracking.enabled=false"]
    )
    few = {"epochs": 1, "lr": 0.01, "batch_size": 64}
    made_run(tmp_path / "run", config, {"edge_popup": {"pruner": {**few, "sparsity": 0.5}}})
    code = (
        "import sys; from search.cli.app import main\n"
        f"sys.argv = ['fairfront', 'report', {str(tmp_path / 'run')!r}]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "print(sorted({'torch', 'ray', 'sklearn', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]", done.stdout
    assert (tmp_path / "run" / "report.html").exists()
