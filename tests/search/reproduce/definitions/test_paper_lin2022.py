"""The figures of Lin, Kim, Joo (ECCV 2022) as data: against its text, and against themselves."""

import math
import os
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from search.reproduce.paper import ABSENT, paper_table, printed_tables

TABLES = printed_tables("lin2022")
MAIN, SUPPLEMENT = "lin2022-fairgrape.txt", "lin2022-fairgrape-supplement.txt"
EAST = ("East Asian", "Southeast Asian", "Asian")
GROUPS = {
    "gender": ["Male", "Female"],
    "race": ["White", "Black", "Latino_Hispanic", *EAST, "Indian", "Middle Eastern"],
}
DENSE = "No-Pruning"
ODD = {  # printed values that rounding does not explain: (table, row, column, quantity)
    ("2", "GraSP", "FairFace race by gender", "accuracy_drop_std"),
    ("2", "WS", "UTKFace gender by gender", "accuracy_drop_std"),
    ("3", "Lottery", "ImageNet by gender", "accuracy_drop_std"),
    ("5", "groups 16 rounds 20%", "CelebA by gender", "accuracy_drop_std"),
    ("5", "groups one shot 20%", "CelebA by gender", "accuracy_gap"),
    ("5", "no groups 22 rounds", "CelebA by gender", "accuracy_gap"),
    ("6", "GraSP (Minority)", "UTKFace gender by race", "accuracy_drop_std"),
}


def lines_of_text(number):
    """The cells of each line of a table in the paper's text, markup taken away."""
    folder = os.environ.get("FAIRFRONT_DATA")
    name = SUPPLEMENT if number.startswith("S") else MAIN
    path = Path(folder or ".").parent / "papers" / name
    if folder is None or not path.is_file():
        pytest.skip("the paper's text is not beside the folder that FAIRFRONT_DATA names")
    text, caption = path.read_text(encoding="utf-8"), f"\nTable {number.removeprefix('S')}: "
    assert text.count(caption) == 1
    mark = "|" if number.startswith("S") else "\t"
    # A table ends with its caption, and there is nothing but blank lines and cells before it.
    above = text.partition(caption)[0].rstrip("\n").split("\n")
    lines = []
    while mark in above[-1]:
        lines.insert(0, [_plain(cell) for cell in above.pop().strip("|").split(mark)])
    return lines


def _plain(cell):
    return re.sub(r"</?b>| \[\d+\]", "", cell).strip()


def key_of(number, line):
    """A line's label in our file, and its figures."""
    if number == "5":
        groups = "groups" if line[0] == "✓" else "no groups"
        rounds = re.search(r"\((\d+)/", line[1])[1]
        times = f"{rounds} rounds" if line[1].startswith("✓") else "one shot"
        share = "" if line[2] == ABSENT else f" {line[2]}"
        return f"{groups} {times}{share}", line[3:]
    labels = {"1": 1, "2": 2, "3": 4, "4": 2, "6": 1, "S1": 2, "S2": 3}[number]
    label = line[labels - 1].replace("No-pruning", DENSE)
    return label, [cell for cell in line[labels:] if cell]


@pytest.mark.parametrize("number", TABLES)
def test_every_line_of_the_paper_is_there_with_every_cell_as_printed(number):
    figures = [
        key_of(number, line)
        for line in lines_of_text(number)
        if any(re.fullmatch(r"[\d,]+(\.\d+)?", cell) for cell in line)
    ]
    typed = [
        (label, cells)
        for block in TABLES[number]["blocks"]
        for label, cells in block["rows"].items()
    ]

    assert typed == figures
    assert sum(len(cells) for _, cells in typed) >= 36  # or nothing was compared


@pytest.mark.parametrize("number", ["2", "3", "4", "S1", "S2"])
def test_blocks_stand_under_the_heading_that_the_paper_gives_them(number):
    """The first cell of each block's first line, which the lines below leave empty."""
    lines = lines_of_text(number)
    headings = [
        ", ".join(dict.fromkeys(line[: 2 if number == "S2" else 1]))
        for line in lines
        if DENSE.lower() in (cell.lower() for cell in line)
    ]

    assert headings == [block["heading"] for block in TABLES[number]["blocks"]]


def digits(printed):
    """Half a unit of the last printed digit, as a fraction."""
    return 0.5 * 10.0 ** -len(printed.partition(".")[2]) / 100


def recomputed(cell, dense, quantity):
    """The quantity from the row's own figures: its value, and how far rounding can move it."""
    names = [name for kind in GROUPS.values() for name in kind if name in cell]
    values = np.array([cell[name].value for name in names])
    errors = np.array([digits(cell[name].printed) for name in names])
    if quantity == "accuracy_drop_std":
        values = values - [dense[name].value for name in names]
        errors = errors + [digits(dense[name].printed) for name in names]
    if quantity == "accuracy_gap":
        value, bound = abs(values[0] - values[1]), errors.sum()
    else:  # the deviation is a norm: no move of the values by at most e moves it by more
        n = len(values)
        value, bound = values.std(ddof=1), errors.max() * math.sqrt(n / (n - 1))
    return value, bound + digits(cell[quantity].printed) + 1e-9


def printed_deviations():
    """Every printed deviation and gap beside accuracies by group, with the dense net's row."""
    for number in ("2", "3", "4", "5", "6"):
        table = paper_table(f"lin2022/{number}")
        for row, column in product(table.rows, table.columns):
            cell = table.cell(row, column)
            dense = table.cell(DENSE, column)
            if number == "5":
                dense = paper_table("lin2022/3").cell(DENSE, "CelebA by gender")
            for quantity in {"accuracy_std", "accuracy_drop_std", "accuracy_gap"} & cell.keys():
                yield (number, row, column, quantity), cell, dense


def test_the_deviations_follow_from_their_rows_but_for_those_known_as_odd():
    odd = set()
    for place, cell, dense in printed_deviations():
        value, bound = recomputed(cell, dense, place[-1])
        if abs(value - cell[place[-1]].value) > bound:
            odd.add(place)

    assert odd == ODD
    assert sum(1 for _ in printed_deviations()) == 150  # 88, 22, 11, 18, 11 by table


@pytest.mark.parametrize("place", sorted(ODD))
def test_what_is_odd_has_a_footnote_with_both_values(place):
    number, row, column, quantity = place
    table = paper_table(f"lin2022/{number}")
    cell = table.cell(row, column)
    dense = table.cell(DENSE, column) or paper_table("lin2022/3").cell(DENSE, column)
    value, _ = recomputed(cell, dense, quantity)
    note = table.footnotes[row]

    assert note.startswith("Odd:")
    assert f"{cell[quantity].printed.removeprefix('0')}, its row gives" in note
    assert f"gives {f'{100 * value:.2f}'.removeprefix('0')}." in note


def test_the_one_deviation_of_the_supplement_that_is_a_misprint_has_a_footnote():
    table = paper_table("lin2022/S2")
    largest = max(
        ((row, column) for row in table.rows for column in table.columns),
        key=lambda place: table.cell(*place)["ap_std"].value,
    )

    assert largest == ("Lottery", "FairFace gender by race")
    assert "evidently 0.023" in table.footnotes["Lottery"]


def test_each_group_of_the_composition_adds_up_where_all_are_counted():
    table = paper_table("lin2022/1")
    face, utk = (table.cell(row, "composition") for row in ("FairFace", "UTKFace"))

    for cell in (face, utk):
        for kind in GROUPS.values():
            counts = [cell[name].value for name in kind if name in cell]
            assert sum(counts) == cell["images"].value
