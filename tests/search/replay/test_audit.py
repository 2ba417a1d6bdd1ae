"""Stopped trials resumed to their end: what is told of them, and that they go on as they were."""

import json
import shutil
from contextlib import closing

import pytest
import torch
from typer.testing import CliRunner

from search.cli.app import app
from search.config.config import Config
from search.engine.experiment import run
from search.errors import UserError
from search.journal.journal import Journal, read_events
from search.journal.record import Record, TrialRecord
from search.problem.problem import open_problem
from search.replay.audit import audit, audited, exact_interval, front_of, summary
from search.runs.folder import RunFolder
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.names import checkpoint_path
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

CONFIG = Config.load(
    "quick",
    [
        *["data.args={target='odd'}", "dense.max_epochs=2", "dense.check_every=1"],
        *["objective.performance='balanced_accuracy'", "objective.bias='aod'"],
        *["objective.tolerance=0.6", "correction.name='group_thresholds'"],
        *["search.methods=['adv_ft']", "search.trials=3", "search.concurrent=2"],
        *[
            "search.time_limit='1h'",
            "search.scheduler='none'",
            "space.adv_ft.recovery.epochs=3",
            "tracking.enabled=false",
        ],
    ],
)


@pytest.mark.parametrize(
    ("hits", "trials", "interval"),
    [  # table of Clopper and Pearson
        (0, 10, (0.0, 0.3085)),
        (10, 10, (0.6915, 1.0)),
        (5, 10, (0.1871, 0.8129)),
        (1, 20, (0.0013, 0.2487)),
        (0, 0, (0.0, 1.0)),
    ],
)
def test_the_interval_of_a_proportion_is_exact(hits, trials, interval):
    assert exact_interval(hits, trials) == pytest.approx(interval, abs=1e-4)


def report(epoch, bias, performance=0.7, **changes):
    return {
        **{"epoch": epoch, "charged": 10 * epoch, "performance": performance, "bias": bias},
        **{"sparsity": 0.0, "feasible": bias < 0.03, "beats_trivial": True},
        **{"candidate": f"c{epoch}", "dropped": [], **changes},
    }


def trial(name, biases, status, reason=None, **changes):
    reports = [report(epoch, bias, **changes) for epoch, bias in enumerate(biases, start=1)]
    return TrialRecord(name, "adv_ft", {}, reports, status, reason)


def recorded(*trials):
    record = Record()
    record.trials = {one.trial: one for one in trials}
    return record


FINISHED = trial("t1", [0.02], "finished")
ENDS = {  # of trials that were stopped after one report: its bias there and at the end
    "t2": (0.2, 0.3),
    "t3": (0.2, 0.02),
    "t4": (0.2, 0.01),
}


def test_what_is_told_of_stopped_trials():
    reason = "bias 0.200 is not expected to come under 0.03"
    stopped = [trial(name, [high], "stopped", reason) for name, (high, _) in ENDS.items()]
    record = recorded(FINISHED, *stopped)
    resumed = [trial(name, ends, "finished") for name, ends in ENDS.items()]
    rows = [
        audited(one, other, front_of(record, False), sparsity=False)
        for one, other in zip(stopped, resumed, strict=True)
    ]
    result = summary(rows, record)

    assert [row.feasible for row in rows] == [False, True, True]
    assert [row.on_front for row in rows] == [False, False, True]  # t3 is no better than t1
    assert result["false_kill_rate"] == pytest.approx(2 / 3)
    assert result["missed"] == pytest.approx(2 / 3)  # of t1, t3 and t4
    assert result["not_repeated"] == []
    (of_reason,) = result["by_reason"]
    assert of_reason["reason"] == "bias ... is not expected to come under ..."
    assert (of_reason["audited"], of_reason["false_kills"], of_reason["on_front"]) == (3, 2, 1)


def test_a_trial_that_reports_something_else_this_time_is_named():
    stopped = trial("t2", [0.2], "stopped", "behind")
    resumed = trial("t2", [0.21, 0.3], "finished")
    rows = [audited(stopped, resumed, front_of(recorded(), False), sparsity=False)]

    assert summary(rows, recorded(stopped))["not_repeated"] == ["t2"]


def test_trials_that_failed_on_their_way_are_counted_apart():
    stopped = trial("t2", [0.2], "stopped", "behind")
    rows = [audited(stopped, trial("t2", [0.2], "failed"), front_of(recorded(), False), False)]
    result = summary(rows, recorded(stopped))

    assert (result["audited"], result["failed"], result["false_kill_rate"]) == (0, 1, None)


