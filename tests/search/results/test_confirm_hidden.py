"""What confirm does about the best network without the group where another hides it."""

import json

import pytest

from analysis.front_json import Front
from search.config.config import Config
from search.journal.journal import read_events
from search.results.confirm import confirm
from tests.search.made_run import made_run
from tests.typed_keys import mismatches
from trainables.evaluation.power import power_of

CONFIG = Config.load(
    "quick",
    [
        *["data.args={target='odd'}", "dense.max_epochs=2", "dense.check_every=1"],
        *["objective.performance='balanced_accuracy'", "objective.bias='aod'"],
        *["objective.tolerance=0.6", "objective.group_at_prediction=true"],
        *["search.methods=['dense_threshold', 'group_thresholds']", "tracking.enabled=false"],
    ],
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trial of each method, searched without Ray; the first one's candidate is hidden."""
    path = tmp_path_factory.mktemp("confirmed") / "run"
    folder = made_run(path, CONFIG, {method: {} for method in CONFIG.search.methods})
    front = folder.write_front()
    points = [one for one in front["points"] if one["method"] == "group_thresholds"]
    hidden = {**front, "points": [{**one, "chosen": True} for one in points]}
    (path / "front.json").write_text(json.dumps(hidden))
    return folder


def test_it_is_named_before_test_is_opened_and_opened_along_with_the_front(run, monkeypatch):
    named, levels = run.front()["without_group"], []

    def power_at(bias, fair, level):
        levels.append(level)
        return power_of(bias, fair, level)

    monkeypatch.setattr("search.results.evaluated.power_of", power_at)
    found = confirm(run.path)

    assert named["method"] == "dense_threshold"
    assert named["candidate"] not in [point["candidate"] for point in found["points"]]
    told = [event for event in read_events(run.journal) if event["event"] == "confirm_start"]
    assert named["candidate"] in told[0]["front"]
    # It is the dense net itself, at the threshold that keeps the tolerance.
    assert found["without_group"]["test"]["performance"] == pytest.approx(
        found["dense"]["test"]["performance"], abs=0.05
    )
    assert found["without_group"]["test"]["bias_interval"] is not None
    # what it would take is said of the opening that comes next: the second has .05 / 4
    claims, rows = found["claims"], run.facts()["rows"]["test"]
    assert (found["opening"], claims["level"]) == (1, 0.025)
    assert levels == [pytest.approx(0.0125 / claims["named"])]
    assert claims["rows"] == rows
    assert (claims["rows_for_power"] <= rows) == (claims["tolerance_for_power"] <= 0.6)
    assert mismatches(json.loads((run.path / "confirmed.json").read_text("utf-8")), Front) == []
