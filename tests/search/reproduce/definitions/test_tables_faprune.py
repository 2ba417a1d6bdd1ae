"""Definitions of FAPrune's tables: what is run, at which settings, on which data."""

from pathlib import Path

import pytest

from search.reproduce.paper import paper_table
from search.reproduce.plan import Options, Plan
from search.reproduce.shipped import table_files
from search.reproduce.tables import load_table

NAMES = [name for name in table_files() if name.startswith("faprune-")]
OF_PAPER = [f"faprune-table{number}" for number in range(1, 7)]
ONE_COLUMN = "Adult by sex"  # or begins with it: what all tables have
EIGHT = {
    "Normal training": None,
    "Adversarial Debiasing": "adversarial_debiasing",
    "Train from Scratch": "scratch",
    "SGDP": "edge_popup",
    "LMW": "magnitude_retrain",
    "Fair-SGDP": "fair_sgdp",
    "Fair-LMW": "fair_lmw",
    "Ours": "faprune",
}


def plan_of(name, **options):
    table = load_table(name)
    return Plan.of(table, Options.of(table, **{"rows": ["all"], **options}), Path("never made"))


def everything(name, **options):
    """With the columns that are run only where they are named, too."""
    columns = [column.name for column in load_table(name).run_columns]
    return plan_of(name, columns=columns, **options)


def test_there_is_one_for_every_table_and_for_both_figures_with_networks():
    assert sorted([*OF_PAPER, "faprune-figure1", "faprune-figure3"]) == NAMES


@pytest.mark.parametrize("name", OF_PAPER)
def test_every_printed_row_and_column_is_there_and_what_cannot_be_run_says_why(name):
    """CelebA can be run by whoever has it, and is asked for by name; of LFW there is no loader."""
    table = load_table(name)
    printed = paper_table(table.paper)
    columns = {column.name: column for column in table.columns}

    assert set(printed.columns) <= columns.keys()
    assert set(printed.rows) <= {row.name for row in table.rows}
    assert table.rows[0].reference == "dense net"
    for column in columns.values():
        if column.name in printed.columns:
            lfw = column.name.startswith("LFW")
            assert (column.unavailable is not None) == lfw
            assert lfw or (column.optional and column.experiment == "celeba_attractive")
    assert {c.name.split()[0] for c in table.with_columns([]).run_columns} <= {"Adult", "COMPAS"}


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_their_trials_last_networks_at_published_settings_with_controls(name):
    table = load_table(name)
    rows = {row.name: row for row in table.rows}

    assert not table.tunes and table.seeds == 5
    assert all(row.network == "last" for row in table.trained)
    methods = {row.method for row in table.rows}
    assert {"random", "edge_popup" if "6" not in name else "edge_popup_random"} <= methods
    assert "dense net, another seed" in {row.reference for row in table.rows}
    (idle,) = [row for row in rows if row.startswith("Ours idle")]
    assert rows[idle].settings["pruner"]["discriminator_lr"] == 0.0
    if name not in ("faprune-table6", "faprune-figure3"):
        assert "faprune_retrain" in methods
    assert rows[table.compared].method in ("faprune", "faprune_random")


