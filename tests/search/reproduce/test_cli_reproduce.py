"""`fairfront reproduce` with bad input: one message, exit code 2, nothing written."""

import pytest
from typer.testing import CliRunner

from search.cli import app


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["zhang2022-table7"], "unknown table 'zhang2022-table7'"),
        (["zhang2022-table5", "--only", "best"], "--only: must be published or tuned, got 'best'"),
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
