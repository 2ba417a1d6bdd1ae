"""What a table's entries add up to, and how they are shown."""

import pytest

from search.reproduce.figure import drawn, figure_png, value_of
from search.reproduce.pages.facts import facts
from search.reproduce.pages.table_page import markdown, page
from search.reproduce.pages.wording import measured
from search.reproduce.results import Tuning, paired, summary
from tests.search.reproduce.made_results import entry, made_columns, made_results

FIGURES = {"AOD-sex": "figure.png"}


def line_of(name):
    lines = markdown(made_results(), FIGURES).splitlines()
    (found,) = [line for line in lines if line.startswith(f"| {name}")]
    return [cell.strip() for cell in found.strip("| ").replace(r"\|", "").split(" | ")]


def test_mean_and_sample_standard_deviation_over_seeds():
    found = summary([entry(0, 0.70, 0.02), entry(1, 0.74, 0.08)], [])

    assert found["performance"] == {
        "mean": pytest.approx(0.72),
        "sd": pytest.approx(0.0282843, abs=1e-6),
    }
    assert found["bias"]["mean"] == pytest.approx(0.05)
    assert (found["kept"], found["of"], found["measured"]) == (1, 2, 2)


def test_a_seed_without_a_network_has_no_values_but_counts_as_not_kept():
    found = summary([entry(0, 0.70, 0.02), entry(1, None, None)], [])

    assert found["performance"] == {"mean": 0.70, "sd": None}
    assert (found["kept"], found["of"], found["measured"]) == (1, 2, 1)


def test_differences_are_paired_by_seed_and_not_by_place():
    base = [entry(1, 0.8, 0.30), entry(0, 0.8, 0.20), entry(2, 0.8, 0.25)]
    own = [entry(0, 0.7, 0.10), entry(1, 0.7, 0.18), entry(2, 0.7, 0.14), entry(9, 0.7, 0.9)]

    found = paired(own, base)

    # differences -.10, -.12, -.11: sd .01, t(.975, 2) = 4.3027
    assert found["mean"] == pytest.approx(-0.11)
    assert found["interval"] == pytest.approx([-0.11 - 0.0248418, -0.11 + 0.0248418], abs=1e-6)
    assert found["pairs"] == 3


def test_without_pairs_there_is_no_difference_and_with_one_no_interval():
    assert paired([entry(0, 0.7, 0.1)], [entry(1, 0.7, 0.1)]) is None
    assert paired([entry(0, 0.7, 0.1)], [entry(0, 0.7, 0.2)])["interval"] is None


def test_a_first_row_s_seed_without_a_network_pairs_with_none():
    found = paired(
        [entry(0, 0.7, 0.1), entry(1, 0.7, 0.1)], [entry(0, None, None), entry(1, 0.7, 0.3)]
    )

    assert found == {"mean": pytest.approx(-0.2), "interval": None, "pairs": 1}


def test_a_row_stands_beside_the_paper_s_struck_out_where_the_mean_bias_is_not_below():
    row = line_of("Prune")

    assert row[:3] == ["Prune<sup>2</sup>", "0.77", "< 0.05"]
    assert row[3:6] == ["~~0.720 ± 0.028~~", "~~0.070 ± 0.014~~", "0/2"]
    assert row[7:10] == ["0.770 ± 0.014", "0.030 ± 0.014", "2/2"]
    assert row[11:] == ["debias", "no"]


def test_what_the_paper_strikes_out_is_struck_out_and_its_odd_values_have_a_footnote():
    row = line_of("Baseline")

    assert row[0] == "Baseline<sup>1</sup>"
    assert row[1] == "~~0.86~~"
    assert "1. Baseline: not <plausible>" in markdown(made_results(), FIGURES)


def test_rows_that_the_paper_lacks_are_marked_and_their_missing_networks_counted():
    row = line_of("*Thresholds*")

    assert row[0] == "*Thresholds* (ours)<sup>3</sup>"
    assert row[5] == "1/2 (1 without a network)"


def test_a_row_with_nothing_to_tune_repeats_its_figures_and_says_so():
    row = line_of("Baseline")

    assert row[7:9] == row[3:5]
    assert row[9] == "0/2 (nothing to tune)"


def test_a_mean_below_the_tolerance_is_neither_bold_nor_struck_where_a_seed_has_no_network():
    row = line_of("*Thresholds*")

    assert row[3:5] == ["0.750", "0.030"]


