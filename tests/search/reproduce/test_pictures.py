"""Pictures from a table's results: which of its numbers become which points."""

import numpy as np
import pytest

from search.reproduce import pictures as module
from search.reproduce.pictures import pictures
from search.reproduce.results import EvaluatedColumn, Tuning, table_rows
from search.reproduce.tables import Table, TableColumn, TableRow

GROUPS = ["f", "m"]
ROWS = (
    TableRow(name="No-Pruning", reference="dense net"),
    TableRow(name="FairGRAPE", method="fairgrape", network="rounds"),
    TableRow(name="SNIP", method="snip", network="last"),
    TableRow(name="another", reference="dense net, another seed"),
)


def entry(seed, performance, *, sparsity=0.9, groups=None, **more):
    test = {
        **{"performance": performance, "bias": 0.01, "sparsity": sparsity, "measures": {}},
        "by_group": {name: list(values) for name, values in (groups or {}).items()},
    }
    return {
        **{"seed": seed, "test": test, "kept": True, "settings": {}, "seconds": 1.0},
        **{"learns_from": "train", "needs_group": False, **more},
    }


def results_of(columns, quantities, **facts):
    """`columns` are column -> row -> entries."""
    table = Table(
        name="made",
        title="Made",
        seeds=1,
        columns=tuple(TableColumn(name=name, experiment="quick") for name in columns),
        rows=ROWS,
    )
    evaluated = {
        name: EvaluatedColumn(
            {
                "groups": GROUPS,
                "objective": {"performance": "accuracy", "bias": "accuracy_drop_std"},
                "quantities": quantities,
                **facts.get(name, {}),
            },
            {"published": rows},
        )
        for name, rows in columns.items()
    }
    tuning = {name: Tuning(frozenset(), frozenset()) for name in columns}
    departures = {name: {row.name: [] for row in ROWS} for name in columns}
    rows = table_rows(table, None, evaluated, tuning, departures)
    shown = {name: column.facts for name, column in evaluated.items()}
    return {"title": "Made", "rows": rows, "columns": shown}


@pytest.fixture
def handed_over(monkeypatch):
    """What each drawing function was called with; the pictures are still drawn."""
    calls = []

    def recording(name):
        real = getattr(module, name)

        def draw(*arguments, **options):
            calls.append((arguments, options))
            return real(*arguments, **options)

        monkeypatch.setattr(module, name, draw)

    for name in ("draw_ellipses", "draw_sparsities", "draw_layers", "draw_by_group", "draw_sizes"):
        recording(name)
    return calls


def by_group(*names):
    return [f"by_group.{name}.{group}" for name in names for group in GROUPS]


def test_ellipses_are_of_the_mean_changes_over_seeds_without_the_dense_net(handed_over):
    def changed(seed, *values):
        pairs = dict(zip(("fnr_change", "fpr_change"), values, strict=True))
        return entry(seed, 0.5, groups=pairs)

    columns = {
        "a": {
            "No-Pruning": [changed(0, [0.0, 0.0], [0.0, 0.0])],
            "SNIP": [changed(0, [0.1, 0.2], [0.3, None]), changed(1, [0.3, 0.4], [0.5, None])],
        }
    }
    found = pictures(results_of(columns, by_group("fnr_change", "fpr_change")), "ellipses")
    ((changes, _),) = [arguments for arguments, _ in handed_over]

    assert list(found) == ["Changes of error rates"]
    assert list(changes["a"]) == ["SNIP"]
    assert changes["a"]["SNIP"] == pytest.approx(
        np.array([[0.2, 0.4], [0.3, np.nan]]), nan_ok=True
    )


def test_sparsities_take_each_round_and_the_other_columns_of_a_family(handed_over):
    rounds = [
        entry(0, 0.7, sparsity=0.5, round=1),
        entry(0, 0.6, sparsity=0.8, round=2),
        entry(0, 0.65, sparsity=0.9),
    ]
    columns = {
        "r 90%": {
            "No-Pruning": [entry(0, 0.8, sparsity=0.0)],
            "FairGRAPE": rounds,
            "SNIP": [entry(0, 0.55)],
        },
        "r 50%": {"FairGRAPE": rounds, "SNIP": [entry(0, 0.75, sparsity=0.5)]},
        "other": {"SNIP": [entry(0, 0.1)]},
    }
    results = results_of(columns, ["performance"], **{"r 50%": {"networks_of": "r 90%"}})
    found = pictures(results, "sparsities")
    (courses, dense, title), _ = handed_over[0]

    assert list(found) == ["r 90%", "other"] and title == "Made, r 90%"
    assert courses == {
        "accuracy": {
            "FairGRAPE": [(0.5, 0.7, None), (0.8, 0.6, None), (0.9, 0.65, None)],
            "SNIP": [(0.5, 0.75, None), (0.9, 0.55, None)],
        }
    }
    assert dense == {"accuracy": 0.8}


