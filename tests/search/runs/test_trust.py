"""Somebody else's run names code: it runs only where this user says so, once."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.config.config import Config
from search.engine.experiment import resume
from search.errors import UserError
from search.runs import trust
from search.runs.folder import RunFolder
from search.runs.trust import (
    check_trusted,
    own_runs_path,
    reached,
    remember,
    trusted_config,
)

FINISHED = Path(__file__).parent / "older_version" / "finished"
MINE = """name = "mine"
[data]
load = "rows_of_mine:load"
group = "sex"
attributes = ["sex"]
label = "y"
[model]
build = "nets_of_mine:net"
"""


@pytest.fixture(autouse=True)
def _own_list(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRFRONT_LEDGER", str(tmp_path / "user" / "ledger.jsonl"))


@pytest.fixture
def theirs(tmp_path):
    """A run that names two modules in its own folder; importing either leaves a mark."""
    run = Path(shutil.copytree(FINISHED, tmp_path / "theirs"))
    for module in ("rows_of_theirs", "nets_of_theirs"):
        text = "import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n"
        (run / f"{module}.py").write_text(text)
    config = (run / "config.toml").read_text()
    config = config.replace('name = "digits"', 'load = "rows_of_theirs:load"')
    config = config.replace('name = "convnet"', 'build = "nets_of_theirs:net"')
    (run / "config.toml").write_text(f"folder = {json.dumps(str(run))}\n{config}")
    return run


def test_code_of_somebody_elses_run_does_not_run(theirs):
    named = [f"data.load runs rows_of_theirs:load of {theirs / 'rows_of_theirs.py'}"]
    named += [f"model.build runs nets_of_theirs:net of {theirs / 'nets_of_theirs.py'}"]

    with pytest.raises(UserError, match=r"resume: .*--trust") as refused:
        resume(theirs)

    for text in named:
        assert text in str(refused.value)
    assert not list(theirs.glob("*.ran"))


@pytest.mark.parametrize("command", ["resume", "confirm"])
def test_a_command_runs_such_code_with_trust_alone(theirs, command, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    refused = CliRunner().invoke(app, [command, str(theirs)])
    assert refused.exit_code == 2
    assert "--trust" in refused.output
    assert not list(theirs.glob("*.ran"))

    agreed = CliRunner().invoke(app, [command, str(theirs), "--trust"])

    sys.modules.pop("rows_of_theirs", None)
    assert [path.name for path in theirs.glob("*.ran")] == ["rows_of_theirs.ran"]
    assert "rows_of_theirs must define 'load'" in agreed.output  # and so nothing else ran


def test_the_experiment_of_such_a_run_is_opened_by_nobody(theirs):
    with pytest.raises(UserError, match=r"reproduce: .*rows_of_theirs"):
        trusted_config(RunFolder(theirs), "reproduce")
    own = Path(shutil.copytree(FINISHED, theirs.with_name("registered")))
    assert trusted_config(RunFolder(own), "reproduce").data.name == "digits"


def test_trust_is_given_once_and_for_what_was_named_then(theirs):
    config, run = RunFolder(theirs).config(), RunFolder(theirs).facts()["run"]
    found = reached(config)

    check_trusted(run, theirs, "confirm", found, trust=True)
    check_trusted(run, theirs, "confirm", found, trust=False)  # not asked again

    check_trusted("another", theirs, "confirm", [], trust=False)  # names nothing
    for other in ({"run": "another", "found": found}, {"run": run, "found": [*found, "more"]}):
        with pytest.raises(UserError, match=r"theirs was not started by this user"):
            check_trusted(other["run"], theirs, "confirm", other["found"], trust=False)


def test_what_a_config_reaches(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    mine = Config.load(path)
    load = f"data.load runs rows_of_mine:load of {tmp_path / 'rows_of_mine.py'}"
    build = f"model.build runs nets_of_mine:net of {tmp_path / 'nets_of_mine.py'}"
    server = Config.load(path, ["tracking.uri=http://127.0.0.1:5000"])

    assert reached(mine) == [load, build]
    assert reached(mine, data_given=True) == [build]
    assert reached(mine, data_given=True, model_given=True) == []
    assert reached(server)[2:] == ["tracking.uri sends results to http://127.0.0.1:5000"]
    assert reached(Config.load("quick")) == []


def test_the_list_of_own_runs_outlives_a_torn_line_and_is_this_users_alone():
    remember("0a", ["data.load runs x:y of /x.py"])
    path = own_runs_path()
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("ab") as file:
        file.write(b'{"run": "0b", "rea')  # the machine went down

    remember("0c", ["model.build runs x:y of /x.py"])

    check_trusted("0a", Path(), "resume", ["data.load runs x:y of /x.py"], trust=False)
    check_trusted("0c", Path(), "resume", ["model.build runs x:y of /x.py"], trust=False)
    with pytest.raises(UserError, match="--trust"):
        check_trusted("0b", Path(), "resume", ["model.build runs x:y of /x.py"], trust=False)


def test_a_list_that_cannot_be_written_is_said_and_stops_nothing(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(trust, "ledger_path", lambda: tmp_path / "file" / "ledger.jsonl")

    remember("0a", ["data.load runs x:y of /x.py"])

    assert "will ask for --trust" in caplog.text
