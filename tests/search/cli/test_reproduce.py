"""`fairfront reproduce` with bad input, interrupted, and started twice."""

import shlex

import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.journal.journal import WriteLock
from search.reproduce import reproduction
from search.reproduce.plan import Options
from search.reproduce.reproduction import _command
from search.reproduce.tables import load_table


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["zhang2022-table7"], "unknown table 'zhang2022-table7'"),
        (["zhang2022-table5", "--only", "best"], "--only: must be published or tuned, got 'best'"),
        (
            ["zhang2022-table5", "--only", "tuned", "--rows", "ROC,EqOdds"],
            "needs a row with something to tune, got Baseline, ROC, EqOdds",
        ),
        (["zhang2022-table5", "--rows", "Baseline"], "search.methods"),
        (["zhang2022-table5", "--rows", "Magic"], "--rows: unknown row 'Magic'"),
        (["zhang2022-table5", "--set", "objective.tolerence=1"], "tolerence"),
        (["nowhere.toml"], "there is no file nowhere.toml"),
        (["zhang2022-table4", "--columns", "AOD"], "--columns: unknown column 'AOD'"),
    ],
)
def test_bad_input_ends_with_one_message_and_writes_nothing(given, said, tmp_path):
    out = tmp_path / "out"

    result = CliRunner().invoke(app, ["reproduce", *given, "--out", str(out)])

    assert result.exit_code == 2
    assert said in result.output
    assert not out.exists()


def test_how_to_go_on_names_the_column_that_was_asked_for(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduction, "train", interrupted)
    out = tmp_path / "my table"

    given = ["reproduce", "zhang2022-table5", "--only", "tuned", "--out", str(out)]
    result = CliRunner().invoke(app, given)

    assert result.exit_code == 130
    again = f"fairfront reproduce zhang2022-table5 --out '{out}' --only tuned"
    assert f"Go on with: {again}" in result.output


def test_two_processes_do_not_write_one_table(tmp_path):
    lock = WriteLock(tmp_path)
    try:
        given = ["reproduce", "zhang2022-table5", "--out", str(tmp_path)]
        result = CliRunner().invoke(app, given)
    finally:
        lock.release()

    assert result.exit_code == 2
    assert "is being written by process" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["journal.lock"]


OWN = """
title = "Of my own"
seeds = 3
trials = 4
[[columns]]
name = "a"
experiment = "quick"
[[rows]]
name = "Dense"
reference = "dense net"
[[rows]]
name = "Prune + AdvFt"
method = "prune_advft"
"""


@pytest.mark.parametrize("name", ["my tables/mine.toml", "zhang2022-table5"])
def test_the_command_below_a_table_makes_it_again_from_where_it_was_typed(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my tables").mkdir()
    (tmp_path / "my tables" / "mine.toml").write_text(OWN)
    asked = []

    def stop(table, options, *_, only, **__):
        asked.append((table, options, only))
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduction, "reproduce", stop)
    rows = "Prune + AdvFt" if name.endswith(".toml") else "ROC,EqOdds"
    typed = [name, "--quick", "--only", "published", "--rows", rows, "--seeds", "5"]
    CliRunner().invoke(app, ["reproduce", *typed, "--set", "data.split_seed=3"])
    table, options, only = asked[0]
    command = _command(table.with_rows(options.rows), options, only)
    program, *again = shlex.split(command)
    CliRunner().invoke(app, again)

    assert program == "fairfront"
    assert again[1] == name
    assert asked[1] == asked[0]
    assert load_table(name) == table


def test_the_command_names_columns_and_that_an_untuned_table_was_tuned(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("tunes = false\n" + OWN)
    table = load_table(str(path))
    of_columns = Options.of(load_table("zhang2022-table4"), columns=["AOD-sex"])

    assert _command(table, Options.of(table), "published").endswith("mine.toml")
    assert _command(table, Options.of(table), None).endswith("mine.toml --tune")
    assert "--columns AOD-sex" in _command(load_table("zhang2022-table4"), of_columns, None)


def test_an_untuned_table_is_tuned_where_that_is_asked_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        reproduction, "_train", lambda plan, kinds, *_: asked.append(kinds) or 1 / 0
    )
    path = tmp_path / "mine.toml"
    path.write_text("tunes = false\n" + OWN)
    for number, more in enumerate(([], ["--tune"], ["--only", "tuned"])):
        given = ["reproduce", str(path), "--out", str(tmp_path / str(number)), *more]
        CliRunner().invoke(app, given)

    assert asked == [("published",), ("published", "tuned"), ("tuned",)]


def test_a_folder_goes_on_with_the_columns_it_was_begun_with(tmp_path, monkeypatch):
    plans = []
    monkeypatch.setattr(reproduction, "_train", lambda plan, *_: plans.append(plan) or 1 / 0)
    given = ["reproduce", "zhang2022-table4", "--out", str(tmp_path / "out")]

    CliRunner().invoke(app, [*given, "--columns", "SPD-race", "--rows", "Adv.Ft"])
    CliRunner().invoke(app, given)

    assert [[column.name for column in plan.columns] for plan in plans] == [["SPD-race"]] * 2
    assert [list(plan.rows) for plan in plans] == [["Adv.Ft"]] * 2
