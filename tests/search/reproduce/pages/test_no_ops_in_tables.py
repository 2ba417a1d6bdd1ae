"""A table says with how many seeds a row's trial did nothing of what it is meant to do."""

from types import SimpleNamespace

import pytest

from search.journal.journal import Journal
from search.reproduce.choose import chosen_networks
from search.reproduce.pages.table_page import markdown, page
from search.reproduce.tables import TableRow
from tests.search.journal.test_no_ops import SAYS, Watched, end, reports, start
from tests.search.reproduce.made_results import entry, made_columns, made_results
from trainables.methods import METHODS, Method, Stage
from trainables.pruners import PRUNERS

NOTHING = "faprune: its mask never changed (changed at most 0)"
SAID = f"No-op in AOD-sex, published, with 1 of 2 seeds: {NOTHING}."


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run with a trial of each of two rows, of which one's adversary found out nothing."""
    monkeypatch.setitem(PRUNERS, "watched", Watched)
    monkeypatch.setitem(METHODS, "watched", Method((Stage("pruner", "watched"),), "made", "2026"))
    journal = Journal(tmp_path)
    for trial, row, advantage in (("t1", "idle", 0.0), ("t2", "learning", 0.2)):
        journal.append({**start(trial), "row": row, "learns_from": "train"})
        for report in reports(trial, [0.0, advantage]):
            values = {"performance": 0.8, "bias": 0.1, "feasible": False, "beats_trivial": True}
            place = {"seconds": 1.0, "sparsity": 0.5, "dropped": [], "role": "pruner"}
            last = report["epoch"] == 2
            kept = {"last": last, "candidate": f"{trial}c" if last else None}
            decided = {"decision": {"kind": "threshold"}}
            journal.append({**report, **values, **place, **kept, **decided})
        journal.append(end(trial))
    journal.close()
    return SimpleNamespace(journal=journal.path)


def test_a_row_s_network_says_what_its_trial_did_not_do(folder):
    rows = [TableRow(name=name, method="watched") for name in ("idle", "learning")]

    idle, learning = chosen_networks(folder, rows)

    assert (idle.row, learning.row) == ("idle", "learning")
    assert SAYS in idle.no_ops[0]
    assert learning.no_ops == ()


def results_of(columns):
    idle = entry(0, 0.70, 0.06, no_ops=[NOTHING])
    columns["AOD-sex"].entries["published"]["Prune"][0] = idle
    return made_results(columns)


def test_pages_flag_it_at_the_row_and_say_what_it_was():
    results = results_of(made_columns())

    for text in (markdown(results, {}), page(results, {})):
        assert "1 no-op" in text
        assert f"Prune: {SAID}" in text
    assert "no-op" not in markdown(made_results(), {}).lower()


def test_so_do_tables_of_their_own_quantities():
    columns = made_columns()
    columns["AOD-sex"].facts["quantities"] = ["performance", "bias"]

    text = markdown(results_of(columns), {})

    assert "no-op with 1 of 2 seeds" in text
    assert SAID in text
