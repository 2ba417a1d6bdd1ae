"""Rows at settings of their own, and columns that are chosen or have another one's networks."""

import json
from pathlib import Path

import pytest

from search.errors import UserError
from search.reproduce.plan import Options, Plan
from search.reproduce.settings import LENGTHS
from search.reproduce.table_state import TableState
from search.reproduce.tables import Table, load_table

COLUMNS = [
    {"name": "half", "experiment": "quick", "settings": {"pruner": {"sparsity": 0.5}}},
    {
        **{"name": "most / 90%", "experiment": "quick", "networks_of": "half"},
        **{"own_rows": ["global"], "settings": {"pruner": {"sparsity": 0.9}}},
    },
    {"name": "again", "experiment": "quick", "networks_of": "half"},
    {"name": "more", "experiment": "quick", "optional": True},
    {"name": "faces", "unavailable": "there are none"},
]
ROWS = [
    {"name": "No-Pruning", "reference": "dense net"},
    {
        **{"name": "global", "method": "magnitude_retrain", "network": "last"},
        "settings": {"pruner": {"scope": "global"}, "recovery": {"epochs": 30}},
    },
    {
        **{"name": "sparser", "method": "magnitude_retrain"},
        "settings": {"pruner": {"sparsity": 0.8, "scope": "layer"}, "recovery": {"epochs": 2}},
    },
    {"name": "Adv.Ft", "method": "adv_ft", "optional": True},
]


def table_of(**more):
    return Table.model_validate(
        {
            **{"name": "made", "title": "Made", "seeds": 3, "columns": COLUMNS, "rows": ROWS},
            **{"tunes": False, **more},
        }
    )


def plan_of(out=Path("out"), table=None, **asked):
    table = table or table_of()
    return Plan.of(table, Options.of(table, **asked), out)


def test_a_method_may_stand_several_times_each_with_its_own_settings():
    plan = plan_of()
    config = plan.fixed(plan.columns[0], 4, plan.published(plan.columns[0]))
    trials = {trial.name: trial for trial in config.trials}

    assert {trial.method for trial in config.trials} == {"magnitude_retrain"}
    assert trials["global"].settings["pruner"]["scope"] == "global"
    assert trials["sparser"].settings["pruner"]["scope"] == "layer"
    assert (trials["global"].keep, trials["sparser"].keep) == ("last", "pareto")
    assert config.seed == 4 and config.search.trials == 2


def test_a_row_s_settings_come_before_its_column_s_and_these_before_the_published():
    plan = plan_of()
    half = plan.published(plan.columns[0])

    assert half["global"]["pruner"]["sparsity"] == 0.5
    assert half["sparser"]["pruner"]["sparsity"] == 0.8


def test_rows_and_columns_say_what_is_published_so_they_do_not_depart():
    plan = plan_of()
    departing = plan.departures(plan.columns[0])

    assert not any("pruner." in one["setting"] for one in departing["global"])
    assert "recovery.epochs" not in {one["setting"] for one in departing["global"]}


def test_a_row_with_another_column_s_network_departs_as_there():
    plan = plan_of(quick=True)
    half, most = (plan.departures(column) for column in plan.columns[:2])

    assert {"setting": "recovery.epochs", "used": 4, "published": 30} in half["global"]
    assert most["sparser"] == half["sparser"]
    assert most["global"] == half["global"]  # its own, cut down alike


def test_quick_cuts_a_row_s_own_lengths_down_and_makes_none_longer():
    plan = plan_of(quick=True)
    published = plan.published(plan.columns[0])

    assert published["global"]["recovery"]["epochs"] == LENGTHS["epochs"]
    assert published["sparser"]["recovery"]["epochs"] == 2
    assert published["global"]["pruner"]["sparsity"] == 0.5
    assert len(plan.seeds) == 2


