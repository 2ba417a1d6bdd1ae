"""The figures of Zhang et al. (ICCV 2023, FAPrune) as data: against its text and what it says."""

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest

from search.reproduce.paper import paper_table, printed_tables

TABLES = printed_tables("zhang2023")
MEASURES = {"DEO": "deo_sum", "DI": "di"}
# Figure and sentence around it in the paper's text -> what the tables give for it: see `claims`.
ODD = {
    "Attractive loses less than 1 % pruned for DI",
    "Blond_Hair below Train from Scratch in DEO",
    "Wavy_Hair gains in DI by SGDP and LMW",
    "ResNet18 improves in DEO",
    "ShuffleNet v2 improves in DEO",
}


def paper_text():
    folder = os.environ.get("FAIRFRONT_DATA")
    path = Path(folder or ".").parent / "papers" / "zhang2023-faprune.txt"
    if folder is None or not path.is_file():
        pytest.skip("the paper's text is not beside the folder that FAIRFRONT_DATA names")
    return path.read_text(encoding="utf-8")


def parts_of_text(number):
    """The parts of a table in the paper's text, each a list of lines of cells, head line first.

    All cells since the caption before belong to a table: it stands above its own caption.
    """
    pieces = re.split(r"Table (\d): ", paper_text())
    assert pieces[1::2] == list(TABLES)
    above = pieces[2 * list(TABLES).index(number)]
    parts = []
    for line in above.splitlines():
        if "\t" not in line:
            continue
        cells = [
            re.sub(r" \[\d+\]|\$?\\(up|down)arrow|[↑↓]", "", c).strip() for c in line.split("\t")
        ]
        if "ACC" in cells:
            parts.append([])
        parts[-1].append(cells)
    return parts


def filled(lines):
    """Cells that several rows share, in each of them."""
    rows = [list(line) for line in lines]
    for before, row in pairwise(rows):
        row[:] = [cell or above for cell, above in zip(row, before, strict=True)]
    return rows


def key_of(number, cells):
    """A line's label in our file, and its figures."""
    match number:
        case "4":
            return cells[0], cells
        case "5":
            network, row = re.fullmatch(r"(.+) \((.+)\)", cells[0]).groups()
            return (network, row), cells[1:]
        case "6" if cells[0] in ("SGDP", "Ours"):
            return f"{cells[0]} {cells[1]}", cells[1:]
        case "1":
            value, _, change = cells[-1].partition(" (")
            return cells[0], [*cells[1:-1], value, change.rstrip(")") or "-"]
    return cells[0], cells[1:]


@pytest.mark.parametrize("number", TABLES)
def test_every_line_of_the_paper_is_there_with_every_cell_as_printed(number):
    figures = [key_of(number, line) for part in parts_of_text(number) for line in filled(part[1:])]
    typed = [
        ((block["heading"], label) if number == "5" else label, cells)
        for block in TABLES[number]["blocks"]
        for label, cells in block["rows"].items()
    ]

    assert sorted(typed) == sorted(figures)
    assert sum(len(cells) for _, cells in typed) >= 24  # or nothing was compared


@pytest.mark.parametrize("number", ["1", "2", "3", "6"])
def test_blocks_stand_under_the_head_line_that_the_paper_gives_them(number):
    """Heading and measure, and what the caption of a part says of its data and target."""
    heads = sorted((part[0][0], MEASURES[part[0][-1]]) for part in parts_of_text(number))
    typed = sorted(
        (block["heading"], *(set(block["cells"][0]) & set(MEASURES.values())))
        for block in TABLES[number]["blocks"]
    )

    assert typed == heads


@pytest.mark.parametrize("number", ["2", "3"])
def test_parts_are_of_the_data_and_target_that_their_captions_name(number):
    above = re.split(r"Table \d: ", paper_text())[int(number) - 1]
    captions = re.findall(r"\(\w\) Results .*?(CelebA|LFW).*\*(\w+)\*", above)

    columns = sorted(column for b in TABLES[number]["blocks"] for column in b["columns"])
    assert columns == sorted(" ".join(caption) for caption in captions)


def test_a_method_stands_in_every_part_of_its_table():
    for number, table in TABLES.items():
        if number != "5":
            assert len({tuple(block["rows"]) for block in table["blocks"]}) == 1


def value(number, row, column, quantity):
    return paper_table(f"zhang2023/{number}").cell(row, column)[quantity].value


def test_what_stands_in_two_tables_is_the_same_but_for_one_value_with_a_footnote():
    ours = {"di": ("3", "DI"), "deo_sum": ("2", "DEO")}
    for measure, (number, word) in ours.items():
        for quantity in ("accuracy", measure):
            of_ours = value(number, "Ours", "CelebA Attractive", quantity)
            assert value("4", "80%", f"CelebA Attractive {word}", quantity) == of_ours
            assert value("5", "80%", f"ResNet18 {word}", quantity) == of_ours
            for row, of_network in (("Normal training", "Dense"), ("Ours", "80%")):
                same = value("1", row, f"CelebA Attractive {word}", quantity) == value(
                    "5", of_network, f"MobileNet v2 {word}", quantity
                )
                assert same == ((row, quantity) != ("Normal training", "di"))
    assert value("1", "Normal training", "CelebA Attractive DI", "di") == value(
        "5", "Dense", "ResNet18 DI", "di"
    )
    notes = paper_table("zhang2023/1").footnotes
    of_mobilenet = value("5", "Dense", "MobileNet v2 DI", "di")
    for row, sign in (("FairGRAPE", ""), ("Ours", "+")):
        change = value("1", row, "CelebA Attractive DI", "di") - of_mobilenet
        assert f"it is {sign}{change:.4f}.".replace("0.", ".") in notes[row]


