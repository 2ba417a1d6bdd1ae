"""Made-up results of a table: one row of the paper, one of ours, two seeds."""

from search.reproduce.paper import PaperTable, PrintedFigure
from search.reproduce.results import EvaluatedColumn, Tuning, table_rows
from search.reproduce.tables import Table, TableColumn, TableRow

PAPER = PaperTable(
    "A made table",
    ("AOD-sex",),
    {
        ("Baseline", "AOD-sex"): {
            "accuracy": PrintedFigure.parse("~~0.86~~"),
            "bias": PrintedFigure.parse("0.175 ± 0.016"),
        },
        ("Prune", "AOD-sex"): {
            "accuracy": PrintedFigure.parse("0.77"),
            "bias": PrintedFigure.parse("< 0.05"),
        },
    },
    footnotes={"Baseline": "not <plausible>"},
)
TABLE = Table(
    name="made",
    title="A made table",
    seeds=2,
    trials=8,
    columns=(TableColumn(name="AOD-sex", experiment="quick"),),
    rows=(
        TableRow(name="Baseline", reference="dense net"),
        TableRow(name="Prune", method="prune_advft"),
        TableRow(name="Thresholds", method="dense_threshold", note="ours"),
    ),
)
TUNING = {
    "AOD-sex": Tuning(
        frozenset({"Prune"}),
        frozenset({"Prune"}),
    )
}


DEPARTURES = {
    "AOD-sex": {
        "Baseline": [],
        "Prune": [
            {"setting": "recovery.epochs", "used": 15, "published": 90},
            {"setting": "pruner.floor", "used": True, "published": False},
        ],
        "Thresholds": [],
    }
}


def entry(seed, performance, bias, **facts):
    """One seed's network on test; without `performance` there is none."""
    none = performance is None
    test = {"performance": performance, "bias": bias, "sparsity": 0.5, "measures": {}}
    return {
        **{"seed": seed, "test": None if none else test, "kept": not none and bias < 0.05},
        **{"learns_from": "debias", "needs_group": False, "settings": {}, "seconds": 3.0},
        **facts,
    }


def made_columns():
    return {
        "AOD-sex": EvaluatedColumn(
            facts={
                "openings": [1],
                "trivial": 0.5,
                "data": "adult",
                "groups": ["Female", "Male"],
                "objective": {
                    **{"performance": "balanced_accuracy", "bias": "aod"},
                    **{"tolerance": 0.05, "margin": 0.02},
                },
                "rows_of_splits": {},
            },
            entries={
                "published": {
                    "Baseline": [
                        entry(0, 0.80, 0.20, learns_from="nothing"),
                        entry(1, 0.82, 0.24, learns_from="nothing"),
                    ],
                    "Prune": [entry(0, 0.70, 0.06), entry(1, 0.74, 0.08)],
                    "Thresholds": [entry(0, 0.75, 0.03), entry(1, None, None)],
                },
                "tuned": {
                    "Prune": [
                        entry(0, 0.76, 0.02, settings={"recovery": {"lr": 0.1}}),
                        entry(1, 0.78, 0.04, settings={"recovery": {"lr": 0.1}}),
                    ]
                },
            },
        )
    }


def made_results(columns=None):
    columns = columns or made_columns()
    return {
        **{"table": "made", "title": "A made <table>", "command": "fairfront reproduce made"},
        **{"quick": False, "only": None, "changes": [], "seeds": [0, 1], "trials": 8},
        **{"tuning_seed": 1000, "seconds": 75.0, "versions": {"torch": "2"}, "machine": "m"},
        **{"caption": PAPER.caption, "notes": ["odd"]},
        "columns": {name: column.facts for name, column in columns.items()},
        "openings": [{"time": 1.0, "file": "chosen.json", "looked_at": {}}],
        "rows": table_rows(TABLE, PAPER, columns, TUNING, DEPARTURES),
    }
