"""What is compiled before others start: once, by one process, and said before it begins."""

import threading
import time

import pytest
from torch import nn

from trainables.fused import warming
from trainables.models.mlp import mlp


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """A list that has an entry for each time that everything is compiled, which takes a while."""
    times = []

    def compiling():
        time.sleep(0.2)
        times.append(1)

    monkeypatch.setenv("FAIRFRONT_CACHE", str(tmp_path))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(warming, "_use_all", compiling)
    return times


def test_it_is_done_once_and_said_before(compiled):
    said = []
    for _ in range(2):
        warming.warm(mlp((3,), 1), lambda text: said.append((text, len(compiled))))

    assert said == [(warming.NOTE, 0)]
    assert len(compiled) == 1


def test_who_comes_while_another_is_at_it_waits(compiled):
    both = [threading.Thread(target=warming.warm, args=(mlp((3,), 1), print)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert len(compiled) == 1


def test_another_version_of_the_loops_is_compiled_anew(compiled, monkeypatch):
    for version in ("1", "2"):
        monkeypatch.setattr(warming, "version", lambda _, one=version: one)
        warming.warm(mlp((3,), 1), print)

    assert len(compiled) == 2


def test_nothing_is_done_for_networks_that_run_layer_by_layer_or_where_nothing_can_be_kept(
    compiled, monkeypatch, tmp_path
):
    warming.warm(nn.Sequential(nn.Flatten(), nn.Linear(3, 1)), pytest.fail)
    (tmp_path / "file").touch()
    monkeypatch.setenv("FAIRFRONT_CACHE", str(tmp_path / "file"))
    warming.warm(mlp((3,), 1), pytest.fail)

    assert compiled == []
