"""A dry run says again what it said only while nothing has changed that this follows from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from search.cli.remembered import described
from search.config.config import Config
from search.engine import dry_run
from search.errors import UserError
from search.problem import opening
from tests.search.cli.bad_cases import EXPERIMENT, PEOPLE

SMALL = ["search.methods=['magnitude_retrain']", "space.magnitude_retrain.recovery.epochs=1"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAIRFRONT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the experiments that were looked at; each is said to have one line."""
    names: list[str] = []

    def lines(problem):
        names.append(problem.config.name)
        yield f"look {len(names)}"

    monkeypatch.setattr(dry_run, "lines", lines)
    return names


def said(*changes: str) -> list[str]:
    return list(described("quick", [*SMALL, *changes]))


def test_what_is_said_again_is_what_a_look_would_find_and_when_it_was_found():
    first, again = said(), said()

    assert again[:-1] == first
    assert again[-1].endswith("experiment, data, code and machine are still the same")
    without_times = [line for line in first if not line.startswith("time ")]
    looked_at = dry_run.describe(Config.load("quick", SMALL))
    assert without_times == [line for line in looked_at if not line.startswith("time ")]


def test_another_experiment_is_looked_at(looked):
    said(), said()
    assert said("seed=9") == ["look 2"]
    assert said("objective.tolerance=0.2") == ["look 3"]
    assert said()[0] == "look 1"


def test_other_rows_are_looked_at(looked, monkeypatch):
    def changed(name, args, split_seed):
        data = load_named(name, args, split_seed=split_seed)
        labels = data.labels.copy()
        labels[:2] = labels[1::-1]
        inputs = data.inputs.copy()
        inputs[:2] = inputs[1::-1]
        inputs[0, 0, 0, 0] ^= 1
        return replace(data, inputs=inputs, labels=labels)

    load_named = opening.load_named
    said()
    monkeypatch.setattr(opening, "load_named", changed)

    assert said() == ["look 2"]
    assert said()[0] == "look 2"


@pytest.mark.parametrize("changed", ["code_digest", "version"])
def test_other_code_and_libraries_are_looked_at(changed, looked, monkeypatch):
    said()
    monkeypatch.setattr(f"search.cli.remembered.{changed}", lambda _: "another")

    assert said() == ["look 2"]


def test_another_opening_of_test_is_looked_at(looked, monkeypatch):
    """Power is that of the next opening, whose level is smaller."""
    said()
    monkeypatch.setattr("search.cli.remembered.opening_that_follows", lambda test: 2)

    assert said() == ["look 2"]


def test_another_machine_is_looked_at(looked, monkeypatch):
    said()
    monkeypatch.setattr("platform.node", lambda: "another")

    assert said() == ["look 2"]


def test_the_users_own_code_is_looked_at_each_time(looked, tmp_path, cache, monkeypatch):
    (tmp_path / "people.py").write_text(PEOPLE, "utf-8")
    (tmp_path / "people.toml").write_text(EXPERIMENT, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    for number in (1, 2):
        assert list(described(tmp_path / "people.toml", [])) == [f"look {number}"]
    assert not (cache / "dry_runs").exists()


def test_what_cannot_be_read_is_looked_at(looked, cache):
    said()
    (file,) = (cache / "dry_runs").iterdir()
    for text in ("", "[]", json.dumps({"data": "x"})):
        file.write_text(text, "utf-8")
        assert said() == [f"look {len(looked)}"]
    assert len(looked) == 4


def test_a_folder_that_holds_a_run_is_refused_though_all_else_is_remembered(looked, tmp_path):
    said()
    (tmp_path / "journal.jsonl").write_text('{"event": "dense"}\n', "utf-8")

    with pytest.raises(UserError, match="holds a run"):
        list(described("quick", SMALL, tmp_path))


def test_what_was_refused_is_not_remembered(cache):
    for _ in range(2):
        with pytest.raises(UserError, match="lr"):
            said("dense.lr=-1")
    assert not (cache / "dry_runs").exists()
