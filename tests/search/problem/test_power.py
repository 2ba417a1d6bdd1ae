"""What is said before a search goes by the opening of the test rows that comes next."""

import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.config.config import Config
from search.journal.opening_ledger import record_opening
from search.problem.power import NAMED, power_table, power_words
from search.problem.problem import open_problem
from tests.made_tables import made_table


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """An experiment's file with a table of 4,000 rows beside it."""
    folder = tmp_path_factory.mktemp("openings")
    made_table(4000, seed=0).to_csv(folder / "made.csv", index=False)
    (folder / "made.toml").write_text(
        """
name = "openings"
[data]
path = "made.csv"
label = "decision"
group = "sex"
[objective]
bias = "aod"
tolerance = 0.08
[search]
methods = ["adv_ft"]
"""
    )
    return folder / "made.toml"


def told(experiment):
    """What a search, its notes (and `--dry-run`, which has them too) and `power` say."""
    problem = open_problem(Config.load(experiment))
    by_command = CliRunner().invoke(app, ["power", str(experiment)]).output
    return problem, [
        re.sub(r"\s+", " ", text)
        for text in (
            power_words(problem),
            problem.notes()[-1],
            by_command,
        )
    ]


def test_the_level_is_that_of_the_opening_that_comes_next(experiment):
    problem, texts = told(experiment)
    first = problem.power()
    assert first.level == pytest.approx(0.05 / 2 / NAMED)
    assert not any("opening" in text for text in texts)

    for run in ("one", "two"):
        record_opening(problem.prepared.hashes["test"], run, "name", [run])
    record_opening("other rows", "three", "name", [])
    problem, texts = told(experiment)
    third = problem.power()

    assert third.level == pytest.approx(0.05 / 8 / NAMED)
    assert third.certifiable_above > first.certifiable_above
    assert all("(in opening 3 of these rows, at a smaller level)" in text for text in texts)
    table = pd.DataFrame(power_table(problem))
    assert np.allclose(table.loc[third.rows, 0.08], third.at(0.08))
