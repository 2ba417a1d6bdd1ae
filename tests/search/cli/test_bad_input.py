"""Bad input, through the command line and the user's own data and network.

Each kind ends with one readable message that names key, value and the nearest known name, with
exit code 2, and leaves nothing behind.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from search.cli.app import app
from tests.search.cli.bad_cases import EXPERIMENT, NAMES, OWN_DATA, OWN_NETWORK, PEOPLE


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, with caches elsewhere and no data files."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FAIRFRONT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FAIRFRONT_DATA", str(tmp_path / "data"))
    path, modules = list(sys.path), set(sys.modules)
    yield folder
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name == "people":
            del sys.modules[name]


def refused(*arguments: str) -> str:
    """The message of a command that must be refused."""
    result = CliRunner().invoke(app, list(arguments))

    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stderr.startswith("fairfront: ")
    assert "Traceback" not in result.output
    return result.stderr


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"__pycache__"}


@pytest.mark.parametrize("kind", OWN_DATA | OWN_NETWORK)
def test_bad_data_and_networks_of_the_users_own_are_refused_with_one_message(kind, workplace):
    bad = (OWN_DATA | OWN_NETWORK)[kind]
    (workplace / "people.py").write_text(PEOPLE + bad.people, "utf-8")
    (workplace / "people.toml").write_text(EXPERIMENT, "utf-8")
    torch.save(nn.Linear(7, 2).state_dict(), workplace / "other.pt")
    (workplace / "noise.safetensors").write_bytes(b"noise")
    before = files(workplace)

    changes = [part for override in bad.overrides for part in ("--set", override)]
    message = refused("search", "people.toml", *changes)

    assert all(said in message for said in bad.said), message
    assert message.count("\n") == 1, message
    assert files(workplace) == before


@pytest.mark.parametrize("kind", NAMES)
def test_bad_names_and_values_are_refused_with_one_message(kind, workplace):
    arguments, said = NAMES[kind]

    message = refused("search", *arguments)

    assert said in message
    assert message.count("\n") == 1, message
    assert files(workplace) == set()


def test_an_own_experiment_is_accepted_when_nothing_is_wrong_with_it(workplace):
    (workplace / "people.py").write_text(PEOPLE, "utf-8")
    (workplace / "people.toml").write_text(EXPERIMENT, "utf-8")

    result = CliRunner().invoke(app, ["search", "people.toml", "--dry-run"])

    assert result.exit_code == 0, result.output
    assert 'load = "people:load"' in result.output
    assert "cells on tune (sex x label):" in result.output
    assert files(workplace) == {"people.py", "people.toml"}


def test_a_folder_that_holds_a_run_is_not_overwritten(workplace):
    run = workplace / "runs" / "old"
    run.mkdir(parents=True)
    (run / "journal.jsonl").write_text('{"event": "dense"}\n', "utf-8")

    message = refused("search", "quick", "--out", "runs/old")

    assert "runs/old holds a run" in message
    assert "fairfront resume runs/old" in message
    assert files(run) == {"journal.jsonl"}


@pytest.mark.parametrize("command", ["resume", "confirm", "report", "export"])
def test_commands_on_a_folder_without_a_run_name_the_nearest_one(command, workplace):
    (workplace / "runs" / "digits-1").mkdir(parents=True)
    (workplace / "runs" / "digits-1" / "journal.jsonl").write_text("{}\n", "utf-8")
    extra = ["t0001-1"] if command == "export" else []

    message = refused(command, "runs/digit-1", *extra)

    assert "runs/digit-1: holds no run" in message
    assert "did you mean runs/digits-1?" in message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tolerance", "2"], "--tolerance: must lie in (0, 1), got 2.0"),
        (["--bias", "aodd"], "--bias: unknown measure 'aodd'; did you mean 'aod'?"),
        (["--bias", "accuracy"], "--bias: must be a measure that compares groups"),
    ],
)
def test_a_report_is_not_asked_for_with_a_wrong_view(arguments, said, workplace):
    (workplace / "journal.jsonl").write_text("{}\n", "utf-8")

    assert said in refused("report", ".", *arguments)


def test_unknown_things_to_list_and_to_download_are_answered_with_the_nearest(workplace):
    assert "did you mean 'measures'?" in refused("list", "measurs")
    assert "did you mean 'adult'?" in refused("data", "get", "adlt")