def test_a_column_with_another_s_networks_trains_only_its_own_rows():
    plan = plan_of()
    half, most, again = plan.columns[:3]

    assert list(plan.published(most)) == ["global"]
    assert plan.published(most)["global"]["pruner"]["sparsity"] == 0.9
    assert [column.name for column in plan.sources(most)] == ["half", "most / 90%"]
    assert [column.name for column in plan.sources(again)] == ["half"]
    assert plan.sources(half) == [half]
    assert plan.folder("published", most, 0).parent == Path("out/runs")


def test_columns_are_chosen_by_name_and_bring_those_whose_networks_they_have():
    assert [column.name for column in plan_of().columns] == ["half", "most / 90%", "again"]
    assert [c.name for c in plan_of(columns=["again"]).columns] == ["half", "again"]
    assert [c.name for c in plan_of(columns=["more"]).columns] == ["more"]
    assert len(plan_of(columns=["all"]).columns) == 4


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"columns": ["hal"]}, "--columns: unknown column 'hal'; did you mean 'half'"),
        ({"columns": ["faces"]}, "--columns: faces cannot be run: there are none"),
        ({"rows": ["globall"]}, "--rows: unknown row 'globall'; did you mean 'global'"),
    ],
)
def test_unknown_and_unavailable_names_are_refused(asked, said):
    with pytest.raises(UserError, match=said):
        plan_of(**asked)


def test_naming_a_method_asks_for_all_of_its_rows():
    rows = plan_of(rows=["magnitude_retrain"]).table.rows

    assert [row.name for row in rows] == ["No-Pruning", "global", "sparser"]


def test_a_setting_of_a_column_that_no_row_has_is_refused():
    columns = [{"name": "a", "experiment": "quick", "settings": {"pruner": {"sparsty": 0.5}}}]

    with pytest.raises(UserError, match=r"column a: no row has a setting pruner.sparsty"):
        plan_of(table=table_of(columns=columns))


def test_a_setting_of_a_column_that_no_chosen_row_has_is_none_of_theirs():
    columns = [{"name": "a", "experiment": "quick", "settings": {"pruner": {"sparsity": 0.5}}}]
    plan = plan_of(table=table_of(columns=columns), rows=["Adv.Ft"])

    assert "pruner" not in plan.published(plan.columns[0])["Adv.Ft"]


def test_tuning_wants_a_method_once_and_keeps_what_the_row_says():
    plan = plan_of()
    column = plan.columns[0]
    with pytest.raises(UserError, match="rows must have a method each, got global, sparser"):
        plan.tuning(column)

    config = plan_of(rows=["sparser"]).tuning(column)

    assert config.space["magnitude_retrain"]["pruner"]["sparsity"] == 0.8
    assert not config.trials


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"reference": "dense net", "network": "last"}, "must have a method to have settings"),
        ({"method": "adv_ft", "network": "worst"}, "network"),
    ],
)
def test_a_row_that_does_not_fit_together_is_refused(row, said):
    with pytest.raises(ValueError, match=said):
        table_of(rows=[{"name": "a", **row}])


def test_own_rows_of_a_column_are_rows_that_are_trained():
    columns = [COLUMNS[0], {**COLUMNS[1], "own_rows": ["globl"]}]

    with pytest.raises(ValueError, match=r"own_rows must .* unknown row 'globl'; did you mean"):
        table_of(columns=columns)


def test_a_row_comes_with_the_one_that_it_lasts_as_long_as_though_that_is_optional():
    rows = [ROWS[0], {**ROWS[1], "as_long_as": "sparser"}, {**ROWS[2], "optional": True}]
    plan = plan_of(table=table_of(rows=rows))

    assert list(plan.published(plan.columns[0])) == ["global", "sparser"]


def test_quantities_are_measures_or_values_by_group():
    assert table_of(quantities=["accuracy_std", "by_group.accuracy", "ap"]).quantities
    with pytest.raises(ValueError, match="unknown measure 'accuracy_sdt'"):
        table_of(quantities=["accuracy_sdt"])
    with pytest.raises(ValueError, match="unknown value by group 'acuracy'"):
        table_of(quantities=["by_group.acuracy"])