def reports_of(path, trial):
    found = (e for e in read_events(path) if e["event"] == "report" and e["trial"] == trial)
    return {event["epoch"]: event for event in found}


def cut_short(whole, folder, names):
    """A copy of the run `whole` in which these trials were stopped after their second report."""
    shutil.copytree(whole, folder)
    events = list(read_events(folder / "journal.jsonl"))
    (folder / "journal.jsonl").unlink()
    with closing(Journal(folder)) as journal:
        for event in events:
            facts = {key: value for key, value in event.items() if key not in ("event", "time")}
            if event.get("trial") in names:
                if event["event"] == "report" and event["epoch"] > 2:
                    continue
                if event["event"] == "trial_end":
                    facts |= {"status": "stopped", "reason": "bias 0.2 stays above 0.03"}
            journal.append({"event": event["event"], **facts})


def save_checkpoint(folder, trial):
    """As the worker has it after the first epoch."""
    home = RunFolder(folder)
    problem = open_problem(home.config())
    dense = home.dense(problem.untrained())
    bench = Workbench.open(problem.prepared.sealed(), dense, problem.objective)
    (spec,) = (
        event["spec"]
        for event in read_events(home.journal)
        if event["event"] == "trial_start" and event["trial"] == trial
    )
    pipeline = Pipeline(Spec.from_config(spec), bench, CandidateStore(folder / "candidates"))
    pipeline.step()
    checkpoint_path(folder, trial).parent.mkdir(exist_ok=True)
    torch.save(pipeline.state_dict(), checkpoint_path(folder, trial))


@pytest.mark.slow
def test_stopped_trials_are_run_to_the_end_that_they_would_have_had(tmp_path):
    whole, folder = tmp_path / "whole", tmp_path / "run"
    run(CONFIG, out=whole)
    with pytest.raises(UserError, match=r"no trial of .* was stopped"):
        audit(whole)
    cut_short(whole, folder, ("t0001", "t0002"))
    save_checkpoint(folder, "t0001")
    before = (folder / "journal.jsonl").read_bytes()

    first = audit(folder, sample=1)
    assert (first["stopped"], first["audited"]) == (2, 1)
    shown = CliRunner().invoke(app, ["audit", str(folder)])
    assert shown.exit_code == 0, shown.output
    assert "2 stopped" in shown.output
    result = json.loads((folder / "audit.json").read_text())

    assert (result["audited"], result["not_repeated"]) == (2, [])
    for name in ("t0001", "t0002"):
        resumed = reports_of(folder / "audit" / "journal.jsonl", name)
        for epoch, original in reports_of(whole / "journal.jsonl", name).items():
            assert resumed[epoch]["counts"] == original["counts"]
    assert (folder / "journal.jsonl").read_bytes() == before
    assert not (folder / "audit" / "candidates").exists()


@pytest.mark.slow
def test_of_listed_trials_the_stopped_ones_alone_are_run_with_the_weights_that_they_go_back_to(
    tmp_path,
):
    pruner = {"kappa": 0.5, "sparsity": 0.75, "round_epochs": 1, "rewind": "early"}
    listed = [
        {"name": "back to early", "method": "lottery", "settings": {"pruner": pruner}},
        {"name": "finished", "method": "magnitude_retrain"},
    ]
    plain = CONFIG.model_dump(mode="json", exclude_none=True)
    search = {**plain["search"], "methods": ["lottery", "magnitude_retrain"], "trials": 2}
    for trial in listed:
        trial.setdefault("settings", {})["recovery"] = {"epochs": 1}
    config = Config.model_validate({**plain, "search": search, "trials": listed, "space": {}})
    whole, folder = tmp_path / "whole", tmp_path / "run"
    run(config, out=whole)
    cut_short(whole, folder, ("t0001",))

    result = audit(folder)

    assert (result["audited"], result["failed"], result["not_repeated"]) == (1, 0, [])
    audited_journal = list(read_events(folder / "audit" / "journal.jsonl"))
    starts = [event["trial"] for event in audited_journal if event["event"] == "trial_start"]
    assert starts == ["t0001"]
    assert len(reports_of(folder / "audit" / "journal.jsonl", "t0001")) == 3
