"""Rows that last as long as another: controls with the epochs of a method in rounds."""

from pathlib import Path

import pytest

from search.errors import UserError
from search.reproduce.plan import Options, Plan
from search.reproduce.settings import LENGTHS, epochs_of, lasting
from search.reproduce.tables import Table, TableColumn, TableRow

ROUNDS = {"kappa": 0.8, "round_epochs": 2, "final_epochs": 6}


def plan_of(*rows, sparsity=0.99, quick=False, asked=()):
    settings = {"pruner": {"sparsity": sparsity}}
    table = Table(
        name="made",
        title="made",
        seeds=1,
        columns=(TableColumn(name="a", experiment="quick", settings=settings),),
        rows=(
            TableRow(name="dense", reference="dense net"),
            TableRow(name="rounds", method="fairgrape", settings={"pruner": ROUNDS}),
            *rows,
        ),
    )
    return Plan.of(table, Options.of(table, rows=asked, quick=quick), Path("never made"))


AS_LONG = TableRow(name="WS as long", method="magnitude_retrain", as_long_as="rounds")


@pytest.mark.parametrize(
    ("sparsity", "epochs"),
    [(0.99, 21 * 2 + 6), (0.9, 11 * 2 + 6), (0.2, 1 * 2 + 6)],  # rounds: ceil(ln density / ln .8)
)
def test_a_row_learns_in_as_many_epochs_as_the_other_at_every_sparsity(sparsity, epochs):
    plan = plan_of(AS_LONG, sparsity=sparsity)
    published = plan.published(plan.table.columns[0])

    assert published["WS as long"]["recovery"]["epochs"] == epochs
    assert epochs_of("fairgrape", published["rounds"]) == epochs
    assert epochs_of("magnitude_retrain", published["WS as long"]) == epochs


def test_rounds_of_another_number_last_as_long_by_their_final_epochs():
    one_shot = {"pruner": {**ROUNDS, "kappa": 0.01, "round_epochs": 1}}
    row = TableRow(name="one shot", method="fairgrape", settings=one_shot, as_long_as="rounds")
    plan = plan_of(row)
    settings = plan.published(plan.table.columns[0])["one shot"]

    assert settings["pruner"]["final_epochs"] == 21 * 2 + 6 - 1
    assert epochs_of("fairgrape", settings) == 21 * 2 + 6


def test_under_quick_it_is_as_long_as_what_is_left_of_the_other():
    plan = plan_of(AS_LONG, quick=True)
    published = plan.published(plan.table.columns[0])

    left = epochs_of("fairgrape", published["rounds"])
    assert left < 21 * 2 + 6
    assert published["WS as long"]["recovery"]["epochs"] == left


def test_the_other_row_is_run_too_where_only_this_one_is_asked_for():
    plan = plan_of(AS_LONG, asked=["WS as long"])

    assert [row.name for row in plan.table.rows] == ["dense", "rounds", "WS as long"]


def test_what_cannot_last_as_long_is_refused_before_anything_starts():
    short = {"pruner": {**ROUNDS, "round_epochs": 50, "final_epochs": 6}}
    longer = TableRow(name="longer", method="fairgrape", settings=short, as_long_as="rounds")
    plan = plan_of(longer)

    with pytest.raises(UserError, match="as_long_as: fairgrape must take less than 48 epochs"):
        plan.check(tunes=False)
    with pytest.raises(ValueError, match="as_long_as: as_is has no number of epochs to set"):
        lasting("dense_threshold", {}, 10)


def test_a_length_is_that_of_a_row_that_is_trained_and_has_its_own():
    wrong = AS_LONG.model_copy(update={"name": "x", "as_long_as": "WS as long"})

    with pytest.raises(ValueError, match="as_long_as must name one of rounds, got 'WS as long'"):
        plan_of(AS_LONG, wrong)
    with pytest.raises(ValueError, match="to have settings, network or as_long_as"):
        TableRow(name="x", reference="dense net", as_long_as="rounds")


def test_quick_makes_no_stage_longer_than_its_experiment_has_it():
    table = Table(
        name="made",
        title="made",
        seeds=1,
        columns=(
            TableColumn(
                name="short", experiment="digits_odd", set=("space.recovery.retrain.epochs=2",)
            ),
            TableColumn(
                name="long", experiment="digits_odd", set=("space.recovery.retrain.epochs=9",)
            ),
        ),
        rows=(
            TableRow(name="dense", reference="dense net"),
            TableRow(name="WS", method="magnitude_retrain"),
        ),
    )
    plan = Plan.of(table, Options.of(table, quick=True), Path("never made"))
    epochs = [plan.published(column)["WS"]["recovery"]["epochs"] for column in plan.columns]

    assert epochs == [2, LENGTHS["epochs"]]
