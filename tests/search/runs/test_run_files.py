"""The files of a run: with the permissions that files have here, none written through a link."""

import os
import shutil
from pathlib import Path

import pytest
from torch import nn

from search.results.report import report
from search.runs.folder import RunFolder
from trainables.models.net_file import save_net

FINISHED = Path(__file__).parent / "older_version" / "finished"


@pytest.fixture(params=[0o022, 0o002, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_all_files_have_the_same_permissions(tmp_path, umask):
    save_net(nn.Linear(2, 1), tmp_path / "dense.safetensors")
    folder = RunFolder(tmp_path)
    folder.save_front(RunFolder(FINISHED).front(), confirmed=True)

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(modes, 0o666 & ~umask)
    assert len(modes) == 4


@pytest.mark.parametrize("name", ["front.csv", "front.json", "front.png", "report.html"])
def test_a_report_writes_nothing_through_a_link(tmp_path, name):
    run = Path(shutil.copytree(FINISHED, tmp_path / "run"))
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(mine)

    report(run)

    assert mine.read_text() == "mine"
    assert not (run / name).is_symlink()
