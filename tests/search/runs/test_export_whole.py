"""An export is there whole or not at all, and one that was cut off is in nobody's way."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search.runs import export as exporting
from search.runs.export import export
from search.runs.garbage import garbage

FINISHED = Path(__file__).parent / "older_version" / "finished"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def run(tmp_path):
    return Path(shutil.copytree(FINISHED, tmp_path / "finished"))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]
)
def test_an_export_that_is_cut_off_leaves_nothing_and_the_next_one_succeeds(
    run, tmp_path, monkeypatch, error
):
    def cut_off(*_):
        raise error

    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr(exporting, "write_json", cut_off)
        export(run, "chosen", tmp_path / "model")

    assert names(tmp_path) == ["finished"]
    (tmp_path / "model").mkdir()  # an empty folder is none that holds anything
    assert names(export(run, "chosen", tmp_path / "model")) == ["card.json", "model.safetensors"]
    assert names(tmp_path) == ["finished", "model"]


def test_what_a_killed_export_leaves_beside_the_others_is_collected(run):
    script = (
        "import os, signal, sys\n"
        "from search.runs import export\n"
        "export.write_json = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "export.export(sys.argv[1], 'chosen')\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, run], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL

    (left,) = (run / "exports").iterdir()
    assert ".partial-" in left.name
    with garbage(run) as rubbish:
        assert left in rubbish.leftovers
    assert export(run, "chosen").is_dir()
