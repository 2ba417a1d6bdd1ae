"""Trials wait for the workers that load what they need."""

import threading
import time

import pytest

from search.cluster import loading
from trainables.trial.names import LOADED


def waited(over=lambda: False):
    begun = time.monotonic()
    loading.wait_until_loaded(over)
    return time.monotonic() - begun


def test_it_waits_for_the_last_mark(tmp_path):
    (tmp_path / f"{LOADED}-1").touch()
    threading.Timer(0.4, (tmp_path / f"{LOADED}-2").touch).start()
    with loading.loading(tmp_path, 2):
        assert 0.3 < waited() < 10
        assert waited() < 0.3


@pytest.mark.parametrize("patience", [0.2, 60.0])
def test_it_gives_up_where_time_is_over_or_none_ever_comes(tmp_path, monkeypatch, patience):
    monkeypatch.setattr(loading, "PATIENCE", patience)
    end = time.monotonic() + 0.4
    with loading.loading(tmp_path, 1):
        assert 0.1 < waited(lambda: time.monotonic() > end) < 10


def test_where_no_worker_loads_anything_nobody_waits(tmp_path):
    with loading.loading(tmp_path, 0):
        assert waited() < 0.3
    assert waited() < 0.3
