"""The paper's figures as data, against its text."""

import os
import re
from pathlib import Path

import pytest

from search.reproduce.paper import PrintedFigure, paper_table, paper_tables, printed_tables

NUMBERS = range(1, 7)


def paper_text():
    folder = os.environ.get("FAIRFRONT_DATA")
    path = Path(folder or ".").parent / "papers" / "zhang2022-altering-pretrained-structure.txt"
    if folder is None or not path.is_file():
        pytest.skip("the paper's text is not beside the folder that FAIRFRONT_DATA names")
    return path.read_text(encoding="utf-8")


def lines_of(number):
    """Label -> cells of one table of the text, citations and markup taken away."""
    _, _, rest = paper_text().partition(f"Table {number}: ")
    block = rest.split("Table ", 1)[0]
    found = {}
    for line in block.splitlines():
        if "\t" in line:
            label, *cells = line.split("\t")
            plain = [re.sub(r"</?del>", "~~", cell).replace("$", "") for cell in cells]
            found[re.sub(r" \[\d+\]", "", label)] = [c.replace(r"\pm", "±") for c in plain]
    return found


@pytest.mark.parametrize("number", NUMBERS)
def test_every_figure_stands_in_its_line_of_the_paper(number):
    in_text = lines_of(number)
    typed = printed_tables("zhang2022")[str(number)]["rows"]
    headings = {label for label, cells in in_text.items() if not any("." in c for c in cells[:1])}

    assert typed == {label: in_text[label] for label in typed}
    assert set(in_text) - set(typed) <= headings  # no row of the paper was left out


def test_the_text_s_rows_are_found_at_all():
    assert len(lines_of(4)) >= 11  # or the test above would compare nothing


@pytest.mark.parametrize(
    ("printed", "figure"),
    [
        ("0.892 ± 0.004", (0.892, 0.004, None, False)),
        ("~~0.86~~", (0.86, None, None, True)),
        ("> 0.05", (0.05, None, ">", False)),
        ("15%", (0.15, None, None, False)),
        ("81.63%", (pytest.approx(0.8163), None, None, False)),
        ("-0.0074", (-0.0074, None, None, False)),
        ("+0.1416", (0.1416, None, None, False)),
        ("97,698", (97698, None, None, False)),
    ],
)
def test_a_printed_figure_is_read_with_all_that_is_said_around_it(printed, figure):
    read = PrintedFigure.parse(printed)

    assert (read.value, read.std, read.bound, read.struck) == figure
    assert read.printed == printed


def test_a_table_in_percent_is_read_as_fractions():
    assert PrintedFigure.parse("94.6", percent=True).value == pytest.approx(0.946)
    assert PrintedFigure.parse("1.5 ± 0.5", percent=True).std == pytest.approx(0.005)
    assert paper_table("lin2022/2").cell("SNIP", "FairFace race by race")[
        "Black"
    ].value == pytest.approx(0.808)


def test_an_unknown_printed_table_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown printed table 'lin2022/7'; did you mean"):
        paper_table("lin2022/7")


def test_what_is_no_figure_is_refused_with_its_text():
    with pytest.raises(ValueError, match=r"must be a number as printed, got 'about 0\.5'"):
        PrintedFigure.parse("about 0.5")


def test_cells_are_found_by_row_and_column_whichever_way_the_paper_turns_its_table():
    adult, levels = paper_table("zhang2022/4"), paper_table("zhang2022/6")

    assert adult.cell("ROC", "SPD-race")["bias"].value == 0.050
    assert adult.cell("ROC", "AOD-sex")["accuracy"].struck
    assert levels.cell("ExtGraft", "90%")["bias"].value == 0.056
    assert levels.cell("ExtGraft", "90%")["pruned"].value == 0.16
    assert "pruned" not in levels.cell("Base", "90%")
    assert adult.cell("NoiseGraft", "AOD-sex") == {}


@pytest.mark.parametrize("name", paper_tables())
def test_footnotes_belong_to_rows_of_their_table(name):
    table = paper_table(name)

    assert set(table.footnotes) <= set(table.rows)
    assert {column for _, column in table.cells} == set(table.columns)