def test_rows_whose_names_have_commas_can_be_asked_for():
    """As in `--rows "Eq. 10, Adv.Ft teaches,global"`, which is cut at every comma."""
    taught = [{**ROWS[1], "name": f"Eq. 10, {name}"} for name in ("Adv.Ft teaches", "NetAug, too")]
    table = table_of(rows=[*ROWS, *taught])
    asked = ["Eq. 10", " Adv.Ft teaches", "global", "Eq. 10", " NetAug", " too"]
    names = [name.strip() for name in asked]

    rows = [row.name for row in table.with_rows(names).rows]
    assert rows == ["No-Pruning", "global", "Eq. 10, Adv.Ft teaches", "Eq. 10, NetAug, too"]
    with pytest.raises(UserError, match=r"unknown row 'Eq\. 10'"):
        table.with_rows(["Eq. 10", "SNIP teaches"])


def test_the_columns_a_folder_was_begun_with_are_kept_with_it(tmp_path):
    TableState.open(plan_of(tmp_path, columns=["again"]))

    TableState.open(plan_of(tmp_path, columns=["again"]))
    with pytest.raises(UserError, match=r"begun with columns = \['again'\], got \[\]"):
        TableState.open(plan_of(tmp_path))


def test_another_network_for_a_row_is_another_definition(tmp_path):
    TableState.open(plan_of(tmp_path))
    rows = [*ROWS[:1], {**ROWS[1], "network": "best"}, *ROWS[2:]]

    with pytest.raises(UserError, match=r"networks.global = last, got None"):
        TableState.open(plan_of(tmp_path, table=table_of(rows=rows)))


def plan_of_first_version(out):
    """In which a method had one row."""
    table = load_table("zhang2022-table5")
    once = table.with_rows([row.name for row in table.rows if row.name != "Adv.Ft (soft bias)"])
    return Plan.of(once, Options.of(once), out)


def test_a_folder_with_a_definition_of_the_first_version_still_opens(tmp_path):
    """That one kept settings by method, and knew neither columns to choose nor later settings."""
    plan = plan_of_first_version(tmp_path)
    TableState.open(plan)
    facts = json.loads((tmp_path / "table.json").read_text())
    del facts["asked"]["columns"]
    defined = facts["definition"]
    rows = defined["rows"]
    for key in ("version", "networks"):
        del defined[key]
    defined["tuned"] = [rows[name] for name in defined["tuned"]]
    for column in defined["columns"].values():
        column["published"] = {rows[name]: part for name, part in column["published"].items()}
        for key in ("trials", "tolerances", "prune_by"):
            column["experiment"].pop(key, None)
            column["experiment"]["objective"].pop(key, None)
    (tmp_path / "table.json").write_text(json.dumps(facts))

    TableState.open(plan)

    again = json.loads((tmp_path / "table.json").read_text())
    assert again["definition"]["columns"]["EOD-sex"]["published"].keys() == plan.rows.keys()


def test_a_first_version_s_other_settings_are_refused_by_row(tmp_path):
    plan = plan_of_first_version(tmp_path)
    TableState.open(plan)
    facts = json.loads((tmp_path / "table.json").read_text())
    defined = facts["definition"]
    del defined["version"]
    defined["tuned"] = [defined["rows"][name] for name in defined["tuned"]]
    (column,) = defined["columns"].values()
    column["published"] = {
        defined["rows"][name]: part for name, part in column["published"].items()
    }
    column["published"]["adv_ft"]["recovery"]["lr"] = 0.5
    (tmp_path / "table.json").write_text(json.dumps(facts))

    with pytest.raises(UserError, match=r"published.Adv.Ft.recovery.lr = 0.5, got 0.01"):
        TableState.open(plan)
