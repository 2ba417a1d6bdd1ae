"""The ledger of openings: counts each run's opening of the same test rows once."""

import json
import multiprocessing
from pathlib import Path

import pytest

from search.journal.opening_ledger import ledger_path, opening_that_follows, record_opening

FRONT = {"front": ["aa", "bb"], "chosen": "bb"}


def test_openings_are_numbered_per_test_rows_from_one(tmp_path):
    path = tmp_path / "deep" / "ledger.jsonl"
    opened = [("rows A", "run 1"), ("rows A", "run 2"), ("rows B", "run 1"), ("rows A", "run 3")]

    found = [record_opening(rows, run, "name", FRONT, path) for rows, run in opened]
    assert found == [1, 2, 1, 3]


def test_the_next_opening_is_known_before_anything_is_written(tmp_path):
    path = tmp_path / "deep" / "ledger.jsonl"
    assert opening_that_follows("rows A", path) == 1
    assert not path.parent.exists()
    for rows, run in [("rows A", "run 1"), ("rows B", "run 1"), ("rows A", "run 2")]:
        expected = opening_that_follows(rows, path)
        assert record_opening(rows, run, "name", FRONT, path) == expected
    before = path.read_text()
    assert [opening_that_follows(rows, path) for rows in ("rows A", "rows B", "C")] == [3, 2, 1]
    assert path.read_text() == before


def test_a_run_s_second_opening_keeps_its_number_and_writes_nothing(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for run in ("run 1", "run 2", "run 3"):
        record_opening("rows", run, "name", FRONT, path)
    before = path.read_text()

    assert record_opening("rows", "run 2", "name", dict(FRONT), path) == 2
    assert path.read_text() == before


def test_a_run_that_looks_at_anything_else_opens_test_again(tmp_path):
    """Its folder was copied or edited: another front, or none of what had been confirmed."""
    path = tmp_path / "ledger.jsonl"
    seen = [FRONT, {"front": ["aa"], "chosen": "bb"}, {"front": ["bb"], "chosen": "bb"}, FRONT]

    assert [record_opening("rows", "run", "name", one, path) for one in seen] == [1, 2, 3, 1]
    assert record_opening("rows", "another run", "name", FRONT, path) == 4


def test_an_entry_of_an_earlier_version_counts_once_for_its_run(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_text(json.dumps({"test": "rows", "run": "run", "name": "n", "time": 1.0}) + "\n")

    assert record_opening("rows", "run", "name", FRONT, path) == 1
    assert record_opening("rows", "another run", "name", FRONT, path) == 2


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_line_keeps_no_run_from_being_confirmed(tmp_path, cut, caplog):
    path = tmp_path / "ledger.jsonl"
    for run in ("run 1", "run 2"):
        record_opening("rows", run, "name", FRONT, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])

    again = [record_opening("rows", run, "name", FRONT, path) for run in ("run 1", "run 3")]

    known = 2 if cut == 1 else 1  # without its newline alone the line is whole
    assert again == [1, known + 1]
    assert (f"{path}: line 2 is damaged" in caplog.text) == (cut > 1)
    assert json.loads(path.read_text().splitlines()[-1])["run"] == "run 3"


@pytest.mark.parametrize("line", ["{", "\x00\x00", "[1, 2]", '{"test": "rows"}', "\udcff"])
def test_a_strange_line_is_named_and_passed_over(tmp_path, line, caplog):
    path = tmp_path / "ledger.jsonl"
    record_opening("rows", "run 1", "name", FRONT, path)
    with path.open("ab") as file:
        file.write(line.encode(errors="surrogateescape") + b"\n")

    assert record_opening("rows", "run 2", "name", FRONT, path) == 2
    assert record_opening("rows", "run 1", "name", FRONT, path) == 1
    assert f"{path}: line 2 is damaged and counts no opening; mend it, or remove it" in caplog.text


def test_an_entry_says_whose_opening_it_was_and_when(tmp_path):
    path = tmp_path / "ledger.jsonl"
    record_opening("rows", "run 1", "adult-sex", FRONT, path)

    (entry,) = map(json.loads, path.read_text().splitlines())
    assert entry.pop("time") > 1.6e9
    assert len(entry.pop("looked_at")) == 64
    assert entry == {"test": "rows", "run": "run 1", "name": "adult-sex"}


def test_processes_that_open_at_once_get_different_numbers(tmp_path):
    path = tmp_path / "ledger.jsonl"
    openings = [("rows", f"run {number}", "name", FRONT, path) for number in range(40)]
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