def test_layers_have_mean_shares_and_accuracies_with_their_changes(handed_over):
    def with_shares(seed, first, accuracies):
        importance = {"conv": [first, 1 - first], "head": [0.5, 0.5]}
        return entry(seed, 0.5, groups={"accuracy": accuracies}, importance=importance)

    columns = {
        "a": {
            "No-Pruning": [with_shares(0, 0.5, [0.8, 0.9])],
            "FairGRAPE": [entry(0, 0.5, groups={"accuracy": [0.5, 0.5]})],  # none was measured
            "SNIP": [with_shares(0, 0.6, [0.7, 0.8]), with_shares(1, 0.8, [0.6, 0.9])],
        }
    }
    found = pictures(results_of(columns, by_group("accuracy")), "layers")
    ((networks, groups, _),) = [arguments for arguments, _ in handed_over]

    assert list(found) == ["a"] and groups == GROUPS
    assert list(networks) == ["No-Pruning", "SNIP"]
    assert networks["No-Pruning"].changes is None
    assert networks["SNIP"].layers == ("conv", "head")
    assert networks["SNIP"].shares == pytest.approx(np.array([[0.7, 0.3], [0.5, 0.5]]))
    assert networks["SNIP"].accuracies == pytest.approx((0.65, 0.85))
    assert networks["SNIP"].changes == pytest.approx((-0.15, -0.05))


def test_average_precisions_are_shares_of_the_same_seed_s_dense_net(handed_over):
    def precise(seed, *values):
        return entry(seed, 0.5, groups={"ap": values})

    columns = {
        "a": {
            "No-Pruning": [precise(0, 0.5, 0.8), precise(1, 1.0, 0.8)],
            "SNIP": [precise(0, 0.4, 0.4), precise(1, 0.6, None)],
        }
    }
    found = pictures(results_of(columns, by_group("ap")), "by group")
    (((values, groups, quantity, _), options),) = handed_over
    (first, second) = values["a"]["SNIP"]

    assert list(found) == [quantity] == ["AP as a share of the dense net's"]
    assert groups == {"a": GROUPS} and options == {"dense": 1.0}
    assert first == pytest.approx((0.7, np.std([0.8, 0.6], ddof=1)))
    assert second == (0.5, None)
    assert "No-Pruning" not in values["a"]


def test_other_values_by_group_are_shown_as_they_are(handed_over):
    columns = {"a": {"SNIP": [entry(0, 0.5, groups={"pie": [0.1, None]})]}}
    pictures(results_of(columns, by_group("accuracy", "pie")), "by group")
    (((values, _, quantity, _), options),) = handed_over

    assert quantity == "PIE" and options == {"dense": None}
    assert values == {"a": {"SNIP": [(0.1, None), None]}}


def test_sizes_have_a_circle_for_each_sparsity_of_a_row_and_one_for_the_dense_net(handed_over):
    def with_di(seed, performance, di, sparsity):
        one = entry(seed, performance, sparsity=sparsity)
        one["test"]["measures"] = {"di": di}
        return one

    dense = [with_di(0, 0.8, 0.3, 0.0), with_di(1, 0.9, 0.5, 0.0)]
    columns = {
        "r 80%": {
            "No-Pruning": dense,
            "another": dense[::-1],
            "SNIP": [with_di(0, 0.7, 0.6, 0.8), with_di(1, 0.7, None, 0.8)],
        },
        "r 95%": {
            "No-Pruning": dense,
            "SNIP": [with_di(0, 0.6, 0.7, 0.95)],
            "FairGRAPE": [with_di(0, 0.6, None, 0.95)],  # its DI is not estimable
        },
    }
    results = results_of(
        columns, ["performance", "di", "bias"], **{"r 95%": {"networks_of": "r 80%"}}
    )
    found = pictures(results, "sizes")
    (((circles, performance, fairness, _), _),) = handed_over

    assert list(found) == ["r 80%"]
    assert (performance, fairness) == ("accuracy", "DI")
    assert circles["No-Pruning"] == [pytest.approx((0.85, 0.4, 1.0))]
    assert circles["SNIP"] == [pytest.approx((0.7, 0.6, 0.2)), pytest.approx((0.6, 0.7, 0.05))]
    assert circles["FairGRAPE"] == []
    assert "another" not in circles
