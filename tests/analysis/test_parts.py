"""Which method holds which part of a front, and what only it gives."""

import itertools

import numpy as np
import pandas as pd
import pytest

from analysis.parts import contributions, holdings, parts_of_front
from tests.analysis.made_search import made_front

AXES = ("performance", "bias", "sparsity")
CORNERS = {"reference": [0.5, 0.05, 0.0], "ideal": [1.0, 0.0, 1.0]}


def front_of(rows, tolerance=0.04):
    """A front of (method, bias, performance, sparsity) and nothing else that matters here."""
    front = made_front(points=len(rows))
    front["objective"] = front["objective"] | {"tolerance": tolerance}
    for point, (method, *values) in zip(front["points"], rows, strict=True):
        point["method"] = method
        point["tune"] |= dict(zip(("bias", "performance", "sparsity"), values, strict=True))
    return front


def frames_of(rows):
    """Trials of (method, samples) with one feasible candidate (performance, bias, sparsity)."""
    trials = pd.DataFrame(
        {
            "trial": [f"t{n}" for n in range(len(rows))],
            "method": [row[0] for row in rows],
            "status": "finished",
            "charged": [float(row[1]) for row in rows],
            "ended": np.arange(len(rows), dtype=float),
        }
    )
    values = pd.DataFrame([row[2:] for row in rows], columns=list(AXES))
    flags = {"candidate": trials["trial"], "beats_trivial": True, "feasible": True}
    reports = pd.concat([trials[["trial", "method"]], values], axis=1).assign(**flags)
    return trials, reports.assign(needs_group=False)


def test_a_front_is_divided_by_quarters_of_the_tolerance_and_by_sparsity():
    front = front_of(
        [
            ("a", 0.005, 0.70, 0.0),
            ("b", 0.005, 0.75, 0.0),
            ("b", 0.009, 0.72, 0.004),  # to hundredths nothing is removed
            ("a", 0.010, 0.80, 0.8996),  # one layer keeps whole weights: nine tenths
            ("a", 0.039, 0.90, 0.97),
        ]
    )

    parts = parts_of_front(front)

    assert parts.astype(object).to_numpy().tolist() == [
        ["0.000 to 0.010", "0", "b", 2, 0.75],
        ["0.000 to 0.010", "0", "a", 1, 0.70],
        ["0.010 to 0.020", "0.900 to 0.950", "a", 1, 0.80],
        ["0.030 to 0.040", "from 0.950", "a", 1, 0.90],
    ]
    assert parts["networks"].sum() == len(front["points"])


def test_points_beyond_the_tolerance_have_a_part_of_their_own_and_none_is_no_error():
    parts = parts_of_front(front_of([("a", 0.07, 0.8, 0.5)]))

    assert parts["bias"].tolist() == ["from 0.040"]
    assert parts_of_front(front_of([])).empty


def test_what_each_method_holds_is_how_many_networks_over_which_ranges():
    rows = [("a", 0.01, 0.7, 0.5), ("a", 0.03, 0.9, 0.2), ("b", 0.02, 0.8, 0.9)]
    front = front_of(rows) | {"methods": ["a", "b", "without"]}

    held = holdings(front).set_index("method")

    assert held["networks"].to_dict() == {"a": 2, "b": 1, "without": 0}
    assert held.loc["a"].tolist()[2:] == [0.01, 0.03, 0.7, 0.9, 0.2, 0.5]
    assert held.loc["b", ["bias_low", "bias_high"]].tolist() == [0.02, 0.02]
    assert held.loc["without"].isna().tolist()[2:] == [True] * 6


def covered(points, count):
    """The union of boxes as an alternating sum over all subsets, 2^n terms."""
    low, high = (np.array(CORNERS[key][:count]) for key in ("reference", "ideal"))
    boxes = [np.clip((np.array(p[:count]) - low) / (high - low), 0, 1) for p in points]
    return sum(
        -((-1) ** size) * np.prod(np.min(chosen, axis=0))
        for size in range(1, len(boxes) + 1)
        for chosen in itertools.combinations(boxes, size)
    )


@pytest.mark.parametrize("seed", range(5))
def test_contributions_are_what_is_lost_without_a_method_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    rows = [
        (
            *(str(rng.choice(["a", "b", "c"])), 100),
            *(rng.uniform(0.45, 1), rng.uniform(0, 0.06), rng.uniform(0, 1)),
        )
        for _ in range(9)
    ]

    given = contributions(*frames_of(rows), **CORNERS)

    for count, name in ((2, "area"), (3, "volume")):
        whole = covered([row[2:] for row in rows], count)
        for method in given.index:
            own = covered([row[2:] for row in rows if row[0] == method], count)
            others = covered([row[2:] for row in rows if row[0] != method], count)
            assert given.loc[method, name] == pytest.approx(own)
            expected = (whole - others) / whole
            assert given.loc[method, f"{name}_only"] == pytest.approx(expected, abs=1e-12)


def test_networks_with_all_of_their_weights_have_an_area_but_no_volume():
    given = contributions(*frames_of([("a", 10, 0.75, 0.025, 0.0)]), **CORNERS).loc["a"]

    assert given["area"] == pytest.approx(0.25)
    assert given["area_only"] == pytest.approx(1.0)
    assert given["volume"] == given["volume_only"] == 0.0
    flat = {key: corner[:2] for key, corner in CORNERS.items()}
    assert np.isnan(
        contributions(*frames_of([("a", 10, 0.75, 0.025, 0.0)]), **flat)["volume"]
    ).all()


def test_a_method_that_needs_the_group_has_no_share_unless_it_may_be_chosen():
    trials, reports = frames_of([("a", 10, 0.75, 0.025, 0.5), ("b", 10, 0.7, 0.03, 0.5)])
    reports["needs_group"] = reports["method"] == "a"

    given, allowed = (
        contributions(trials, reports, **CORNERS, group_allowed=may) for may in (False, True)
    )

    shares = ["area", "area_only", "volume", "volume_only", "charged_until"]
    assert given.loc["a", shares].isna().all()
    assert given.loc["b", "area_only"] == pytest.approx(1.0)
    assert allowed.loc["a", shares].notna().all()
    assert allowed.loc["a", "area"] == pytest.approx(0.25)


def test_the_samples_until_nine_tenths_are_those_of_the_methods_own_trials():
    rows = [
        ("a", 100, 0.6, 0.0, 0.5),  # .2
        ("b", 999, 0.9, 0.0, 0.5),
        ("a", 200, 0.95, 0.0, 0.5),  # .9
        ("a", 400, 0.97, 0.0, 0.5),  # .94
        ("c", 7, 0.4, 0.0, 0.5),  # no better than the reference
    ]

    given = contributions(*frames_of(rows), **CORNERS)

    assert given["charged"].to_dict() == {"a": 700, "b": 999, "c": 7}
    assert given.loc["a", "charged_until"] == 300
    assert given.loc["b", "charged_until"] == 999
    assert np.isnan(given.loc["c", "charged_until"])
