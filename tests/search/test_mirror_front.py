import json

import pytest

from search.mirror_front import front_table, measured


def values(performance, bias):
    interval = [bias - 0.01, bias + 0.01]
    measures = {"aod": -bias, "di": None}
    plain = {"performance": performance, "bias": bias, "sparsity": 0.9}
    return {**plain, "bias_interval": interval, "measures": measures}


def point(trial, test):
    return {
        **{"candidate": "c0", "trial": trial, "epoch": 4, "method": "adv_ft", "chosen": True},
        **{"settings": {"recovery": {"lr": 0.1}}, "needs_group": False, "feasible": True},
        **{"tune": values(0.8, 0.03), "test": test, "kept_promise": None},
    }


def test_the_table_of_a_front_has_one_row_a_point_and_the_telling_columns_first():
    table = json.loads(
        front_table({"points": [point("t0", None), point("t1", values(0.7, 0.04))]})
    )
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]

    assert table["columns"][:4] == ["trial", "method", "chosen", "tune performance"]
    assert [row["trial"] for row in rows] == ["t0", "t1"]
    assert [row["test bias"] for row in rows] == [None, 0.04]
    assert rows[1]["test bias_interval high"] == pytest.approx(0.05)
    assert rows[0]["settings recovery lr"] == 0.1
    assert not [name for name in table["columns"] if "." in name]
    assert "kept_promise" not in table["columns"]  # nobody knows it yet


def test_measured_values_have_their_split_in_front_and_no_gaps():
    assert measured(None, "test/") == {}
    assert measured(values(0.7, 0.25) | {"feasible": True}, "test/") == {
        **{"test/performance": 0.7, "test/bias": 0.25, "test/sparsity": 0.9},
        **{"test/bias_low": 0.24, "test/bias_high": 0.26, "test/measure/aod": -0.25},
    }
