"""A run by sex judged by race, where two of four races are tiny; counted by hand throughout."""

import json

import numpy as np
import pytest

from analysis.words import verdict
from search.errors import UserError
from search.front.build import build_front
from search.front.view import view_by, view_of
from search.results.report import price_of_fairness
from search.results.report import report as write_report
from tests.search.front.test_build import FACTS as OF_TWO_RACES
from tests.search.front.test_build import NEGATIVE, POSITIVE, trial
from tests.search.front.test_build import report as report_of
from tests.search.runs.test_garbage import make
from trainables.evaluation.counts import Counts, ScoreCounts

RACES = ("B", "N", "O", "W")
# Rows in each cell of sex, race and label: by race and label 4 of N and 18 of O, together 22.
ROWS = {"B": 500, "N": 2, "O": 9, "W": 500}
FACTS = {
    **OF_TWO_RACES,
    "attributes": {"sex": ["F", "M"], "race": list(RACES)},
    "crossing_to_group": [0] * 4 + [1] * 4,
    "crossing_priors": [[1 / 16, 1 / 16]] * 8,
    **{"rows": {"tune": 4048, "test": 4048}, "notes": []},
}
# Called positive of those that are, and of those that are not, in shares of each race; the same
# for both sexes. EOD by race, merged: O and N have (12 + 0) / 22 true positives, W has 0.9.
SHARES = {"B": (0.8, 0.2), "N": (0.0, 0.5), "O": (2 / 3, 1 / 3), "W": (0.9, 0.2)}


def counts(without=()):
    """Scores as if of SHARES; `without` are races with no rows whose label is yes."""
    histogram = np.zeros((8, 2, 1001), dtype=np.int64)
    for cell, race in enumerate(RACES * 2):
        for label, share in ((1, SHARES[race][0]), (0, SHARES[race][1])):
            rows = 0 if race in without and label == 1 else ROWS[race]
            histogram[cell, label, POSITIVE] = round(share * rows)
            histogram[cell, label, NEGATIVE] = rows - round(share * rows)
    return ScoreCounts(histogram).to_dict()


def dense(**counted):
    of_dense = {"tune": counts(), "held_back": counts(), **counted}
    return {"event": "dense", "sparsity": 0.0, "counts": of_dense}


def made_trial(of_net=None):
    one = report_of("t1", ([800] * 4, [200] * 4), 0.5)
    told = {"stage": 0, "role": "recovery", "name": "adversarial", "charged": 1, "seconds": 0.1}
    net = of_net or counts()
    return trial("t1", {**one, **told, "counts": {"tune": net, "held_back": net}})


def by_race(of_dense=None, **rule):
    return view_by(FACTS, of_dense or dense(), "race", **{"min_cell": 20, **rule})


def run_folder(path, *, of_dense=None, of_net=None, rule=""):
    """A run's folder; its events `experiment` and `dense` are replaced by those of this file."""
    folder = make(path, [])
    (folder / "config.toml").write_text(
        f'name = "m"\n[data]\nname = "adult"\ngroup = "sex"\n{rule}'
    )
    events = [FACTS, of_dense or dense(), *made_trial(of_net)]
    (folder / "journal.jsonl").write_text(
        "".join(json.dumps({**one, "time": 0.0}) + "\n" for one in events)
    )
    return folder


def test_groups_that_are_too_small_are_merged_by_name_as_in_a_search():
    view = by_race()

    assert view.group_names == ("B", "W", "N + O")
    assert view.crossing_to_group.tolist() == [0, 2, 2, 1] * 2
    assert view.notes[0] == (
        "race: groups under min_cell=20 were merged into one group: "
        "'N' (label 'no' has 4 rows on held_back); 'O' (label 'no' has 18 rows on held_back)"
    )
    assert "few rows on held_back or tune" in view.notes[1]
    assert "test stays sealed" in view.notes[1]


def test_the_bias_is_that_of_the_merged_groups():
    """True positives: B .8, W .9, N + O 12 of 22; without merging the gap to N would be .9."""
    view = by_race().with_bias("eod", 0.9)

    (point,) = build_front(FACTS, [dense(), *made_trial()], view)["points"]

    assert point["tune"]["bias"] == pytest.approx(0.9 - 12 / 22)


def test_with_drop_and_where_even_the_merged_groups_are_small_they_are_left_out_by_name():
    dropped, both = by_race(small_cells="drop"), by_race(min_cell=25)

    for view in (dropped, both):
        assert view.group_names == ("B", "W")
        assert view.crossing_to_group.tolist() == [0, -1, -1, 1] * 2
        assert "were left out: 'N'" in view.notes[0]
    assert "too small even together (label 'no' has 22 rows on held_back)" in both.notes[1]


