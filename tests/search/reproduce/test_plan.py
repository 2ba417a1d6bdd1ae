"""Which searches a table consists of, and with which settings they are run."""

from types import SimpleNamespace

import pytest

from search.errors import UserError
from search.reproduce import runner as running
from search.reproduce.evaluate import _openings
from search.reproduce.plan import Options, Plan
from search.reproduce.tables import load_table

BEST = {"pruner": {}, "recovery": {"lr": 1e-4}}


def plan_of(out, *rows):
    table = load_table("zhang2022-table5")
    asked = Options.of(table, rows=rows, seeds=1)
    return Plan.of(table, asked, out)


@pytest.fixture
def tuned(monkeypatch):
    """A search that has found better settings for Adv.Ft."""
    best = SimpleNamespace(settings=BEST)
    monkeypatch.setattr(running, "best_by_method", lambda folder: {"adv_ft": best})


def kinds_of(plan, *kinds):
    return [step.kind for step in running._steps(plan, plan.table.columns[0], kinds)]


def test_rows_with_nothing_to_tune_have_no_search_that_tunes(tmp_path):
    plan = plan_of(tmp_path, "ROC", "EqOdds")

    assert kinds_of(plan, "published", "tuned") == ["published"]


def test_settings_that_do_not_fit_are_told_in_one_line(tmp_path):
    plan = plan_of(tmp_path, "ROC")

    with pytest.raises(UserError, match=r"compas-sex-eod: .*methods"):
        plan.tuning(plan.table.columns[0])


def test_a_table_of_tuned_settings_alone_also_runs_what_has_nothing_to_tune(tmp_path, tuned):
    plan = plan_of(tmp_path, "ROC", "Adv.Ft")
    column = plan.table.columns[0]

    alone = running.tuned_settings(plan, column, ("tuned",))
    beside = running.tuned_settings(plan, column, ("published", "tuned"))

    assert alone.keys() == {"ROC", "Adv.Ft"}
    assert beside == {"Adv.Ft": BEST}


def test_what_was_set_aside_is_never_written_over(tmp_path):
    for number in (1, 2):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / str(number)).touch()
        running._set_aside(tmp_path / "run")

    assert (tmp_path / "run.cut-off-1" / "1").exists()
    assert (tmp_path / "run.cut-off-2" / "2").exists()


def test_the_ledger_counts_each_opening_in_which_a_column_had_something_new(tmp_path):
    column = plan_of(tmp_path).table.columns[0]
    new = {"looked_at": {column.name: {"published": [0]}}}
    state = SimpleNamespace(id="a1", openings=[new, {"looked_at": {"other": {}}}, new])

    assert _openings(state, column) == [("a1", new), ("a1-3", new)]
