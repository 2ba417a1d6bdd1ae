"""Run folders that the version of 24 November 2026 wrote, before the packages had rooms.

`older_version/finished` was searched to its end, `older_version/interrupted` was ended by Ctrl-C
after 20 of 38 epochs (without Tune's own folder, which nothing reads). Both were made by

    fairfront search quick --set objective.tolerance=0.6 --set dense.max_epochs=10
        --set "search.methods=['prune_advft','magnitude_retrain','distil_advft']"
        --set search.trials=6 --set search.concurrent=2 --set "search.scheduler='none'"
        --set model.args.channels=[8,16,16] --set tracking.enabled=false --set space={}

with 3 to 6 epochs a stage.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import fairfront
from analysis.events import JOURNAL
from search.engine.experiment import resume
from search.journal.journal import read_events
from search.problem.dense_net import weights_hash
from search.problem.problem import open_problem
from search.results.confirm import confirm
from search.results.report import report
from search.runs.export import export, load
from search.runs.folder import RunFolder

SINCE = ("accuracy_drop_std", "worst_group_drop", "excess_gap", "excess_gap_pairwise")
OLDER = Path(__file__).parent / "older_version"


@pytest.fixture
def run(tmp_path, request):
    """A copy of one of the two folders."""
    return Path(shutil.copytree(OLDER / request.param, tmp_path / request.param))


def as_written_then(front):
    """Without the measures that have come since, which need what was not kept then, and without
    what is said of each group."""
    if isinstance(front, list):
        return [as_written_then(part) for part in front]
    if not isinstance(front, dict):
        return front
    if "accuracy_std" in front:  # the measures by name
        assert all(front[name] is None for name in SINCE)
    new = (*SINCE, "by_group")
    return {name: as_written_then(part) for name, part in front.items() if name not in new}


@pytest.mark.parametrize("run", ["finished"], indirect=True)
def test_a_finished_run_is_judged_as_it_was_and_reported(run):
    written = json.loads((run / "front.json").read_text())
    (run / "front.json").unlink()

    report(run)

    now = json.loads((run / "front.json").read_text())
    assert now.pop("methods") == ["distil_advft", "magnitude_retrain", "prune_advft"]
    for then, point in zip(written["points"], now["points"], strict=True):
        assert (then.pop("kept_promise"), point.pop("claim")) == (None, None)  # test is sealed
    assert as_written_then(now) == written
    assert "prune_advft" in (run / "report.html").read_text()
    frames = fairfront.load_run(run)
    assert (len(frames["trials"]), len(frames["reports"])) == (6, 42)
    report(run, tolerance=0.4)  # every decision is fitted anew
    assert (run / "front-tolerance-0.4.json").is_file()


@pytest.mark.parametrize("run", ["finished"], indirect=True)
def test_a_finished_run_is_confirmed_and_its_network_exported(run):
    front = confirm(run)

    chosen = next(point for point in front["points"] if point["chosen"])
    assert front["opening"] == 1
    assert chosen["claim"]["verdict"] in ("certified", "not certified")
    assert chosen["test"]["performance"] > 0.8
    model = load(export(run, "chosen"))
    assert model.card["trial"] == chosen["trial"]


@pytest.mark.parametrize("run", ["finished"], indirect=True)
def test_the_hash_of_a_dense_net_is_the_one_that_journals_hold(run):
    folder = RunFolder(run)
    net = folder.dense(open_problem(folder.config()).untrained())

    assert weights_hash(net) == folder.dense_event()["weights"]


@pytest.mark.parametrize("run", ["interrupted"], indirect=True)
def test_an_interrupted_run_goes_on_and_ends_as_the_undisturbed_one_did(run):
    before = [*read_events(run / JOURNAL)]

    resume(run)

    events = [*read_events(run / JOURNAL)]
    assert events[: len(before)] == before  # nothing that was written is written again
    ends = {e["trial"]: e["status"] for e in events if e["event"] == "trial_end"}
    assert ends == dict.fromkeys([f"t{number:04}" for number in range(1, 7)], "finished")
    assert all(point["feasible"] for point in RunFolder(run).front()["points"])
    # The first three trials have the same settings in both runs. The last epochs of the third are
    # this machine's own: a few predictions may fall otherwise than on the one that wrote the runs.
    for trial in ("t0001", "t0002", "t0003"):
        now, then = told(run, trial), told(OLDER / "finished", trial)
        assert now.keys() == then.keys()
        assert np.array([*now.values()]) == pytest.approx(np.array([*then.values()]), abs=0.02)


def told(folder, trial):
    """Performance and bias by epoch."""
    reports = (e for e in read_events(folder / JOURNAL) if e["event"] == "report")
    return {
        one["epoch"]: (one["performance"], one["bias"]) for one in reports if one["trial"] == trial
    }
