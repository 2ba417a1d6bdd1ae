"""Quantities that sum up values by group, by hand and as the paper prints them."""

import pytest

from search.reproduce.group_summaries import SUMMARIES, OfNetwork, summaries
from search.reproduce.paper import paper_table


def network(**values):
    given = {"by_group": {"accuracy": [0.7, 0.8], "ap": [0.5, 0.9]}, "everybody": {}}
    return OfNetwork(**{**given, "dense": None, **values})


def test_every_quantity_of_a_small_network_by_hand():
    found = summaries(
        network(
            everybody={"fnr": 0.2, "fpr": 0.1, "pie": 0.05, "accuracy": 0.75},
            dense={"accuracy": [0.9, 0.9], "ap": [0.8, 0.95]},
        )
    )

    assert found == {
        "accuracy_gap": pytest.approx(0.1),
        **{"fnr": 0.2, "fpr": 0.1, "pie": 0.05},
        "ap": pytest.approx(0.7),
        "ap_std": pytest.approx(0.4 / 2**0.5),
        "ap_drop_std": pytest.approx(0.25 / 2**0.5),  # changes of -.3 and -.05
    }


def test_the_gaps_of_two_accuracies_are_those_that_the_paper_prints():
    table = paper_table("lin2022/3")
    for row in table.rows:
        cell = table.cell(row, "CelebA by gender")
        by_group = {"accuracy": [cell["Male"].value, cell["Female"].value]}

        found = SUMMARIES["accuracy_gap"](network(by_group=by_group))
        assert found == pytest.approx(cell["accuracy_gap"].value, abs=1.5e-4), row


def test_the_dense_net_has_no_changes_and_a_group_without_a_value_leaves_none():
    dense = summaries(network())
    unknown = summaries(network(by_group={"accuracy": [None, 0.8], "ap": [0.5, None]}))

    assert dense["ap_drop_std"] is None and dense["ap_std"] is not None
    assert [unknown[name] for name in ("accuracy_gap", "ap", "ap_std", "fnr")] == [None] * 4
