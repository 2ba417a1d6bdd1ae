"""Journals of made-up searches, and what MLflow knows after they were mirrored."""

import json
import sqlite3
import time
from contextlib import closing
from types import SimpleNamespace

from search.journal.journal import Journal

CONFIG = """name = "adult-sex"
[data]
name = "adult"
[search]
methods = ["adv_ft"]
"""
EPOCHS = 6
EXPERIMENT = {
    **{"name": "adult-sex", "run": "0123abcd", "sparsity": False, "reference": [0.5, 0.05, 0.0]},
    **{"group": "sex", "group_names": ["Female", "Male"]},
    "objective": {"performance": "accuracy", "bias": "aod", "tolerance": 0.05, "margin": 0.02},
    "correction": {"name": "threshold"},
    "crossing_to_group": [0, 1],
    "crossing_priors": [[0.25, 0.25], [0.25, 0.25]],
}


def write_trial(journal, trial, status="finished", epochs=EPOCHS):
    spec = {"settings": {"recovery": {"lr": 0.01, "epochs": epochs}}}
    journal.append({"event": "trial_start", "trial": trial, "method": "adv_ft", "spec": spec})
    for epoch in range(1, epochs + 1):
        journal.append({"event": "report", **report(trial, epoch, last=epoch == epochs)})
    journal.append({"event": "trial_end", "trial": trial, "status": status, "reason": None})


def report(trial, epoch, last):
    return {
        **{"trial": trial, "epoch": epoch, "losses": {"task": 1 / epoch}, "live": 1.0},
        **{"sparsity": 0.5, "charged": 10 * epoch, "seconds": 0.01, "performance": 0.75},
        **{"bias": 0.1 / epoch, "feasible": True, "beats_trivial": True, "dropped": []},
        **{"candidate": f"{trial}-{epoch}" if last else None, "counts": {}},
        **{"performance_se": 0.01, "performance_interval": [0.73, 0.77]},
        **{"bias_interval": [0.05 / epoch, 0.15 / epoch], "measures": {"aod": -0.1 / epoch}},
        "decision": {"kind": "threshold", "index": 5, "threshold": 0.5, "trivial": False},
    }


def begin(folder):
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(CONFIG)
    journal = Journal(folder)
    journal.append({"event": "experiment", **EXPERIMENT})
    return journal


def values(performance, bias):
    plain = {"performance": performance, "bias": bias, "sparsity": 0.5, "measures": {"aod": bias}}
    intervals = {"performance_interval": [performance - 0.02, performance + 0.02]}
    return {**plain, **intervals, "bias_interval": [bias - 0.01, bias + 0.01]}


def write_front(folder, trials, chosen, test=None, **more):
    points = [
        {
            **{"candidate": f"{trial}-{EPOCHS}", "trial": trial, "epoch": EPOCHS},
            **{"method": "adv_ft", "settings": {}, "needs_group": False, "feasible": True},
            **{"tune": values(0.75, 0.02), "test": test, "chosen": trial == chosen},
            "claim": test and {"verdict": "certified", "p": 0.001, "certified_at": 0.045},
        }
        for trial in trials
    ]
    dense = {"tune": values(0.8, 0.1), "test": test and values(0.8, 0.12)}
    aim = {"group": "sex", "sparsity": False, "reference": [0.5, 0.05, 0.0]}
    front = {
        **{"name": "adult-sex", "objective": EXPERIMENT["objective"] | aim, "opening": None},
        **{"hypervolume": 0.3, "dense": dense, "references": [], "points": points},
    }
    (folder / "front.json").write_text(json.dumps(front | more))


def look(uri):
    """What MLflow knows: parent run, runs of trials by name, and the client to ask for more."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("fairfront")
    runs = list(client.search_runs([experiment.experiment_id], max_results=5000))
    parents = [run for run in runs if "fairfront.trial" not in run.data.tags]
    children = [run for run in runs if "fairfront.trial" in run.data.tags]
    by_trial = {run.data.tags["fairfront.trial"]: run for run in children}
    assert len(parents) == 1
    assert len(by_trial) == len(children), "a trial has two runs"
    return SimpleNamespace(
        client=client, experiment=experiment, parent=parents[0], trials=by_trial
    )


def steps(now, trial, metric):
    run_id = now.trials[trial].info.run_id
    return [entry.step for entry in now.client.get_metric_history(run_id, metric)]


TRIALS = "select value from tags where key = 'fairfront.trial'"
STATUSES = "select status from runs order by status"


def ask(path, query):
    """The first column of a query to MLflow's database, while MLflow is writing to it."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        try:
            return [row[0] for row in database.execute(query)]
        except sqlite3.OperationalError:  # its tables are being made
            return []


def wait_until(holds, timeout=180.0):
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
