"""After a power cut a name must not stand for an empty file."""

import os
from pathlib import Path

import pytest

from trainables.files import whole_file


@pytest.fixture
def done(monkeypatch):
    """What was done, in its order."""
    steps, sync, move = [], os.fsync, Path.replace

    def fsync(opened):
        steps.append(("synced", Path(os.readlink(f"/proc/self/fd/{opened}"))))
        sync(opened)

    def replace(path, target):
        steps.append(("moved", path))
        return move(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    return steps


def test_a_file_is_on_the_disk_before_it_is_moved_and_its_name_afterwards(tmp_path, done):
    with whole_file(tmp_path / "front.json") as file:
        file.write_text("{}")

    assert done == [("synced", file), ("moved", file), ("synced", tmp_path)]


def test_a_file_system_that_cannot_sync_folders_is_no_error(tmp_path, monkeypatch):
    def fsync(opened):
        if Path(os.readlink(f"/proc/self/fd/{opened}")).is_dir():
            raise OSError("not supported")

    monkeypatch.setattr(os, "fsync", fsync)
    with whole_file(tmp_path / "front.json") as file:
        file.write_text("{}")

    assert (tmp_path / "front.json").read_text() == "{}"
