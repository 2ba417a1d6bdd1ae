"""What is said before a search goes by the opening of the test rows that comes next."""

import numpy as np
import pytest

from search.config.config import Config
from search.journal.opening_ledger import record_opening
from search.problem.power import NAMED, power_table, power_words
from search.problem.problem import open_problem
from tests.made_tables import made_table

CONFIG = Config.model_validate(
    {
        "name": "openings",
        "data": {
            **{"group": "sex", "label": "decision", "positive": "granted"},
            **{"attributes": ["sex"], "missing": "impute"},
        },
        "objective": {"bias": "aod", "tolerance": 0.08},
    }
)


def test_the_level_is_that_of_the_opening_that_comes_next():
    problem = open_problem(CONFIG, made_table(3000))
    first = problem.power()
    assert first.level == pytest.approx(0.05 / 2 / NAMED)
    assert "opening" not in power_words(problem) + problem.notes()[-1]

    for run in ("one", "two"):
        record_opening(problem.prepared.hashes["test"], run, "name", [run])
    record_opening("other rows", "three", "name", [])
    third = problem.power()

    assert third.level == pytest.approx(0.05 / 8 / NAMED)
    assert third.certifiable_above > first.certifiable_above
    assert problem.notes()[-1].endswith(power_words(problem))
    assert "(in opening 3 of these rows, at a smaller level)" in power_words(problem)
    table = power_table(problem)
    assert table[0.08][third.rows] == third.at(0.08)
    # of more rows the power is drawn anew; errors of so many shrink with their square root
    many = table[0.08][16 * third.rows]
    sizes = third.sizes / 4
    beyond = sizes[int(np.ceil((1 - 2 * third.level) * len(sizes))) - 1]
    assert many == pytest.approx((sizes <= 0.08 - beyond).mean(), abs=0.05)
