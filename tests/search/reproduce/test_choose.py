"""Which network of its trial stands for a row."""

from types import SimpleNamespace

import pytest

from search.journal.journal import Journal
from search.reproduce.choose import best_by_method, chosen_networks
from search.reproduce.tables import TableRow

SPEC = {"settings": {"pruner": {"sparsity": 0.9}}, "correction": {"name": "threshold"}}
# Of each epoch: round, candidate, performance, bias, feasible, beats a constant prediction.
EPOCHS = [
    (1, None, 0.90, 0.02, True, True),
    (1, "a", 0.90, 0.02, True, True),
    (2, "b", 0.80, 0.01, True, True),
    (3, None, 0.60, 0.00, True, False),
    (3, "c", 0.50, 0.00, True, False),
    (3, "d", 0.55, 0.00, True, False),  # retraining, which counts as part of the last round
]


@pytest.fixture
def folder(tmp_path):
    """A run with a trial of one row, and one of a row that failed."""
    journal = Journal(tmp_path)
    for trial, row in (("t0001", "rounds"), ("t0002", "broken")):
        start = {"event": "trial_start", "trial": trial, "method": "fairgrape", "row": row}
        journal.append({**start, "spec": SPEC, "learns_from": "train"})
    for epoch, (number, candidate, performance, bias, feasible, beats) in enumerate(EPOCHS, 1):
        report = {
            **{"event": "report", "trial": "t0001", "epoch": epoch, "seconds": 2.0},
            **{"candidate": candidate, "dropped": [], "performance": performance, "bias": bias},
            **{"feasible": feasible, "beats_trivial": beats, "sparsity": epoch / 10},
            **{"last": epoch == len(EPOCHS), "decision": {"kind": "threshold"}},
            **{"role": "recovery", "stage_epochs": len(EPOCHS)},
        }
        if number is not None:
            report["round"] = number
        if epoch in (1, 3, 4):
            report["diagnostics"] = {"kept": {"0": 10 - number}}
        journal.append(report)
    end = {"event": "trial_end", "trial": "t0001", "status": "finished", "reason": None}
    journal.append(end)
    journal.append({**end, "trial": "t0002", "status": "failed", "reason": "it broke"})
    journal.close()
    return SimpleNamespace(journal=journal.path)


def chosen(folder, network, name="rounds"):
    row = TableRow(name=name, method="fairgrape", network=network)
    return chosen_networks(folder, [row])


def test_best_is_the_best_feasible_network(folder):
    (best,) = chosen(folder, "best")

    assert (best.row, best.candidate, best.sparsity) == ("rounds", "a", 0.2)
    assert best.seconds == 12.0
    assert best.at_end == {"performance": 0.55, "bias": 0.00, "feasible": True}
    assert best.tune != best.at_end


def test_last_is_the_network_at_the_end_though_it_is_at_chance(folder):
    (last,) = chosen(folder, "last")

    assert (last.candidate, last.epoch, last.round) == ("d", 6, None)
    assert last.diagnostics == {"kept": {"0": 7}}


def test_rounds_are_the_last_network_of_each_and_the_one_at_the_end(folder):
    networks = chosen(folder, "rounds")

    assert [(one.round, one.candidate) for one in networks] == [
        *((1, "a"), (2, "b"), (3, "c")),
        (None, "d"),
    ]
    assert [one.diagnostics["kept"]["0"] for one in networks] == [9, 8, 7, 7]


def test_a_row_whose_trial_failed_says_why_and_has_no_network(folder):
    for network in ("best", "last", "rounds"):
        (broken,) = chosen(folder, network, "broken")
        assert (broken.candidate, broken.failure) == (None, "it broke")


def test_trials_of_rows_that_are_not_asked_for_are_left_out(folder):
    assert chosen(folder, "last", "another") == []


def test_a_tuning_search_is_read_by_method(folder):
    assert best_by_method(folder)["fairgrape"].candidate == "a"


def test_trials_of_older_tables_belong_to_the_row_of_their_method(tmp_path):
    journal = Journal(tmp_path)
    start = {"event": "trial_start", "trial": "t0001", "method": "adv_ft", "learns_from": "debias"}
    journal.append({**start, "spec": SPEC})
    journal.append(
        {"event": "trial_end", "trial": "t0001", "status": "failed", "reason": "it broke"}
    )
    journal.close()

    (network,) = chosen_networks(
        SimpleNamespace(journal=journal.path), [TableRow(name="Adv.Ft", method="adv_ft")]
    )

    assert network.row == "Adv.Ft"
