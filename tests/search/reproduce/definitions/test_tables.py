"""Definitions of tables: what is run, at which settings."""

from pathlib import Path

import pytest

from search.errors import UserError
from search.problem.problem import method_spaces
from search.reproduce.paper import paper_table
from search.reproduce.plan import TUNING_SEED, Options, Plan
from search.reproduce.settings import QUICK_EPOCHS
from search.reproduce.shipped import table_files
from search.reproduce.tables import load_table

NAMES = [f"zhang2022-table{number}" for number in range(1, 7)]


def plan_of(name, **options):
    table = load_table(name)
    asked = Options.of(table, **options)
    return Plan.of(table, asked, Path("out"))


def test_all_six_tables_are_there():
    assert [name for name in table_files() if name.startswith("zhang2022-")] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_row_and_column_of_the_paper_is_run_by_a_known_method(name):
    table = load_table(name).with_rows(["all"])  # raises where a method is not registered
    printed = paper_table(table.paper)

    own = [column.name for column in table.columns if not column.optional]
    assert own == list(printed.columns)
    assert set(printed.rows) <= {row.name for row in table.rows}
    assert table.rows[0].reference == "dense net"


@pytest.mark.parametrize("name", NAMES)
def test_each_method_gets_one_trial_at_published_settings_and_leaves_nothing_to_chance(name):
    plan = plan_of(name)
    for column in plan.table.columns:
        config = plan.fixed(column, 3, plan.published(column))

        assert config.seed == 3
        assert sorted(config.search.methods) == sorted(plan.table.methods)
        assert config.search.trials == len(plan.rows)
        assert config.search.scheduler == "none" and not config.tracking.enabled
        spaces = method_spaces(plan.experiment(column))
        for trial in config.trials:
            given = {f"{slot}.{key}" for slot, part in trial.settings.items() for key in part}
            assert given >= {*spaces[trial.method].ranges, *spaces[trial.method].fixed}


def test_published_settings_are_those_of_the_paper():
    plan = plan_of("zhang2022-table4")
    settings = plan.published(plan.table.columns[0])["Prune + AdvFt"]

    assert settings["pruner"]["keep_target"] == 0.1
    assert settings["pruner"]["beta"] == 5.0
    assert settings["pruner"]["epochs"] == 80
    assert settings["recovery"]["lr"] == 0.01
    assert settings["pruner"]["batch_size"] == 128 and settings["pruner"]["floor"] is True


def test_thresholds_of_networks_that_are_tried_have_their_published_margin():
    """Savani et al. (NeurIPS 2020): .01 for random perturbation and layerwise optimization."""
    for name in ("zhang2022-table4", "zhang2022-table5"):
        plan = plan_of(name)
        for column in plan.table.columns:
            config = plan.fixed(column, 0, plan.published(column))
            margins = {trial.name: trial.correction.get("margin") for trial in config.trials}

            assert margins["RndPert"] == margins["LayerwiseOpt"] == 0.01
            assert margins["Adv.Ft"] is None and config.objective.margin == 0.02


def test_rates_and_lengths_that_rows_are_fine_tuned_with_are_told_where_they_differ():
    plan = plan_of("zhang2022-table4")
    tunings = plan.fair_tunings(plan.table.columns[0])

    assert tunings["Adv.Ft"] == tunings["Prune + AdvFt"]
    assert (tunings["Adv.Ft"]["lr"], tunings["Adv.Ft"]["epochs"]) == (0.01, 90)
    assert (tunings["NetAug"]["lr"], tunings["NetAug"]["epochs"]) == (0.001, 100)
    assert not {"RndPert", "Adv.Debias", "ROC"} & tunings.keys()


def test_a_table_may_say_other_published_settings_for_a_method():
    plan = plan_of("zhang2022-table1")
    settings = plan.published(plan.table.columns[0])

    assert settings["Adv.Debias"]["dense"]["alpha"] == 1.0
    assert settings["Dom.Ind."]["dense"]["lr"] == 0.003


