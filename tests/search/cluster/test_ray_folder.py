import os
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from search.cluster.ray_folder import ray_folder, temporary_place
from search.errors import UserError

SESSION = "session_2026-11-26_23-33-57_123456_4194304"  # the largest number of a process


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Makes a temporary folder whose path has so many bytes, and has all files go there."""

    def made(size):
        root = Path(tempfile.mkdtemp(dir="/tmp"))
        folder = root / ("x" * (size - len(str(root)) - 1))
        folder.mkdir()
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.delenv("RAY_TMPDIR", raising=False)
        return folder

    return made


def test_rays_sockets_fit_wherever_temporary_files_go(place):
    for size in range(25, 60):
        place(size)
        with ray_folder() as folder:
            assert len(f"{folder}/{SESSION}/sockets/plasma_store".encode()) <= 107


def test_a_short_place_is_kept_and_a_long_one_is_not(place):
    assert temporary_place() == place(25) or temporary_place().name.startswith("x")
    place(90)
    assert temporary_place() == Path("/tmp")


def test_rays_own_variable_comes_first(place, monkeypatch, tmp_path_factory):
    place(25)
    monkeypatch.setenv("RAY_TMPDIR", "/var/tmp")

    assert temporary_place() == Path("/var/tmp")


def test_no_place_at_all_is_refused_by_the_variables_name(place, monkeypatch):
    long = place(90)
    monkeypatch.setattr("search.cluster.ray_folder._SHORT", ())

    with pytest.raises(UserError, match=f"TMPDIR: .*at most [0-9]+ bytes.*got '{long}'"):
        temporary_place()


def test_the_folder_is_private_and_gone_afterwards():
    with ray_folder() as folder:
        (folder / "session" / "logs").mkdir(parents=True)
        (folder / "session" / "logs" / "raylet.out").write_text("started")
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert not folder.exists()


def test_no_process_is_left_that_would_make_the_folder_again(monkeypatch):
    monkeypatch.setattr("search.cluster.ray_folder._PATIENCE", 0.2)
    with ray_folder() as folder:
        command = f"sleep 60; mkdir -p {folder}/session"
        straggler = subprocess.Popen(["sh", "-c", command])

    assert straggler.wait(timeout=10) == -signal.SIGKILL
    assert not folder.exists()


def test_the_folder_is_gone_also_after_an_error():
    with pytest.raises(RuntimeError), ray_folder() as folder:
        raise RuntimeError("the search failed")
    assert not folder.exists()
