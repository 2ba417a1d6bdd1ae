"""The ledger of openings: counts each run's opening of the same test rows once."""

import json
import multiprocessing
from pathlib import Path

from search.journal.opening_ledger import ledger_path, record_opening


def test_openings_are_numbered_per_test_rows_from_one(tmp_path):
    path = tmp_path / "deep" / "ledger.jsonl"
    opened = [("rows A", "run 1"), ("rows A", "run 2"), ("rows B", "run 1"), ("rows A", "run 3")]

    assert [record_opening(rows, run, "name", path) for rows, run in opened] == [1, 2, 1, 3]


def test_a_run_s_second_opening_keeps_its_number_and_writes_nothing(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for run in ("run 1", "run 2", "run 3"):
        record_opening("rows", run, "name", path)
    before = path.read_text()

    assert record_opening("rows", "run 2", "name", path) == 2
    assert path.read_text() == before


def test_an_entry_says_whose_opening_it_was_and_when(tmp_path):
    path = tmp_path / "ledger.jsonl"
    record_opening("rows", "run 1", "adult-sex", path)

    (entry,) = map(json.loads, path.read_text().splitlines())
    assert entry.pop("time") > 1.6e9
    assert entry == {"test": "rows", "run": "run 1", "name": "adult-sex"}


def test_processes_that_open_at_once_get_different_numbers(tmp_path):
    path = tmp_path / "ledger.jsonl"
    openings = [("rows", f"run {number}", "name", path) for number in range(40)]
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        numbers = pool.starmap(record_opening, openings, chunksize=1)

    assert sorted(numbers) == list(range(1, 41))


def test_the_ledger_lies_where_the_environment_says_else_in_the_user_s_data(monkeypatch):
    monkeypatch.setenv("FAIRFRONT_LEDGER", "/somewhere/openings.jsonl")
    assert ledger_path() == Path("/somewhere/openings.jsonl")

    monkeypatch.delenv("FAIRFRONT_LEDGER")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert ledger_path() == Path("/data/fairfront/ledger.jsonl")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert ledger_path() == Path("/home/someone/.local/share/fairfront/ledger.jsonl")
