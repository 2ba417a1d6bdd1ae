"""A tiny table whose method stands twice, cut off and gone on with: what runs, what it shows."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.cluster.connect import connected
from search.journal.journal import read_events
from search.reproduce.plan import Options
from search.reproduce.reproduction import reproduce
from search.reproduce.tables import load_table

DEFINITION = """
title = "Rows"
seeds = 1
tunes = false
quantities = ["performance", "by_group.accuracy", "by_group.ap", "accuracy_drop_std"]

[[columns]]
name = "digits"
experiment = "quick"
set = [
    "data.args={target='odd'}", "dense.max_epochs=2", "dense.check_every=1",
    "objective.performance='accuracy'", "objective.bias='aod'", "objective.sparsity=false",
    "space={}", "search.concurrent=1", "search.time_limit='1h'", "prune_by.group='clusters:3'",
]

[[columns]]
name = "digits by drops"
experiment = "quick"
set = [
    "data.args={target='odd'}", "dense.max_epochs=2", "dense.check_every=1", "space={}",
    "objective.performance='balanced_accuracy'", "objective.bias='accuracy_drop_std'",
    "objective.sparsity=false",
]
networks_of = "digits"

[[rows]]
name = "No-Pruning"
reference = "dense net"

[[rows]]
name = "hardly any left"
method = "magnitude_retrain"
network = "last"
settings = {pruner = {sparsity = 0.998}, recovery = {epochs = 1}}

[[rows]]
name = "half"
method = "magnitude_retrain"
network = "last"
settings = {pruner = {sparsity = 0.5}, recovery = {epochs = 1}}

[[rows]]
name = "rounds"
method = "fairgrape"
network = "rounds"
settings = {pruner = {kappa = 0.5, sparsity = 0.75, round_epochs = 1, final_epochs = 1}}
"""
ROWS = ["hardly any left", "half", "rounds"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The table, cut off after the first of its trials and then gone on with."""
    path = tmp_path_factory.mktemp("definition") / "rows.toml"
    path.write_text(DEFINITION, encoding="utf-8")
    table, out = load_table(str(path)), tmp_path_factory.mktemp("out") / "table"

    def cut_off(event):
        if event["event"] == "trial_end":
            raise KeyboardInterrupt

    with connected(None, cpus=2, gpus=False):
        with pytest.raises(KeyboardInterrupt):
            reproduce(table, Options.of(table), out, tell=cut_off)
        results = reproduce(table, Options.of(table), out)
    return SimpleNamespace(out=out, run=out / "runs" / "published-digits-seed0", results=results)


def cell(made, row, column="digits"):
    (found,) = [one for one in made.results["rows"] if one["name"] == row]
    return found["cells"][column]["published"]


def test_every_row_s_trial_has_run_exactly_once(made):
    starts = [e for e in read_events(made.run / "journal.jsonl") if e["event"] == "trial_start"]

    assert sorted(start["row"] for start in starts) == sorted(ROWS)
    assert [path.name for path in (made.out / "runs").iterdir()] == [made.run.name]


def test_one_method_at_two_settings_has_two_rows(made):
    (few,) = cell(made, "hardly any left")["entries"]
    (half,) = cell(made, "half")["entries"]

    assert few["sparsity"] == pytest.approx(0.998, abs=0.002)
    assert half["sparsity"] == pytest.approx(0.5, abs=0.01)


def test_a_network_at_chance_stands_for_its_row_and_is_marked(made):
    few = cell(made, "hardly any left")

    assert (few["measured"], few["at_chance"]) == (1, 1)
    assert "ours (at chance with 1 of 1 seeds)" in (made.out / "table.md").read_text("utf-8")


def test_rounds_have_a_network_each_at_their_own_sparsity(made):
    rounds = cell(made, "rounds")
    (first, second) = [one["entries"][0] for one in rounds["rounds"]]

    assert [first["round"], second["round"]] == [1, 2]
    assert first["sparsity"] == pytest.approx(0.5, abs=0.01)
    assert second["sparsity"] == pytest.approx(0.75, abs=0.01)
    assert rounds["entries"][0]["sparsity"] == second["sparsity"]
    assert rounds["entries"][0]["epoch"] == second["epoch"] + 1  # after the final retraining
    assert first["diagnostics"]["kept"].keys() == second["diagnostics"]["kept"].keys()


def test_values_by_group_are_those_of_the_measures(made):
    entry = cell(made, "half")["entries"][0]["test"]
    groups = made.results["columns"]["digits"]["groups"]

    assert len(entry["by_group"]["accuracy"]) == len(entry["by_group"]["ap"]) == len(groups) == 2
    first, second = entry["by_group"]["accuracy"]
    # The sample standard deviation of two values.
    assert entry["measures"]["accuracy_std"] == pytest.approx(abs(first - second) / 2**0.5)
    drops = entry["by_group"]["accuracy_drop"]
    dense = cell(made, "No-Pruning")["entries"][0]["test"]["by_group"]["accuracy"]
    assert drops == pytest.approx([dense[0] - first, dense[1] - second])


def test_another_column_judges_the_same_networks_by_its_own_objective(made):
    own, lent = cell(made, "half"), cell(made, "half", "digits by drops")

    assert own["entries"][0]["candidate"] == lent["entries"][0]["candidate"]
    measures = own["entries"][0]["test"]["measures"]
    assert lent["bias"]["mean"] == pytest.approx(measures["accuracy_drop_std"])
    assert lent["performance"]["mean"] == pytest.approx(measures["balanced_accuracy"])
    assert own["bias"]["mean"] == pytest.approx(abs(measures["aod"]))


def test_the_page_says_by_which_groups_was_pruned_and_how_far_they_agree_with_the_attribute(made):
    (start,) = [e for e in read_events(made.run / "journal.jsonl") if e["event"] == "experiment"]
    agreed = start["prune_by"]["agreement"]["domain"]["adjusted_rand"]
    said = (made.out / "table.md").read_text("utf-8")

    assert "- digits: pruned by clusters:3 of what the dense net sees; rows of train: " in said
    assert f"agreement with domain: adjusted Rand index {agreed:.2f}; " in said
    assert "- digits by drops: pruned by clusters:3 of what the dense net sees" in said


def test_all_that_was_looked_at_was_named_before(made):
    chosen = json.loads((made.out / "chosen.json").read_text())

    assert chosen.keys() == {"digits", "digits by drops"}
    named = {(one["row"], one["round"]) for one in chosen["digits"][0]["chosen"]}
    assert named == {*((row, None) for row in ROWS), ("rounds", 1), ("rounds", 2)}


def test_other_commands_open_the_run(made):
    listed = CliRunner().invoke(app, ["list", "runs", str(made.run.parent)])
    reported = CliRunner().invoke(app, ["report", str(made.run)])

    assert listed.exit_code == 0 and "3" in listed.output, listed.output
    assert reported.exit_code == 0, reported.output
    assert "magnitude_retrain" in (made.run / "report.html").read_text("utf-8")
