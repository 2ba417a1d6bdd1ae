"""What confirm does about the best network without the group where another hides it."""

import json
from contextlib import closing

import pytest

from search.config import Config
from search.confirm import confirm
from search.dense_net import dense_report
from search.journal import Journal, read_events
from search.problem import open_problem
from search.record import Record
from search.run_folder import RunFolder
from trainables.candidates import CandidateStore
from trainables.methods import METHODS
from trainables.pipeline import Pipeline
from trainables.spec import Spec, correction_of
from trainables.world import World

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
    problem = open_problem(CONFIG)
    dense = problem.dense(problem.untrained())
    world = World.open(problem.prepared, dense, problem.objective, device="cpu")
    of_dense = dense_report(world)
    problem = problem.with_reference(of_dense["trivial_performance"])
    folder = RunFolder(path)
    folder.create(problem.config, dense, problem.prepared)
    with closing(Journal(path)) as journal:
        record = Record(journal)
        facts = {"in_memory": False, "model_in_memory": False, **problem.facts()}
        record.add("experiment", run="0123abcd", **facts)
        record.add("dense", **of_dense)
        for trial, method in enumerate(CONFIG.search.methods):
            settings = {role: {} for role, _ in METHODS[method].stages}
            spec = {"trial": f"t{trial}", "method": method, "seed": 0, "settings": settings}
            spec |= {"correction": correction_of(method, problem.correction)}
            start = {"trial": f"t{trial}", "method": method, "spec": spec}
            record.add("trial_start", **start, learns_from="nothing")
            pipeline = Pipeline(Spec.from_config(spec), world, CandidateStore(path / "candidates"))
            while not pipeline.done:
                record.report(pipeline.step())
            record.end(f"t{trial}", "finished")
        record.add("search_end", left=0)
    front = folder.write_front()
    points = [one for one in front["points"] if one["method"] == "group_thresholds"]
    hidden = {**front, "points": [{**one, "chosen": True} for one in points]}
    (path / "front.json").write_text(json.dumps(hidden))
    return folder


def test_it_is_named_before_test_is_opened_and_opened_along_with_the_front(run):
    named = run.front()["without_group"]

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
