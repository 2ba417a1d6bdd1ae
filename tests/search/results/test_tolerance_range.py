"""`report --tolerance` sees networks that the search at its own tolerance called infeasible."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from typer.testing import CliRunner

import fairfront
from search.cli.app import app
from search.config.config import Config
from search.engine.machines import supplies_of
from search.front.selection import select
from search.journal.journal import read_events
from search.problem.problem import open_problem
from tests.search.made_run import made_run
from trainables.masks import MaskedNet, masks_of_largest, prunable
from trainables.methods import METHODS, Method, Stage
from trainables.pruners import PRUNERS
from trainables.stage import Settings, StageRun

ROUNDS = 12
OWN, OTHER = 0.1, 0.28  # tolerances; the margin is a fifth of either
SETTINGS = [
    *["dense.max_epochs=6", "dense.check_every=2", "tracking.enabled=false"],
    *[f"objective.tolerance={OWN}", "search.methods=['magnitude_retrain']"],
]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class MagnitudeInRounds(Settings):
    """Removes the smallest weights of the dense net, more in each round."""

    learns_from = "nothing"

    def start(self, context):
        return _Rounds(context.dense)


class _Rounds(StageRun):
    epochs = ROUNDS

    def __init__(self, dense):
        self._dense, self._done = dense, 0

    def epoch(self, generator):
        self._done += 1
        self.round = self._done
        return {}

    def result(self):
        scores = {k: v.detach().abs() for k, v in prunable(self._dense).items()}
        masks = masks_of_largest(scores, 0.07 * self._done, "layer")
        masked = MaskedNet(copy.deepcopy(self._dense), masks)
        masks.apply_(masked.net)
        return masked

    def state_dict(self):
        return {"done": self._done}

    def load_state_dict(self, state):
        self._done = state["done"]


@pytest.fixture(scope="module", params=[True, False], ids=["range", "own alone"])
def run(request, tmp_path_factory):
    """(folder of a search of one trial in rounds, whether a range of tolerances was kept for)."""
    config = Config.load(
        "quick", SETTINGS if request.param else [*SETTINGS, f"objective.tolerances=[{OWN},{OWN}]"]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRUNERS, "in_rounds", MagnitudeInRounds)
        method = Method((Stage("pruner", "in_rounds"),), "rounds", "2026")
        patch.setitem(METHODS, "in_rounds", method)
        folder = made_run(tmp_path_factory.mktemp("run") / "run", config, {"in_rounds": {}})
    folder.write_front()
    return folder, request.param


def reports_of(folder):
    return [event for event in read_events(folder.journal) if event["event"] == "report"]


def triples(points):
    return sorted((p["performance"], p["bias"], p["sparsity"]) for p in points)


def front_of_all(folder, tolerance):
    """The front of the networks of all rounds, kept or not, at a tolerance."""
    rows = [
        {
            **report,
            "feasible": report["bias"] < 0.8 * tolerance or report["bias_upper"] < tolerance,
            "needs_group": False,
        }
        for report in reports_of(folder)
    ]
    assert any(row["feasible"] for row in rows)
    selection = select(rows, (0.1, tolerance, 0.0), sparsity=True, group_allowed=False)
    return triples(rows[i] for i in selection.on_front)


def test_nothing_is_feasible_at_the_tolerance_of_the_search(run):
    folder, _ = run

    assert [report["feasible"] for report in reports_of(folder)] == [False] * ROUNDS
    assert [report["round"] for report in reports_of(folder)] == list(range(1, ROUNDS + 1))
    assert not any(point["feasible"] for point in folder.front()["points"])


def test_a_report_by_a_tolerance_of_the_range_shows_what_all_rounds_would_have_shown(run):
    folder, of_range = run
    told = CliRunner().invoke(app, ["report", str(folder.path), "--tolerance", str(OTHER)])
    assert told.exit_code == 0, told.output

    front = fairfront.front_of(folder.path, tolerance=OTHER)
    expected = front_of_all(folder, OTHER)

    assert len(expected) >= 3
    shown = triples(point["tune"] for point in front["points"])
    if of_range:
        assert shown == expected
        assert all(point["feasible"] for point in front["points"])
        assert front["group_notes"] == []
    else:  # what it was before there were ranges: the least biased network alone
        assert len(shown) == 1
        assert "kept what the tolerance 0.1 might need" in front["group_notes"][0]


def test_a_tolerance_outside_the_range_says_that_networks_may_be_missing(run):
    folder, of_range = run
    notes = fairfront.front_of(folder.path, tolerance=0.4)["group_notes"]

    kept = "tolerances from 0.05 to 0.3" if of_range else "the tolerance 0.1"
    assert len(notes) == 1
    assert f"trials kept what {kept} might need: a front for 0.4 may lack some" in notes[0]


def test_the_networks_of_such_a_front_can_be_had(run):
    folder, _ = run
    front = fairfront.front_of(folder.path, tolerance=OTHER)

    for point in front["points"]:
        assert folder.candidates.facts(point["candidate"])["epoch"] == point["epoch"]


def test_workers_and_the_journal_are_told_the_range():
    config = Config.load("quick", [*SETTINGS, "objective.tolerances=[0.07, 0.2]"])
    problem = open_problem(config).with_reference(0.1)

    supplies = supplies_of(problem, problem.untrained(), Path("unused"))

    assert supplies.tolerances == (0.07, 0.2)
    assert problem.facts()["tolerances"] == [0.07, 0.2]
