"""What a table shows beside performance and bias, and the footnotes that follow from settings."""

import pytest

from search.reproduce.pages.table_page import markdown
from search.reproduce.results import summary
from tests.search.reproduce.made_results import entry, made_columns, made_results

FAST = {"lr": 0.01, "schedule": "cosine", "warmup_steps": 5, "epochs": 90, "batch_size": 64}
SLOW = {**FAST, "lr": 0.001, "epochs": 100}


def chosen_and_last(seed, chosen, last):
    at_end = {"performance": last, "bias": 0.01, "feasible": True}
    return entry(
        seed,
        0.7,
        0.03,
        tune={"performance": chosen, "bias": 0.02, "feasible": True},
        at_end=at_end,
    )


def test_the_last_epoch_stands_beside_the_one_that_was_chosen_both_on_tune():
    columns = made_columns()
    entries = [chosen_and_last(0, 0.80, 0.50), chosen_and_last(1, 0.84, 0.56)]
    columns["AOD-sex"].entries["tuned"]["Prune"] = entries

    text = markdown(made_results(columns), {})

    heading = "tuned: tune, chosen \N{RIGHTWARDS ARROW} last epoch: balanced accuracy, \\|AOD\\| |"
    assert heading in text
    assert "| 0.820, 0.020 \N{RIGHTWARDS ARROW} 0.530, 0.010 |" in text


def test_a_table_without_recoveries_has_no_such_column():
    assert "last epoch" not in markdown(made_results(), {})


def test_seeds_without_a_chosen_network_are_left_out_of_both():
    lonely = {**chosen_and_last(1, 0.9, 0.1), "tune": None}

    found = summary([chosen_and_last(0, 0.80, 0.50), lonely], [])["last_epoch"]

    assert found["performance"] == {"mean": 0.50, "sd": None}
    assert found["chosen_performance"] == {"mean": 0.80, "sd": None}


def test_what_cannot_vanish_by_cancellation_stands_beside_the_bias():
    columns = made_columns()
    columns["AOD-sex"].facts["fuller"] = "abs_aod"
    for each, value in zip(
        columns["AOD-sex"].entries["tuned"]["Prune"], (0.07, 0.09), strict=True
    ):
        each["test"]["measures"] = {"abs_aod": value}

    text = markdown(made_results(columns), {})

    assert "tuned: \\|AOD\\| | tuned: abs. AOD |" in text
    assert "0.030 ± 0.014 | 0.080 ± 0.014 |" in text


def results_with(tunings):
    results = made_results()
    for row in results["rows"]:
        if row["name"] in tunings:
            row["fair_tuning"] = {"AOD-sex": tunings[row["name"]]}
    return results


def test_rows_that_are_fine_tuned_at_different_rates_share_a_footnote_that_names_them():
    text = markdown(results_with({"Prune": FAST, "Thresholds": SLOW}), {})

    (line,) = [line for line in text.splitlines() if "Fine-tuned at published settings" in line]
    assert "Prune, Thresholds: Fine-tuned" in line
    assert "Prune: learning rate 0.01, cosine, 5 steps of warm-up, 90 epochs" in line
    assert "Thresholds: learning rate 0.001, cosine, 5 steps of warm-up, 100 epochs" in line


def test_rows_with_the_same_rate_and_length_have_no_such_footnote():
    assert "Fine-tuned" not in markdown(results_with({"Prune": FAST, "Thresholds": FAST}), {})


@pytest.mark.parametrize(("correction", "said"), [({"margin": 0.01}, True), ({}, False)])
def test_a_margin_of_a_row_s_own_is_told_beside_that_of_the_others(correction, said):
    results = made_results()
    results["rows"][1]["correction"] = correction

    text = markdown(results, {})

    assert ("chosen 0.01 below the tolerance on held-back rows" in text) == said
    assert ("those of the other rows 0.02 below" in text) == said
