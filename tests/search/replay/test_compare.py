import json

import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.replay.measure import SeedEstimate
from search.replay.show import mean_of
from tests.search.replay.made_table import FAIR, UNFAIR, Made, table


@pytest.fixture
def made(tmp_path):
    trials = [
        Made([UNFAIR] * 9 + [FAIR if k % 2 else UNFAIR], lr=0.1 + 0.01 * k) for k in range(9)
    ]
    table(*trials).save(tmp_path / "made.npz")
    return tmp_path / "made.npz"


def compare(*arguments):
    return CliRunner().invoke(app, ["replay", "compare", *map(str, arguments)])


def test_every_arm_is_shown_and_written_with_the_one_that_stops_nothing(made, tmp_path):
    options = ["--schedulers", "bias_tolerance", "--samplers", "random,qmc", "--seeds", 3]
    shown = compare(made, *options, "--to", tmp_path / "all.json")
    assert shown.exit_code == 0, shown.output
    written = json.loads((tmp_path / "all.json").read_text())

    arms = [(one["scheduler"], one["sampler"]) for one in written["results"]]
    assert arms == [
        *[("none", "random"), ("bias_tolerance", "random")],
        *[("none", "qmc"), ("bias_tolerance", "qmc")],
    ]
    full = written["results"][0]
    assert full["epochs"] == {"value": 90, "error": 0}
    assert full["tune"]["value"] == pytest.approx(0.5)
    assert (full["fair_tune"]["value"], full["at_least"]) == (1, [True, True])
    assert written["plan"]["tables"] == ["made.npz"]


def test_smaller_searches_use_fewer_trials(made, tmp_path):
    options = ["--schedulers", "none", "--share", 0.45, "--seeds", 2]
    compare(made, *options, "--to", tmp_path / "all.json")
    (result,) = json.loads((tmp_path / "all.json").read_text())["results"]
    assert (result["trials"], result["epochs"]["value"]) == (4, 40)


@pytest.mark.slow
def test_several_processes_find_the_same(made, tmp_path):
    for jobs in (1, 2):
        options = ["--schedulers", "bias_tolerance", "--seeds", 3, "--jobs", jobs]
        assert compare(made, *options, "--to", tmp_path / f"{jobs}.json").exit_code == 0
    assert (tmp_path / "1.json").read_text() == (tmp_path / "2.json").read_text()


def test_tasks_that_rules_were_tuned_on_stand_apart(made, tmp_path):
    options = ["--schedulers", "none", "--seeds", 2, "--to", tmp_path / "all.md"]
    compare(made, *options)
    assert "Tasks held out: means over made/adv_ft" in (tmp_path / "all.md").read_text()
    compare(made, *options, "--tuned-on", "made/adv_ft")
    assert "Tasks tuned on: means over made/adv_ft" in (tmp_path / "all.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["--schedulers", "bias_tolerence"], "did you mean 'bias_tolerance'"),
        (["--samplers", "tpee"], "did you mean 'tpe'"),
        (["--seeds", "0"], "seeds must be at least 1, got 0"),
        (["--error-rate", "1"], "error rate must lie in (0, 1), got 1"),
        (["--to", "a.csv"], "must be a .md or .json file"),
        (["--share", "0"], "share of trials must lie in (0, 1], got 0"),
    ],
)
def test_options_that_cannot_be_are_refused(made, arguments, rule):
    result = compare(made, *arguments)
    assert result.exit_code == 2
    assert rule in " ".join(result.output.split())


def test_a_table_that_is_not_there_is_refused(tmp_path):
    result = compare(tmp_path / "none.npz")
    assert result.exit_code == 2
    assert "there is no such table" in " ".join(result.output.split())


def test_a_mean_over_tasks_leaves_out_what_is_not_defined():
    some = [
        SeedEstimate(1.0, 0.3),
        SeedEstimate(float("nan"), float("nan")),
        SeedEstimate(2.0, 0.4),
    ]
    assert mean_of(some) == SeedEstimate(1.5, 0.25)