def test_a_mean_above_the_tolerance_is_struck_out_with_or_without_all_networks():
    found = summary([entry(0, 0.7, 0.2), entry(1, None, None)], [])
    text = measured({"published": found}, "published", "bias", 0.05)

    assert text.style == "struck"


def test_the_first_row_is_not_compared_with_itself():
    assert line_of("Baseline")[6] == line_of("Baseline")[10] == "\N{EN DASH}"


def test_what_departs_from_the_published_settings_is_named_beside_the_published_value():
    text = markdown(made_results(), FIGURES)

    assert "2. Prune: \N{DAGGER} recovery.epochs 15 (90), pruner.floor True (False)." in text
    assert "| published\N{DAGGER}: balanced accuracy |" in text
    assert "\N{DAGGER} Not so in every row" in text


def test_without_departures_there_is_no_dagger():
    results = made_results()
    for row in results["rows"]:
        row["departures"] = {"AOD-sex": []}

    assert "\N{DAGGER}" not in markdown(results, FIGURES)


def test_rows_with_the_same_footnote_share_it():
    results = made_results()
    for row in results["rows"]:
        row["notes"] = ["the same"]

    assert "1. Baseline, Prune, Thresholds: the same" in markdown(results, FIGURES)


def test_tuned_settings_that_are_the_published_ones_are_not_called_better():
    columns = made_columns()
    columns["AOD-sex"].entries["tuned"]["Prune"] = [entry(0, 0.7, 0.06), entry(1, 0.7, 0.08)]
    (prune,) = [row for row in made_results(columns)["rows"] if row["name"] == "Prune"]

    assert prune["cells"]["AOD-sex"]["tuning"] == "published are best"


def test_a_second_opening_and_what_was_trained_after_the_first_are_told():
    results = made_results()
    later = {"time": 2.0, "file": "chosen-2.json", "looked_at": {"AOD-sex": {"tuned": [2, 3]}}}

    assert any("Test was opened once" in fact for fact in facts(results))
    results["openings"].append(later)
    assert any(
        "opened 2 times" in fact and "AOD-sex tuned, seeds 2 to 3" in fact
        for fact in facts(results)
    )


@pytest.mark.parametrize(
    ("row", "better", "said"),
    [
        ("Adv.Ft", True, "better found"),
        ("Adv.Ft", False, "published are best"),
        ("Prune", False, "not tuned"),
        ("Baseline", False, "nothing to tune"),
    ],
)
def test_a_row_says_what_became_of_its_tuning(row, better, said):
    tuning = Tuning(frozenset({"Adv.Ft", "Prune"}), frozenset({"Adv.Ft"}))

    assert tuning.of(row, found_better=better) == said


def test_the_page_is_one_file_with_everything_from_outside_escaped():
    html = page(made_results(), {"AOD-sex": b"picture"})

    assert "A made &lt;table&gt;" in html and "<table>A" not in html
    assert "not &lt;plausible&gt;" in html
    assert "<del>0.86</del>" in html and "<b>0" not in html
    assert "data:image/png;base64,cGljdHVyZQ==" in html
    assert "http" not in html.replace("http-equiv", "")


def test_a_quick_look_says_so():
    results = {**made_results(), "quick": True}

    assert "A quick look" in markdown(results, FIGURES)
    assert "A quick look" in page(results, {"AOD-sex": b""})
    assert "A quick look" not in markdown(made_results(), FIGURES)


def test_the_picture_shows_what_has_a_place_and_leaves_out_what_has_none():
    cells = {row["name"]: row["cells"]["AOD-sex"] for row in made_results()["rows"]}

    assert value_of(cells["Baseline"], "paper", "bias") == (0.175, 0.016)
    assert value_of(cells["Prune"], "paper", "bias") is None  # only "< 0.05"
    assert value_of(cells["Prune"], "paper", "performance") == (0.77, 0.0)
    assert value_of(cells["Prune"], "tuned", "bias")[0] == pytest.approx(0.03)
    assert figure_png(made_results(), "AOD-sex").startswith(b"\x89PNG")


def test_the_legend_names_the_paper_only_where_a_figure_of_it_is_drawn():
    def legend(results):
        return [text.get_text() for text in drawn(results, "AOD-sex").legends[0].get_texts()]

    results = made_results()
    assert "the paper" in legend(results)
    for row in results["rows"]:
        row["cells"]["AOD-sex"]["paper"] = {}
    assert "the paper" not in legend(results) and "tolerance" in legend(results)