def test_by_a_measure_that_needs_no_cells_a_group_of_enough_rows_is_not_small():
    # of N there are 8 rows in all, of O 36
    view = by_race(min_cell_of="groups")

    assert view.group_names == ("B", "O", "W")
    assert view.crossing_to_group.tolist() == [0, -1, 1, 2] * 2
    assert "were left out: 'N' (8 rows on held_back)" in view.notes[0]


@pytest.mark.parametrize(
    ("bias", "small"), [("accuracy_std", "'N' (8 rows"), ("eod", "'O' (label")]
)
def test_a_report_by_another_measure_goes_by_the_rule_of_that_measure(tmp_path, bias, small):
    folder, said = run_folder(tmp_path / "run"), []

    write_report(folder, group="race", bias=bias, say=said.append)

    assert small in " ".join(said)
    assert ("'O'" in " ".join(said)) == (bias == "eod")


def test_a_group_that_is_small_on_either_split_is_small_and_large_ones_are_not_spoken_of():
    only_held_back = dense(held_back=counts(without=["W"]))

    assert "'W' (label 'yes' has 0 rows on held_back)" in by_race(only_held_back).notes[0]
    assert by_race(min_cell=4).group_names == RACES
    assert by_race(min_cell=4).notes == ()


def test_with_many_classes_no_threshold_is_fitted_so_that_held_back_is_not_looked_at():
    few, many = (Counts(np.full((8, 3, 3), number)).to_dict() for number in (1, 10))
    facts = {**FACTS, "classes": ["a", "b", "c"]}

    view = view_by(facts, dense(tune=many, held_back=few), "race", min_cell=20)

    assert view.group_names == RACES


def test_the_search_s_own_group_stays_as_it_was_searched():
    assert view_by(FACTS, dense(), "sex", min_cell=10**6).group_names == ("F", "M")
    assert not view_by(FACTS, dense(), "sex", min_cell=10**6).changed


def test_fewer_than_two_groups_that_are_large_enough_are_an_error():
    with pytest.raises(UserError, match=r"report: race: at least two groups .*min_cell=2000"):
        by_race(min_cell=2000)


@pytest.mark.parametrize(
    ("rule", "groups"),
    [("", ["B", "W", "N + O"]), ('small_cells = "drop"', ["B", "W"]), ("min_cell = 4", RACES)],
)
def test_a_report_goes_by_the_rule_of_the_run_s_config_and_says_so(tmp_path, rule, groups):
    folder, said = run_folder(tmp_path / "run", rule=rule), []

    page = write_report(folder, group="race", say=said.append).read_text("utf-8")

    front = json.loads((folder / "front-group-race.json").read_text())
    assert front["objective"]["groups"] == list(groups)
    *of_groups, chosen, certified = said
    assert [f"{note}." for note in front["group_notes"]] == of_groups
    assert ("groups under min_cell=20 were" in page) == bool(of_groups) == (len(groups) < 4)
    assert chosen.startswith("Nothing was feasible")
    assert "ertified" in certified
    assert "0.0123" not in page  # the tolerance that tune can certify is another by race


def test_another_measure_and_the_price_of_fairness_merge_as_the_measure_asks(tmp_path):
    folder = run_folder(tmp_path / "run")

    write_report(folder, bias="spd", group="race")
    price = price_of_fairness(folder, [0.9], bias="eod", group="race")

    front = json.loads((folder / "front-bias-spd-group-race.json").read_text())
    assert front["objective"]["groups"] == ["B", "O", "W"]  # spd needs rows of groups, not cells
    assert price["bias"].tolist() == pytest.approx([0.9 - 12 / 22])  # of W, and of N with O


def test_where_no_candidate_has_a_bias_the_front_names_the_cells_that_have_no_rows(tmp_path):
    """No row of W is labelled yes, so that no network has an EOD by race; not even small ones
    are merged, as a search would have done."""
    lacking, view = counts(without=["W"]), by_race(min_cell=4).with_bias("eod", 0.05)
    events = [dense(tune=lacking), *made_trial(lacking)]

    found = build_front(FACTS, events, view)

    assert found["bias_undefined"] == {"candidates": 1, "empty_cells": [["W", "yes"]]}
    assert "EOD| is undefined on tune for each of the 1 candidates" in verdict(found)
    assert build_front(FACTS, events, view_of(FACTS))["bias_undefined"] is None
    assert build_front(FACTS, events[:1], view)["bias_undefined"] is None  # there are none
