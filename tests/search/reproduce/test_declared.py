"""Tables that declare their quantities: values by group, rounds, rows at chance."""

import pytest

from search.reproduce.evaluate import quantities
from search.reproduce.pages.facts import facts
from search.reproduce.pages.table_page import markdown, page
from search.reproduce.paper import PaperTable, PrintedFigure
from search.reproduce.results import EvaluatedColumn, Tuning, summary, table_rows, value_of
from search.reproduce.tables import Table, TableColumn, TableRow
from tests.search.reproduce.made_results import made_columns, made_results

GROUPS = ["Female", "Male"]
DECLARED = ["performance", "by_group.accuracy", "accuracy_drop_std"]
NAMES = quantities(DECLARED, GROUPS)
PAPER = PaperTable(
    "A made table",
    ("by sex",),
    {
        ("FairGRAPE", "by sex"): {
            "Female": PrintedFigure.parse("91.0", percent=True),
            "accuracy_drop_std": PrintedFigure.parse("0.05", percent=True),
        }
    },
)
TABLE = Table(
    name="made",
    title="A made table",
    seeds=2,
    tunes=False,
    quantities=tuple(DECLARED),
    columns=(TableColumn(name="by sex", experiment="quick"),),
    rows=(
        TableRow(name="No-Pruning", reference="dense net"),
        TableRow(name="FairGRAPE", method="fairgrape", network="rounds"),
        TableRow(name="SNIP", method="snip", network="last"),
    ),
)


def entry(seed, accuracies, drop, *, at_chance=False, number=None):
    test = {
        **{"performance": sum(accuracies) / 2, "bias": drop, "sparsity": 0.9},
        **{"measures": {"accuracy_drop_std": drop}, "by_group": {"accuracy": list(accuracies)}},
        **{"at_chance": at_chance, "prediction_shares": []},
    }
    made = {
        **{"seed": seed, "test": test, "kept": True, "learns_from": "train", "settings": {}},
        **{"needs_group": False, "seconds": 1.0},
    }
    return made if number is None else {**made, "round": number}


def results():
    (made,) = made_columns().values()
    column = EvaluatedColumn(
        {**made.facts, "groups": GROUPS, "quantities": NAMES},
        {
            "published": {
                "No-Pruning": [
                    {**entry(0, (0.8, 0.9), 0.0), "learns_from": "nothing"},
                    {**entry(1, (0.82, 0.9), 0.0), "learns_from": "nothing"},
                ],
                "FairGRAPE": [
                    entry(0, (0.78, 0.88), 0.01, number=1),
                    entry(0, (0.70, 0.86), 0.03),
                    entry(1, (0.79, 0.89), 0.01, number=1),
                    entry(1, (0.72, 0.88), 0.05),
                ],
                "SNIP": [
                    entry(0, (0.5, 0.5), 0.0, at_chance=True),
                    entry(1, (0.7, 0.8), 0.02),
                ],
            }
        },
    )
    columns = {"by sex": column}
    none = {"by sex": {row.name: [] for row in TABLE.rows}}
    tuning = {"by sex": Tuning(frozenset(), frozenset())}
    return {
        **made_results(),
        **{"only": "published", "columns": {"by sex": column.facts}},
        "rows": table_rows(TABLE, PAPER, columns, tuning, none),
    }


def cell(name):
    (row,) = [row for row in results()["rows"] if row["name"] == name]
    return row["cells"]["by sex"]["published"]


def lines_of(text, name):
    lines = [line for line in text.splitlines() if line.startswith(("| " + name, "| *" + name))]
    return [[part.strip() for part in line.strip("| ").split(" | ")] for line in lines]


def test_a_value_by_group_takes_a_name_for_each_group():
    assert NAMES == [
        "performance",
        "by_group.accuracy.Female",
        "by_group.accuracy.Male",
        "accuracy_drop_std",
    ]


def test_each_declared_quantity_has_mean_spread_and_a_paired_difference():
    found = cell("FairGRAPE")["quantities"]

    assert found["by_group.accuracy.Female"]["over_seeds"] == {
        "mean": pytest.approx(0.71),
        "sd": pytest.approx(0.0141421, abs=1e-6),
    }
    # Differences to No-Pruning: -.10 and -.10; of the drops .03 and .05: sd .0141, t(.975, 1) 12.7
    female = found["by_group.accuracy.Female"]["against_first_row"]
    assert female == {
        "mean": pytest.approx(-0.1),
        "interval": pytest.approx([-0.1] * 2),
        "pairs": 2,
    }
    drop = found["accuracy_drop_std"]["against_first_row"]
    assert drop["interval"] == pytest.approx([0.04 - 0.1270620, 0.04 + 0.1270620], abs=1e-6)


