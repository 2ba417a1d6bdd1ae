"""A real search without Ray: one trial of each method, one after the other in this process."""

from contextlib import closing

from search.journal.journal import Journal
from search.journal.record import Record
from search.journal.start import start_of
from search.problem.dense_net import decision_of, dense_report
from search.problem.problem import open_problem
from search.runs.folder import RunFolder
from trainables.methods import correction_of
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench


def made_run(path, config, settings):
    """The folder of a search that has ended, without its front; `settings` by method and role."""
    problem = open_problem(config)
    dense = problem.dense(problem.untrained())
    bench = Workbench.open(
        problem.prepared,
        dense,
        problem.objective,
        device="cpu",
        initial=problem.initial(),
        early=problem.early(problem.untrained()),
        tolerances=config.objective.tolerance_range,
        given_decision=decision_of(problem.correction),
        beside=config.correction.beside,
    )
    of_dense = dense_report(bench)
    problem = problem.with_reference(of_dense["trivial_performance"])
    folder = RunFolder(path)
    folder.create(problem.config, dense, problem.prepared)
    with closing(Journal(path)) as journal:
        record = Record(journal)
        facts = {"in_memory": False, "model_in_memory": False, **problem.facts()}
        record.add({"event": "experiment", "run": "0123abcd", **facts})
        record.add({"event": "dense", **of_dense})
        for number, (method, own) in enumerate(settings.items(), start=1):
            spec = {"trial": f"t{number:04}", "method": method, "seed": 0, "settings": own}
            spec |= {"correction": correction_of(method, problem.correction)}
            _try(record, spec, bench, path)
        record.add({"event": "search_end", "left": 0})
    return folder


def _try(record, spec, bench, path):
    record.add(start_of(spec))
    pipeline = Pipeline(Spec.from_config(spec), bench, CandidateStore(path / "candidates"))
    while not pipeline.done:
        record.report(pipeline.step())
    record.end(spec["trial"], "finished")
