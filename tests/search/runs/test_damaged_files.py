"""A damaged file of a run is named, and what to do about it: never a traceback."""

from contextlib import closing

import pytest
from torch import nn

from search.config.config import Config
from search.errors import UserError
from search.journal.journal import Journal
from search.runs.folder import RunFolder
from tests.trainables.made_data import made_prepared

CONFIG = Config.model_validate({"name": "new", "data": {"name": "digits", "group": "domain"}})


@pytest.fixture
def folder(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.create(CONFIG, nn.Linear(5, 1), made_prepared(), nn.Linear(5, 1))
    with closing(Journal(run.path)) as journal:
        journal.append({"event": "experiment", "prune_by": {"digest": "0"}})
        journal.append({"event": "dense"})
    for name in ("front.json", "confirmed.json"):
        (run.path / name).write_text('{"points": []}')
    (run.path / "pruning_groups.npz").write_bytes(b"PK\x03\x04" + bytes(100))
    return run


READ = {
    "encoder.json": lambda run: run.encoding(),
    "front.json": lambda run: run.front(),
    "confirmed.json": lambda run: run.confirmation(),
    "dense.safetensors": lambda run: run.dense(nn.Linear(5, 1)),
    "early.safetensors": lambda run: run.early(nn.Linear(5, 1)),
    "pruning_groups.npz": lambda run: run.pruning_groups(run.facts()),
}
REMEDIES = {
    "encoder.json": "remove it: `fairfront resume {}`",
    "front.json": "remove it: `fairfront report {}`",
    "confirmed.json": "remove it: `fairfront confirm {}`",
    "dense.safetensors": "or remove the file: `fairfront resume {}`",
    "early.safetensors": "put back a copy of it",
    "pruning_groups.npz": "put back a copy of it",
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_file_that_was_cut_is_named_with_a_remedy(folder, name, share):
    file = folder.path / name
    if name != "pruning_groups.npz":  # which is none from the beginning
        READ[name](folder)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])

    with pytest.raises(UserError, match=r"is damaged: ") as said:
        READ[name](folder)
    assert str(file) in str(said.value)
    assert REMEDIES[name].format(folder.path) in str(said.value)


@pytest.mark.parametrize("name", ["dense.safetensors", "early.safetensors"])
def test_a_flipped_bit_of_a_network_is_noticed(folder, name):
    file = folder.path / name
    content = bytearray(file.read_bytes())
    content[-2] ^= 4
    file.write_bytes(bytes(content))

    with pytest.raises(UserError, match=rf"{name} is damaged: its weights are not those"):
        READ[name](folder)


def test_a_network_that_is_built_otherwise_now_is_named(folder):
    with pytest.raises(UserError, match=r"holds the weights of another network: .*size mismatch"):
        folder.dense(nn.Linear(6, 1))


def test_a_missing_file_is_named_too(folder):
    for name in ("encoder.json", "dense.safetensors"):
        (folder.path / name).unlink()
        with pytest.raises(UserError, match=name):
            READ[name](folder)
