"""A folder in which no search has begun is taken by the next one; any other is left alone."""

from contextlib import closing

import pytest
import torch
from torch import nn

from search.config.config import Config
from search.errors import UserError
from search.journal.journal import Journal, WriteLock
from search.results.confirm import confirm
from search.results.report import report
from search.runs.export import export
from search.runs.folder import RunFolder
from tests.trainables.made_data import made_prepared

CONFIG = Config.model_validate({"name": "new", "data": {"name": "digits", "group": "domain"}})


def create(path, early=None):
    folder = RunFolder(path)
    folder.refuse_existing()
    folder.create(CONFIG, nn.Linear(5, 1), made_prepared(), early)
    return folder


def begin(path, *kinds):
    with closing(Journal(path)) as journal:
        for kind in kinds:
            journal.append({"event": kind})


def files(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize("kinds", [None, (), ("experiment",), ("experiment", "warm_start")])
def test_what_never_began_is_taken_over_whole(tmp_path, kinds):
    run = tmp_path / "run"
    create(run, early=nn.Linear(5, 1))
    (run / "dense.safetensors.partial-77").write_bytes(b"half")
    (run / "pruning_groups.npz").write_bytes(b"of the old search")
    if kinds is not None:
        begin(run, *kinds)

    folder = create(run)

    assert not folder.journal.exists()
    assert folder.early(nn.Linear(5, 1)) is None
    assert not (run / "pruning_groups.npz").exists()
    weights = folder.dense(nn.Linear(5, 1)).weight
    assert torch.isfinite(weights).all()


def test_a_search_that_has_begun_is_not(tmp_path):
    run = tmp_path / "run"
    create(run)
    begin(run, "experiment", "dense")
    before = files(run)

    with pytest.raises(UserError, match=r"holds a run already; `fairfront resume"):
        create(run)
    assert files(run) == before


def test_nor_is_one_that_is_being_written(tmp_path):
    run = tmp_path / "run"
    create(run)
    lock = WriteLock(run)
    with pytest.raises(UserError, match="is being written by another search"):
        create(run)
    lock.release()

    create(run)


def test_nor_a_folder_with_anything_of_the_user_s(tmp_path):
    (tmp_path / "journal.lock").write_bytes(b"")
    (tmp_path / "thesis.tex").write_bytes(b"mine")
    (tmp_path / "file").write_bytes(b"mine")

    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(UserError, match="must be a new or empty folder"):
            RunFolder(path).refuse_existing()
    assert len(files(tmp_path)) == 3


@pytest.mark.parametrize("kinds", [(), ("experiment",)])
@pytest.mark.parametrize("command", [confirm, report, lambda path: export(path, "chosen")])
def test_commands_on_it_give_advice_that_works(tmp_path, kinds, command):
    run = tmp_path / "run"
    folder = create(run)
    begin(run)
    if kinds:
        told = {"name": "new", "seed": 0, "group": "domain", "objective": {}, "run": "0" * 32}
        with closing(Journal(run)) as journal:
            journal.append({"event": "experiment", **told, "correction": {"name": "argmax"}})

    with pytest.raises(UserError, match="ended before it had begun; `fairfront resume") as said:
        command(run)
    assert f"`fairfront resume {run}` goes on" in str(said.value)
    assert Config.load(folder.path / "config.toml") == CONFIG
