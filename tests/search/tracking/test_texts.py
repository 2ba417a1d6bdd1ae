import json

import pytest

from search.tracking.texts import (
    as_it_is,
    front_table,
    metrics_of,
    note_of_search,
    note_of_trial,
    other_metrics,
    series,
)


def values(performance, bias):
    measures = {"aod": -bias, "abs_aod": bias + 0.02, "di": None}
    plain = {"performance": performance, "bias": bias, "sparsity": 0.9}
    intervals = {"bias_interval": [bias - 0.01, bias + 0.01]}
    return {**plain, **intervals, "measures": measures}


CERTIFIED = {"verdict": "certified", "p": 0.001, "certified_at": 0.048}
BROKE = {"verdict": "broke", "p": 1.0, "certified_at": 0.12}


def point(trial, test, **changes):
    return {
        **{"candidate": "c0", "trial": trial, "epoch": 4, "method": "adv_ft", "chosen": True},
        **{"settings": {"recovery": {"lr": 0.1}}, "needs_group": False, "feasible": True},
        **{"tune": values(0.8, 0.03), "test": test, "claim": None},
        **changes,
    }


def front(points, **more):
    objective = {"performance": "accuracy", "bias": "aod", "tolerance": 0.05, "sparsity": True}
    dense = {"tune": values(0.85, 0.2), "test": None}
    reference = {"label": "dense net", "needs_group": False, **dense}
    return {
        **{"name": "adult", "objective": {**objective, "group": "sex"}, "hypervolume": 0.4},
        **{"opening": None, "dense": dense, "references": [reference], "points": points},
        **more,
    }


def test_the_table_of_a_front_has_one_row_a_point_and_the_telling_columns_first():
    points = [point("t0", None), point("t1", values(0.7, 0.04))]
    table = json.loads(front_table(front(points)))
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]

    assert table["columns"][:4] == ["trial", "method", "chosen", "tune performance"]
    assert [row["trial"] for row in rows] == ["t0", "t1"]
    assert [row["test bias"] for row in rows] == [None, 0.04]
    assert table["columns"].index("tune measures abs_aod") == 5  # beside the bias
    assert [row["test measures abs_aod"] for row in rows] == [None, 0.06]
    assert rows[1]["test bias_interval high"] == pytest.approx(0.05)
    assert rows[0]["settings recovery lr"] == 0.1
    assert not [name for name in table["columns"] if "." in name]
    assert "claim verdict" not in table["columns"]  # nobody knows it yet


def test_measured_values_have_their_split_in_front_and_no_gaps():
    assert metrics_of(None, "test/") == {}
    assert metrics_of(values(0.7, 0.25) | {"performance_interval": [0.6, 0.8]}, "test/") == {
        **{"test/performance": 0.7, "test/bias": 0.25, "test/sparsity": 0.9},
        **{"test/performance_low": 0.6, "test/performance_high": 0.8},
        **{
            "test/bias_low": 0.24,
            "test/bias_high": 0.26,
            "test/measure/aod": -0.25,
            "test/measure/abs_aod": 0.27,
        },
    }


def test_a_list_becomes_steps_and_what_is_no_number_is_left_out():
    rows = [{"bias": 0.1, "failure": None}, {"bias": 0.2, "bias_interval": [0.1, 0.3]}]

    assert list(series(rows, "seeds")) == [
        *[("seeds/bias", 0.1, 0), ("seeds/bias", 0.2, 1)],
        *[("seeds/bias_low", 0.1, 1), ("seeds/bias_high", 0.3, 1)],
    ]


def test_a_list_within_a_list_has_no_step_of_its_own_and_is_left_out():
    assert list(series([{"shares": [0.4, 0.6], "bias": 0.1}], "seeds")) == [("seeds/bias", 0.1, 0)]


def test_what_confirm_found_out_beside_the_points_is_told_as_it_stands():
    spread = {"seeds": 2, "kept": 1, "test": {"bias": {"mean": 0.02}}}

    assert other_metrics(front([point("t0", None)])) == []
    assert other_metrics(front([], spread=spread, note="text")) == [
        *[("spread/seeds", 2, 0), ("spread/kept", 1, 0), ("spread/test/bias/mean", 0.02, 0)],
    ]


def test_the_description_of_a_search_says_what_was_chosen_and_how_it_fared():
    kept = point("t1", values(0.7, 0.04), claim=CERTIFIED)
    said = note_of_search(front([kept], handed_over="c0"), ended=12)

    assert "12 trials ended" in said
    assert "certified on test to keep the tolerance of 0.05" in said
    assert "| adv_ft | 0.900 | 0.800 | 0.030 [0.020, 0.040] | 0.050 | 0.700 |" in said
    assert "| abs_aod (tune) | performance (test) |" in said
    assert "| dense net |  | 0.900 | 0.850 |" in said
    assert """tags."fairfront.front" = 'true'""" in said


def test_the_description_of_a_search_without_a_front_says_so():
    assert "Nothing feasible so far" in note_of_search(front([]), ended=0)


def test_the_description_of_a_trial_warns_of_a_promise_that_was_not_kept():
    said = note_of_trial([point("t1", values(0.7, 0.09), claim=BROKE, needs_group=True)])

    assert "on test broke the tolerance" in said and "needs the group" in said
    assert "test: performance 0.700, bias 0.090 [0.080, 0.100]" in said


EVIL = "<script>x</script>|[a](javascript:x)`\n# b*"


def test_names_out_of_data_are_no_markup_on_the_pages():
    made = front([point(EVIL, None, method=EVIL, candidate=EVIL)])
    made["objective"]["group"] = EVIL
    made["references"][0]["label"] = EVIL
    plain = front([point("t1", None)])

    for note in (note_of_search(made, 3), note_of_trial(made["points"])):
        assert not set("<>") & set(note)
        assert "](" not in note
        assert "\n# b" not in note
    rows = note_of_search(made, 3).splitlines()
    columns = [line.count("|") for line in rows if line.startswith("|")]
    assert columns == [
        line.count("|") for line in note_of_search(plain, 3).splitlines() if line.startswith("|")
    ]
    assert note_of_trial(made["points"]).count("`") == 2
    assert as_it_is("race=White, 50 %: naïve") == "race=White, 50 %: naïve"
