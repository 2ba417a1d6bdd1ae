"""Definitions of FairGRAPE's tables: what is run, at which settings, for how long."""

from pathlib import Path

import pytest

from search.reproduce.compositions import load_composition
from search.reproduce.paper import paper_table
from search.reproduce.plan import Options, Plan
from search.reproduce.settings import epochs_of
from search.reproduce.shipped import table_files
from search.reproduce.tables import load_table

NAMES = [name for name in table_files() if name.startswith("lin2022-")]
OF_NETWORKS = [name for name in NAMES if load_composition(name) is None]
CONTROLS = {
    *("random", "rounds without groups", "rounds by magnitude"),
    *("dense trained on", "dense another seed"),
}
TO_BE_HAD = ("FairFace", "Adult")


def plan_of(name, **options):
    table = load_table(name)
    return Plan.of(table, Options.of(table, **{"rows": ["all"], **options}), Path("never made"))


def everything(name, **options):
    """With the columns that are run only where they are named, too."""
    columns = [column.name for column in load_table(name).run_columns]
    return plan_of(name, columns=columns, **options)


def test_there_is_one_for_every_table_and_figure_with_figures_of_its_own():
    tables = [f"table{number}" for number in range(1, 7)]
    figures = [f"figure{number}" for number in (3, 4, 5)]
    supplement = [f"supplement-{name}" for name in ("figure1", "figure4", "table1", "table2")]

    assert sorted(f"lin2022-{name}" for name in [*tables, *figures, *supplement]) == NAMES
    assert set(NAMES) - set(OF_NETWORKS) == {"lin2022-table1"}


@pytest.mark.parametrize("name", [n for n in OF_NETWORKS if load_table(n).paper])
def test_every_printed_row_and_column_is_there_and_says_where_it_cannot_be_run(name):
    table = load_table(name)
    printed = paper_table(table.paper)
    columns = {column.name: column for column in table.columns}

    assert set(printed.columns) <= columns.keys()
    assert set(printed.rows) <= {row.name for row in table.rows}
    assert table.rows[0].reference == "dense net"
    for column in columns.values():
        assert column.name.startswith(TO_BE_HAD) == (column.unavailable is None)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", OF_NETWORKS)
def test_every_search_of_every_column_fits_together(name, quick):
    everything(name, quick=quick).check(tunes=False)


@pytest.mark.parametrize("name", OF_NETWORKS)
def test_all_controls_are_there_and_run_unless_they_are_optional(name):
    rows = {row.name for row in load_table(name).with_rows([]).rows}

    assert rows >= CONTROLS
    assert sum(row.as_long_as is not None for row in load_table(name).rows) >= 3


@pytest.mark.parametrize("name", OF_NETWORKS)
def test_rows_end_at_the_column_s_sparsity_and_with_the_same_retraining(name):
    """Of each layer all keep as many weights; those that are to last longer last as long."""
    plan = everything(name)
    for column in plan.columns:
        published = plan.published(column)
        for row_name, settings in published.items():
            row = plan.rows[row_name]
            pruner = settings.get("pruner", {})
            if row.method != "dense_retrain":
                assert pruner["sparsity"] == column.settings["pruner"]["sparsity"]
            if row.method in ("snip", "grasp") and "as published" not in row_name:
                assert pruner["scope"] == "layer"
                assert (pruner["score_on"], pruner["mask_on"]) == ("trained", "trained")
            if row.as_long_as is not None:
                other = plan.rows[row.as_long_as]
                if other.name in published:
                    assert epochs_of(row.method, settings) == epochs_of(
                        other.method, published[other.name]
                    )
            elif "recovery" in settings:
                recovery = settings["recovery"]
                assert (recovery["epochs"], recovery["lr"]) == (6, 1e-3)
            else:
                assert (pruner["final_epochs"], pruner["final_lr"]) == (6, 1e-3)


def test_a_run_to_99_percent_takes_21_rounds_and_six_epochs():
    plan = plan_of("lin2022-table2")
    column = next(c for c in plan.columns if c.name == "FairFace race by race")
    published = plan.published(column)

    assert epochs_of("fairgrape", published["FairGRAPE"]) == 27
    assert published["SNIP as long"]["recovery"]["epochs"] == 27
    assert published["rounds without groups"]["pruner"]["criterion"] == "taylor"
    assert published["SNIP as published"]["pruner"]["score_on"] == "random"


def test_baselines_are_trained_once_for_a_task_and_fairgrape_for_each_grouping():
    plan = plan_of("lin2022-table2")
    trained = {column.name: set(plan.trained(column)) for column in plan.columns}

    assert trained["FairFace race by gender"] == {"FairGRAPE"}
    assert trained["FairFace race by race"] == set(plan.rows)
    by_gender = next(c for c in plan.columns if c.name == "FairFace race by gender")
    assert plan.experiment(by_gender).data.group == "gender"


def test_the_joint_network_is_trained_once_and_judged_on_three_tasks():
    plan = plan_of("lin2022-supplement-table1")

    assert {column.task for column in plan.columns} == {None, "gender", "race"}
    assert [bool(plan.trained(column)) for column in plan.columns] == [True, False, False]
    assert plan.experiment(plan.columns[0]).data.args["target"] == "race*gender"


def test_table_5_has_the_printed_rounds_and_shares():
    plan = plan_of("lin2022-table5")
    published = plan.published(plan.columns[0])
    kappa = {name: settings["pruner"].get("kappa") for name, settings in published.items()}

    assert kappa["groups 22 rounds 100%"] == 0.9 and kappa["groups 3 rounds 20%"] == 0.5
    assert published["groups 22 rounds 100%"]["pruner"]["share"] == 1.0
    assert epochs_of("fairgrape", published["groups one shot 20%"]) == 1 + 6
    assert epochs_of("fairgrape", published["groups one shot as long"]) == 22 + 6


def test_table_1_counts_the_data_that_are_to_be_had():
    table = load_composition("lin2022-table1")
    printed = paper_table(table.paper)
    names = [line.name for line in table.data_sets]

    assert set(printed.rows) <= set(names)
    assert [line.experiment is not None for line in table.data_sets] == [
        name.startswith(TO_BE_HAD) for name in names
    ]


def test_over_sparsities_rows_in_rounds_are_trained_and_shown_in_the_sparsest_column_alone():
    plan = plan_of("lin2022-figure4")
    first, *others = plan.columns

    assert first.settings["pruner"]["sparsity"] == 0.99 and not first.only_own
    assert {row.name for row in plan.rows.values() if row.network == "rounds"} >= {"FairGRAPE"}
    for column in others:
        assert column.only_own
        one_shot = {"SNIP", "WS", "GraSP"}
        as_long = {f"{name} as long" for name in one_shot}
        assert set(plan.trained(column)) == {*one_shot, *as_long, "random"}