@pytest.mark.parametrize("name", ["faprune-table2", "faprune-table3"])
def test_tables_2_and_3_have_the_eight_rows(name):
    rows = {row.name: row.method for row in load_table(name).rows}

    assert list(rows)[:8] == list(EIGHT)
    assert {row: rows[row] for row in EIGHT} == EIGHT


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_search_of_every_column_fits_together(name, quick):
    everything(name, quick=quick).check(tunes=False)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_pruned_for_and_judged_by_goes_together(name):
    """alpha 1 and a blind adversary for DI, alpha 0 and one that knows the label for DEO."""
    plan = everything(name)
    seen = set()
    for column in plan.columns:
        config = plan.experiment(column)
        assert config.correction.settings == {"choose": "fixed"}
        assert config.correction.beside == "balanced_accuracy"
        for row, settings in plan.published(column).items():
            pruner, dense = settings.get("pruner", {}), settings.get("dense", {})
            if "alpha" in pruner and "idle" not in row:
                assert pruner["alpha"] == {"di": 1.0, "deo_sum": 0.0}[config.objective.bias]
                seen.add(pruner["alpha"])
            if "adversary_sees" in dense:
                assert dense["adversary_sees"] == "logits"
                knows_label = {"di": False, "deo_sum": True}[config.objective.bias]
                assert dense["adversary_per_label"] == knows_label
                assert dense["adversary_balance"] == ("cells" if knows_label else "groups")
    measures = {"faprune-table2": {0.0}, "faprune-figure1": {0.0}, "faprune-table3": {1.0}}
    assert seen == measures.get(name, {0.0, 1.0})


@pytest.mark.parametrize("name", NAMES)
def test_all_pruned_rows_of_a_column_keep_as_many_weights_unless_they_say_another_number(name):
    plan = plan_of(name)
    for column in plan.columns:
        for row, settings in plan.published(column).items():
            if "pruner" not in settings:
                continue
            said = [int(word[:-1]) for word in f"{row} {column.name}".split() if word[-1] == "%"]
            assert settings["pruner"]["sparsity"] == (said[0] / 100 if said else 0.8)


def test_where_a_column_is_judged_by_di_rows_that_know_no_measure_are_lent():
    for name in ("faprune-table1", "faprune-table4", "faprune-table5", "faprune-table6"):
        plan = plan_of(name)
        for column in plan.columns:
            if not column.name.endswith(" DI"):
                continue
            by_deo = column.name.removesuffix("DI") + "DEO"
            if by_deo in {other.name for other in plan.columns}:
                assert column.networks_of == by_deo
                assert set(plan.trained(column)) == {
                    row
                    for row, method in ((r.name, r.method) for r in plan.rows.values())
                    if (
                        method in ("adversarial_debiasing", "faprune", "faprune_random")
                        and "idle" not in row
                    )
                    or method == "faprune_retrain"
                }


def test_figures_run_over_sparsities():
    for name, first, others in (
        ("faprune-figure1", "80%", ["95%"]),
        ("faprune-figure3", "90%", ["85%", "80%", "75%"]),
    ):
        columns = plan_of(name).columns
        lenders = [column for column in columns if column.networks_of is None]
        for lender in lenders:
            assert lender.name.endswith(first)
            of_lender = [c for c in columns if c.networks_of == lender.name]
            assert [column.name.split()[-1] for column in of_lender] == others
            assert all(column.only_own for column in of_lender)


def test_celeba_is_run_on_the_networks_that_the_paper_has_at_published_settings():
    plan = everything("faprune-table5")
    networks = {c.name: plan.experiment(c).model.name for c in plan.columns}

    assert networks["ResNet18 DI"] == networks["ResNet18 DEO"] == "resnet18"
    assert networks["ShuffleNet v2 DI"] == "shufflenet_v2"
    assert networks["MobileNet v2 DEO"] == "mobilenet_v2"
    table1 = everything("faprune-table1")
    celeba = next(c for c in table1.columns if c.name == "CelebA Attractive DEO")
    assert table1.experiment(celeba).model.name == "mobilenet_v2"
    departing = table1.departures(celeba)["Ours"]
    assert departing == []


def test_where_the_settings_are_ours_a_footnote_says_what_is_published():
    plan = plan_of("faprune-table2")
    column = next(c for c in plan.columns if c.name == "COMPAS by sex")
    said = {it["setting"]: it["published"] for it in plan.departures(column)["Ours"]}

    assert said["pruner.discriminator_lr"] == 1e-3 and said["pruner.discriminator_steps"] == 1
    assert said["pruner.strength"] == 1.0
    idle = {it["setting"] for it in plan.departures(column)["Ours idle"]}
    assert "pruner.discriminator_lr" not in idle  # what the row is about
