"""What the trials of a search report when nothing disturbs them."""

import torch

from search.config.config import Config
from search.journal.journal import read_events
from search.problem.problem import open_problem
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

OF_TIME = {"time", "seconds", "event"}  # what may differ between two runs of one trial


def timeless(report):
    return {key: value for key, value in report.items() if key not in OF_TIME}


def run_through(folder, store):
    """Trial -> its reports, and the candidates kept, of the specs that the run in `folder` has
    tried; run in this process with one thread, as many as a worker gets: sums over several are
    not the same to the last digit. `store` takes the candidates."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    problem = open_problem(Config.load(folder.path / "config.toml"))
    dense = folder.dense(problem.untrained())
    bench = Workbench.open(
        problem.prepared.sealed(),
        dense,
        problem.objective,
        device="cpu",
        tolerances=problem.config.objective.tolerance_range,
        initial=problem.untrained(),
    )
    reports, kept = {}, set()
    for event in read_events(folder.journal):
        if event["event"] == "trial_start":
            pipeline = Pipeline(Spec.from_config(event["spec"]), bench, CandidateStore(store))
            reports[event["trial"]] = []
            while not pipeline.done:
                reports[event["trial"]].append(timeless(pipeline.step()))
            kept |= {entry.candidate for entry in pipeline.archive}
    torch.set_num_threads(threads)
    return reports, kept
