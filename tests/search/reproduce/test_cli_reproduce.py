"""`fairfront reproduce` with bad input, interrupted, and started twice."""

import pytest
from typer.testing import CliRunner

from search.cli import app
from search.lock import WriteLock
from search.reproduce import reproduction


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