def test_the_network_at_the_end_stands_for_the_row_and_rounds_stand_beside_it():
    found = cell("FairGRAPE")

    assert found["of"] == 2
    assert found["performance"]["mean"] == pytest.approx((0.78 + 0.80) / 2)
    (first,) = found["rounds"]
    assert first["quantities"]["accuracy_drop_std"]["over_seeds"]["mean"] == pytest.approx(0.01)
    assert {one["round"] for one in first["entries"]} == {1}


def test_a_row_at_chance_is_counted_and_marked():
    assert cell("SNIP")["at_chance"] == 1
    assert "at_chance" not in cell("FairGRAPE")
    (line,) = lines_of(
        markdown(results(), {"by sex": "x.png"}).split("less No-Pruning")[0], "SNIP"
    )
    assert line[1] == "ours (at chance with 1 of 2 seeds)"


def test_the_paper_s_figures_stand_above_ours_group_by_group():
    text = markdown(results(), {"by sex": "x.png"})
    figures, differences = text.split("| less No-Pruning's |")
    paper, ours = lines_of(figures, "FairGRAPE")

    assert (
        "| row | figures | balanced accuracy | Female | Male | std of group accuracy drops |"
        in (figures)
    )
    assert paper[1:6] == ["the paper", "\N{EN DASH}", "91.0", "\N{EN DASH}", "0.05"]
    assert ours[1:6] == [
        *("ours", "0.790 ± 0.014", "0.710 ± 0.014", "0.870 ± 0.014"),
        "0.040 ± 0.014",
    ]
    (less,) = lines_of(differences, "FairGRAPE")
    assert less[3] == "\N{MINUS SIGN}0.100 [\N{MINUS SIGN}0.100, \N{MINUS SIGN}0.100]"
    assert lines_of(differences, "No-Pruning") == []


def with_verdicts(snip):
    made = {**results(), "compared": "SNIP"}
    (row,) = [row for row in made["rows"] if row["name"] == "SNIP"]
    groups = made["columns"]["by sex"]["groups"]
    row["cells"]["by sex"]["published"] = summary(snip, [], NAMES, groups)
    return markdown(made, {"by sex": "x.png"}).split("| less SNIP's |")[1]


def test_every_row_is_compared_with_the_one_that_the_table_names():
    minus = "\N{MINUS SIGN}"
    # FairGRAPE's drops are .03 and .05, its accuracies .78 and .80: less .01 and .03 there is no
    # chance in the difference, less .04 and .05 it is -.01 and 0.
    surely = with_verdicts([entry(0, (0.9, 0.9), 0.01), entry(1, (0.92, 0.92), 0.03)])
    hardly = with_verdicts([entry(0, (0.9, 0.9), 0.04), entry(1, (0.92, 0.92), 0.05)])

    assert lines_of(surely, "FairGRAPE")[0][2:] == [
        f"{minus}0.120 [{minus}0.120, {minus}0.120], lower",
        "+0.020 [+0.020, +0.020], higher",
    ]
    assert lines_of(hardly, "FairGRAPE")[0][3].endswith(", not told apart")
    assert lines_of(surely, "No-Pruning") and not lines_of(surely, "SNIP")
    assert "Female" not in surely.splitlines()[0]


def test_nothing_is_claimed_of_a_row_at_chance():
    text = with_verdicts([entry(0, (0.5, 0.5), 0.0, at_chance=True), entry(1, (0.7, 0.7), 0.0)])

    assert "higher" not in text and "lower" not in text and "told apart" not in text


def test_the_row_to_compare_with_must_be_one_of_the_table():
    with pytest.raises(ValueError, match="compared: unknown row 'SNIPP'; did you mean 'SNIP'"):
        Table(**{**TABLE.model_dump(), "compared": "SNIPP"})


def test_both_pages_hold_the_same_numbers():
    html = page(results(), {"by sex": b""}).replace('<span class="interval">', " ")

    for text in ("0.710 ± 0.014", "ours (at chance with 1 of 2 seeds)", "the paper", "91.0"):
        assert text in html


def test_the_page_says_which_network_stands_for_a_row():
    said = " ".join(facts(results()))

    assert "FairGRAPE: the network at the end of each round of pruning" in said
    assert "SNIP: the network at the trial's end, whatever it is worth" in said
    assert "chosen on tune" not in said and "**Bold**" not in said
    assert "How evenly such a network treats groups says nothing" in said


def test_a_quantity_that_was_not_measured_has_no_value():
    test = entry(0, (0.8, 0.9), 0.01)["test"]

    assert value_of(test, "by_group.ap.Male", GROUPS) is None
    assert value_of({**test, "summaries": {"ap": 0.4}}, "ap", GROUPS) == 0.4
    assert value_of(test, "sparsity", GROUPS) == 0.9
    assert summary([entry(0, (0.8, 0.9), 0.01)], [])["measured"] == 1