def test_changes_in_brackets_are_against_the_first_row():
    for word, measure in MEASURES.items():
        dense, *others = paper_table("zhang2023/1").rows
        for row in others:
            column = f"CelebA Attractive {word}"
            change = value("1", row, column, measure) - value("1", dense, column, measure)
            printed = value("1", row, column, f"{measure}_change")
            assert change == pytest.approx(printed, abs=1e-9)


def claims():
    """Claim of the text -> (the figure it gives, what the tables give, digits after the point)."""

    def deo(row, column):
        return value("2", row, column, "deo_sum")

    def di(row, column):
        return value("3", row, column, "di")

    def of_network(name, quantity):
        dense, pruned = (value("5", row, f"{name} DEO", quantity) for row in ("Dense", "80%"))
        return dense - pruned

    blond, wavy, face = "CelebA Blond_Hair", "LFW Wavy_Hair", "CelebA Attractive"
    scratch = "Train from Scratch"
    of_blond = [value("2", row, blond, "accuracy") for row in ("Ours", scratch)]
    of_random = "CelebA Blond_Hair DEO"
    random = {
        row: value("6", row, of_random, "deo_sum") for row in paper_table("zhang2023/6").rows
    }
    debiased = "Adversarial Debiasing"
    yield "gap to debiasing in DEO", 0.0535, deo("Ours", face) - deo(debiased, face), 4
    yield "gap to debiasing in DI", 0.0133, di(debiased, face) - di("Ours", face), 4
    yield (
        "Blond_Hair below Train from Scratch in DEO",
        *(0.2824, deo(scratch, blond) - deo("Ours", blond), 4),
    )
    yield "Blond_Hair above it in accuracy", 0.0012, of_blond[0] - of_blond[1], 4
    yield "ResNet18 improves in DEO", 0.31, of_network("ResNet18", "deo_sum"), 2
    yield "ShuffleNet v2 improves in DEO", 0.16, of_network("ShuffleNet v2", "deo_sum"), 2
    yield "ResNet18 sacrifices", 0.0068, of_network("ResNet18", "accuracy"), 4
    yield "ShuffleNet v2 sacrifices", 0.0093, of_network("ShuffleNet v2", "accuracy"), 4
    yield "random nets below dense", 0.3073, random["Normal Training"] - random["Ours 80%"], 4
    yield "random nets below debiased", 0.0484, random[debiased] - random["Ours 80%"], 4
    yield "Wavy_Hair gains in DI by Ours", 0.2, di("Ours", wavy) - di("Normal training", wavy), 1
    for measure, number in (("DEO", "2"), ("DI", "3")):
        lost = value(number, "Normal training", face, "accuracy") - value(
            number, "Ours", face, "accuracy"
        )
        yield f"Attractive loses less than 1 % pruned for {measure}", 0.01, max(lost, 0.01), 4
    gain = max(di(row, wavy) for row in ("SGDP", "LMW")) - di("Normal training", wavy)
    yield "Wavy_Hair gains in DI by SGDP and LMW", 0.07, max(gain, 0.07), 4


def test_what_the_text_says_of_the_tables_follows_from_them_but_for_what_is_odd():
    wrong = {claim for claim, said, found, digits in claims() if round(found, digits) != said}

    assert wrong == ODD


@pytest.mark.parametrize(
    ("number", "figures"),
    [("2", [".2824", ".2821"]), ("3", ["1.02 points", ".0706"]), ("5", [".3203", ".1504"])],
)
def test_what_is_odd_is_said_with_both_values(number, figures):
    table = paper_table(f"zhang2023/{number}")
    said = [text for text in (*table.notes, *table.footnotes.values()) if "Odd:" in text]

    for figure in figures:
        assert any(figure in text for text in said)


def test_rows_that_know_no_measure_have_one_accuracy_on_celeba_alone():
    """What the footnote of SGDP says; debiased nets have one accuracy everywhere."""
    columns = paper_table("zhang2023/2").columns
    differ = {
        row: {
            column
            for column in columns
            if value("2", row, column, "accuracy") != value("3", row, column, "accuracy")
        }
        for row in paper_table("zhang2023/2").rows
    }

    assert differ["Normal training"] == differ["Adversarial Debiasing"] == set()
    assert differ["SGDP"] == {"LFW Wavy_Hair", "LFW Young"}
    assert differ["LMW"] == differ["Train from Scratch"] == set(columns)


def test_remarks_on_ours_hold_in_the_tables():
    for column in paper_table("zhang2023/2").columns:
        rows = {row: value("2", row, column, "deo_sum") for row in paper_table("zhang2023/2").rows}
        of_dense = {"Normal training", "Adversarial Debiasing"}
        assert rows["Adversarial Debiasing"] < rows["Ours"]
        assert rows["Ours"] == min(deo for row, deo in rows.items() if row not in of_dense)
        for number in ("2", "3"):
            below = value(number, "Ours", column, "accuracy") < value(
                number, "Train from Scratch", column, "accuracy"
            )
            assert below == column.startswith("LFW")
    blond = "CelebA Blond_Hair"
    assert value("3", "Fair-LMW", blond, "di") > value("3", "Ours", blond, "di")