def test_tuning_gives_equal_budgets_to_what_can_be_tuned():
    plan = plan_of("zhang2022-table4", trials=5)
    column = plan.table.columns[0]
    config = plan.tuning(column)

    assert config.seed == TUNING_SEED
    assert "equalized_odds" not in config.search.methods
    assert "prune_advft" in config.search.methods
    assert config.search.trials == 5 * len(config.search.methods)


def test_only_the_rows_that_a_table_names_are_tuned():
    plan = plan_of("zhang2022-table1")
    column = plan.table.columns[0]

    assert "NetAug" in plan.tunable(column)
    assert "RndPert" in set(plan.searchable(column)) - set(plan.tunable(column))


def test_quick_cuts_every_stage_down_and_keeps_the_rest():
    full, quick = plan_of("zhang2022-table4"), plan_of("zhang2022-table4", quick=True)
    column = full.table.columns[0]
    name = "Prune + AdvFt"
    long, short = full.published(column)[name], quick.published(column)[name]

    assert short["pruner"]["epochs"] == short["recovery"]["epochs"] == QUICK_EPOCHS
    assert short["pruner"]["beta"] == long["pruner"]["beta"]
    assert len(quick.seeds) == 2 < len(full.seeds)


def test_rows_are_chosen_by_name_or_method_and_the_first_one_stays():
    table = load_table("zhang2022-table4")

    chosen = table.with_rows(["Adv.Ft", "prune_advft"])

    assert [row.name for row in chosen.rows] == ["Baseline", "Adv.Ft", "Prune + AdvFt"]
    assert "InterGraft" not in {row.name for row in table.with_rows([]).rows}
    assert "InterGraft" in {row.name for row in table.with_rows(["all"]).rows}


def test_bad_names_are_answered_with_the_nearest_known_one(tmp_path):
    with pytest.raises(UserError, match="did you mean 'zhang2022-table4'"):
        load_table("zhang2022-tabel4")
    with pytest.raises(
        UserError, match="--rows: unknown row 'ExtGraftt'; did you mean 'ExtGraft'"
    ):
        load_table("zhang2022-table4").with_rows(["ExtGraftt"])
    with pytest.raises(UserError, match="there is no file"):
        load_table(str(tmp_path / "mine.toml"))


def test_a_definition_that_does_not_fit_together_says_where(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'title = "t"\nseeds = 1\ntrials = 1\n[[columns]]\nname = "a"\nexperiment = "quick"\n'
        '[[rows]]\nname = "both"\nmethod = "adv_ft"\nreference = "dense net"\n'
    )

    with pytest.raises(UserError, match=r"rows.0: row 'both' must have a method or a reference"):
        load_table(str(path))


def test_long_trials_start_first_and_two_with_the_same_discovery_not_together():
    plan = plan_of("zhang2022-table4")
    column = plan.table.columns[0]
    config = plan.fixed(column, 0, plan.published(column))
    names = [trial.name for trial in config.trials]

    assert names[:3] == ["ExtGraft", "Adv.Debias", "Prune + AdvFt"]
    assert set(names[-5:]) >= {"ROC", "ROC (own measure)", "EqOdds", "CalibEqOdds"}
    assert config.search.methods[:2] == ("external_graft", "adversarial_debiasing")


EXAMPLES = Path(__file__).parents[4] / "docs" / "examples" / "tables"


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("digits", ("distil_advft", "distillation", "lr"), 0.1),
        ("adult", ("uniform_confusion", "dense", "head_lr"), 1e-3),
    ],
)
def test_the_examples_of_tables_of_one_s_own_fit_together(name, setting, value):
    """That their methods are known and their settings accepted; they run for minutes."""
    table = load_table(str(EXAMPLES / f"{name}.toml"))
    plan = Plan.of(table, Options.of(table), Path("never made"))
    (column,) = table.columns
    published = plan.published(column)
    method, role, key = setting
    (row,) = [row.name for row in plan.rows.values() if row.method == method]

    assert published[row][role][key] == value
    assert plan.fixed(column, 0, published).data.name == name
