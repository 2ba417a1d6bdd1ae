"""Which group is warned of: by the intervals of the groups' performances, not by estimates."""

import pytest

from analysis.weakest_group import weakest_group_sentence
from analysis.words import explanation, verdict
from tests.analysis.made_search import made_front


def of_groups(*groups, split="tune", performance="balanced_accuracy"):
    """A front whose chosen network has groups (performance, low, high, trivial) on a split."""
    front = made_front(confirmed=split == "test")
    names = [f"g{i}" for i in range(len(groups))]
    front["objective"] = {**front["objective"], "groups": names, "performance": performance}
    for point in front["points"]:
        point[split]["by_group"] = [
            {"rows": 1200, "performance": value, "interval": [low, high], "trivial": trivial}
            for value, low, high, trivial in groups
        ]
    return front


GOOD = (0.8, 0.78, 0.82, 0.5)


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ([GOOD, (0.78, 0.75, 0.81, 0.5)], []),
        # .70 + .05 lies below the other's .78: far behind
        ([GOOD, (0.68, 0.66, 0.70, 0.5)], ["g1", "far below the 0.800 [0.780, 0.820] of g0"]),
        # the estimate is as low, but so few rows do not show it
        ([GOOD, (0.68, 0.60, 0.76, 0.5)], []),
        # what separates them just so is not more than .05
        ([GOOD, (0.70, 0.67, 0.731, 0.5)], []),
        # not shown to be better than a constant, though its estimate is
        ([GOOD, (0.68, 0.49, 0.87, 0.5)], ["g1", "which reaches 0.500"]),
        ([(0.55, 0.49, 0.61, 0.5), GOOD], ["g0", "which reaches 0.500 and far below the 0.800"]),
        # rows of one label alone: no network is better than a constant there
        ([GOOD, (0.8, 0.78, 0.82, 1.0)], []),
        # not estimable
        ([GOOD, (None, None, None, 0.5)], []),
        ([(None, None, None, None)] * 2, []),
        (
            [(0.6, 0.58, 0.62, 0.5), GOOD, (0.55, 0.53, 0.57, 0.5)],
            ["of g2 (1,200 rows", "there are doubts about g0 too"],
        ),
    ],
)
@pytest.mark.parametrize("split", ["tune", "test"])
def test_a_group_is_warned_of_where_its_interval_says_so(groups, told, split):
    front = of_groups(*groups, split=split)
    sentence = weakest_group_sentence(front)
    assert (sentence is None) == (not told)
    for words in told:
        assert words in sentence
    if told:
        assert f"rows of {split})" in sentence
        assert sentence in explanation(front)
        assert sentence in verdict(front)
    else:
        assert "Beware" not in verdict(front)


def test_it_is_about_the_network_that_is_handed_over():
    front = of_groups(GOOD, (0.68, 0.66, 0.70, 0.5), split="test")
    given = next(p for p in front["points"] if p["candidate"] == front["handed_over"])
    given["test"]["by_group"] = given["test"]["by_group"][:1] * 2
    assert weakest_group_sentence(front) is None


def test_the_worst_groups_accuracy_is_an_accuracy_within_each_group():
    sentence = weakest_group_sentence(
        of_groups(GOOD, (0.6, 0.58, 0.62, 0.5), performance="worst_group_accuracy")
    )
    assert "its accuracy is 0.600 [0.580, 0.620]" in sentence


def test_files_of_earlier_versions_and_fronts_without_a_choice_warn_of_nothing():
    assert weakest_group_sentence(made_front(confirmed=True)) is None
    assert weakest_group_sentence(made_front(feasible=False)) is None
