"""The tables of the report that say which method holds which part of the front."""

import pandas as pd
import pytest

from analysis.parts import CONTRIBUTION_COLUMNS
from analysis.report.parts import holdings_table, parts_table
from tests.analysis.test_parts import front_of

ROWS = [
    ("graft", 0.005, 0.70, 0.0),
    ("prune & tune", 0.006, 0.75, 0.0),
    ("prune & tune", 0.007, 0.74, 0.003),
    ("graft", 0.035, 0.80, 0.85),
]


def cells(table):
    return [row.split("</td>")[:-1] for row in table.split("<tbody>")[1].split("<tr>")[1:]]


def test_each_part_names_its_methods_best_first_with_networks_and_best_performance():
    first, second = cells(parts_table(front_of(ROWS)))

    assert "0.000 to 0.010" in first[0]
    best, next_one = first[1].split("<br>")
    assert "prune &amp; tune 2" in best and "to 0.750" in best
    assert "graft 1" in next_one and "to 0.700" in next_one
    assert "\N{EN DASH}" in first[2]  # nobody is so fair and so sparse
    assert "graft 1" in second[2] and "to 0.800" in second[2]


def test_a_methods_row_gives_its_ranges_and_what_only_it_gives():
    values = {"graft": [0.5, 0.25, None, None, 12_000_000, 400], "prune & tune": [None] * 6}
    added = pd.DataFrame.from_dict(values, orient="index", columns=list(CONTRIBUTION_COLUMNS))
    front = front_of(ROWS)
    front["points"][0]["needs_group"] = True

    table = holdings_table(front, added.astype("float64"))
    graft = next(row for row in cells(table) if "graft" in row[0])

    assert "graft (uses the group)" in graft[0]
    assert graft[1].endswith(">2")
    assert [cell.rpartition(">")[2] for cell in graft[2:]] == [
        *("0.005 to 0.035", "0.700 to 0.800", "0.000 to 0.850", "0.500", "0.250"),
        *("12\N{NARROW NO-BREAK SPACE}000\N{NARROW NO-BREAK SPACE}000", "400"),
    ]
    assert "with sparsity" not in table  # it is no objective: nobody has a volume


@pytest.mark.parametrize("rows", [[], ROWS[:1]])
def test_a_single_method_is_compared_with_none(rows):
    assert holdings_table(front_of(rows), None) == ""
