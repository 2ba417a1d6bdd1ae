"""table.json: by what a folder was begun, and how often its test was opened."""

import json
from dataclasses import replace

import pytest

from search.errors import UserError
from search.reproduce.plan import Options, Plan
from search.reproduce.table_state import UNCHECKED, TableState, refuse_foreign
from search.reproduce.tables import load_table


@pytest.fixture
def plan(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    return plan_of("zhang2022-table5", out)


def plan_of(name, out, **options):
    table = load_table(name)
    asked = Options.of(table, **options)
    return Plan.of(table, asked, out)


def chosen(*runs, bias=0.02):
    """What is chosen at each (kind, seed)."""
    networks = [{"method": "adv_ft", "candidate": "t0-e3", "tune": {"bias": bias}}]
    return {
        "EOD-sex": [{"kind": kind, "seed": seed, "chosen": networks} for kind, seed in runs],
    }


def stored(plan):
    return json.loads((plan.out / "table.json").read_text())


def test_what_was_named_before_is_no_new_opening(plan):
    for _ in range(2):
        TableState.open(plan).announce(chosen(("published", 0), ("published", 1)))
    TableState.open(plan).announce(chosen(("published", 1)))

    (opening,) = TableState.open(plan).openings
    assert opening["looked_at"] == {"EOD-sex": {"published": [0, 1]}}
    assert [path.name for path in plan.out.glob("chosen*")] == ["chosen.json"]


def test_more_seeds_or_kinds_are_another_opening_and_the_first_file_stays(plan):
    state = TableState.open(plan)
    state.announce(chosen(("published", 0)))
    first = (plan.out / "chosen.json").read_bytes()

    state.announce(chosen(("published", 0), ("published", 1), ("tuned", 0)))

    assert (plan.out / "chosen.json").read_bytes() == first
    assert len(json.loads((plan.out / "chosen-2.json").read_text())["EOD-sex"]) == 3
    assert TableState.open(plan).openings[1]["looked_at"] == {
        "EOD-sex": {"published": [1], "tuned": [0]}
    }


def test_another_network_at_the_same_seed_is_another_opening(plan):
    state = TableState.open(plan)
    state.announce(chosen(("published", 0)))
    state.announce(chosen(("published", 0), bias=0.03))

    assert len(state.openings) == 2


def test_a_folder_begun_before_definitions_were_kept_goes_on_with_a_note(plan):
    TableState.open(plan)
    facts = stored(plan)
    old = {key: facts[key] for key in ("id", "begun", "seconds", "asked")}
    (plan.out / "table.json").write_text(json.dumps(old))
    (plan.out / "chosen.json").write_text(json.dumps(chosen(("published", 0))))

    state = TableState.open(plan)
    state.announce(chosen(("published", 0)))

    assert state.notes == TableState.open(plan).notes == [UNCHECKED]
    assert len(state.openings) == 1  # the one that the old chosen.json tells of


def test_another_definition_is_refused_by_the_name_of_what_differs(plan):
    TableState.open(plan)
    facts = stored(plan)
    facts["definition"]["columns"]["EOD-sex"]["published"]["Adv.Ft"]["recovery"]["lr"] = 0.5
    (plan.out / "table.json").write_text(json.dumps(facts))

    with pytest.raises(
        UserError,
        match=r"begun with columns.EOD-sex.published.Adv.Ft.recovery.lr = 0.5, got 0.01",
    ):
        TableState.open(plan)


def test_words_and_the_machine_s_cores_are_no_part_of_the_definition(plan):
    TableState.open(plan)
    facts = stored(plan)

    assert "concurrent" not in facts["definition"]["columns"]["EOD-sex"]["experiment"]["search"]
    other = plan.table.model_copy(update={"title": "another", "notes": ("new",)})
    TableState.open(replace(plan, table=other))


def test_more_seeds_may_be_asked_for_and_fewer_may_not(plan):
    TableState.open(plan)
    TableState.open(plan_of("zhang2022-table5", plan.out, seeds=12))

    with pytest.raises(UserError, match="begun with seeds = 12, got 10"):
        TableState.open(plan)


def test_a_folder_of_something_else_is_refused_and_an_empty_one_is_not(tmp_path):
    refuse_foreign(tmp_path)
    (tmp_path / "journal.lock").touch()
    refuse_foreign(tmp_path)
    (tmp_path / "mine.txt").touch()

    with pytest.raises(UserError, match="must be a new folder or one of this command"):
        refuse_foreign(tmp_path)
