"""What earlier searches tell a new one, what is left out, and which of them are refused."""

from contextlib import closing

import pytest

from search.config.config import Config
from search.engine.ray_searcher import MethodSearcher
from search.engine.study import MethodStudy, Target
from search.engine.warm_start import earlier_runs
from search.errors import UserError
from search.journal.journal import Journal, read_events
from search.journal.record import Record, TrialRecord
from search.problem.problem import open_problem
from search.samplers.sampling import Sampling
from spaces.space import Float, Int, Space

SETTINGS = [
    "search.methods=['magnitude_retrain']",
    "space.magnitude_retrain.pruner.sparsity=[0.5, 0.9]",
    "space.magnitude_retrain.recovery={epochs=5, lr=[0.0001, 0.01]}",
    "objective.tolerance=0.1",
]


@pytest.fixture(scope="module")
def problem():
    return open_problem(Config.load("quick", SETTINGS))


@pytest.fixture
def write(tmp_path, problem):
    """Writes a run of trials given as (status, sparsity, bias, more of the spec)."""

    def write_run(*trials, name="earlier", **facts):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.toml").write_text(problem.config.to_toml())
        memory = {"in_memory": False, "model_in_memory": False}
        with closing(Journal(folder)) as journal:
            said = {**problem.with_reference(0.5).facts(), **memory, "run": f"run-{name}", **facts}
            journal.append({"event": "experiment", **said})
            published = problem.spaces["magnitude_retrain"].published_nested()
            for number, (status, sparsity, bias, more) in enumerate(trials, 1):
                settings = {**published, "pruner": {**published["pruner"], "sparsity": sparsity}}
                spec = {"method": "magnitude_retrain", "settings": settings, **more}
                write_trial(journal, f"t{number:04d}", status, spec, sparsity, bias)
        return str(folder)

    return write_run


def write_trial(journal, trial, status, spec, sparsity, bias):
    journal.append(
        {"event": "trial_start", "trial": trial, "method": spec["method"], "spec": spec}
    )
    for epoch, name in ((1, None), (2, f"{trial}-2")):
        seen = {"bias": bias, "bias_upper": bias + 0.05, "performance": 0.8, "sparsity": sparsity}
        judged = {"feasible": False, "beats_trivial": True, "candidate": name, "dropped": []}
        journal.append({"event": "report", "trial": trial, "epoch": epoch, **seen, **judged})
    if status != "running":
        journal.append({"event": "trial_end", "trial": trial, "status": status, "reason": None})


def test_finished_and_stopped_trials_are_judged_by_the_tolerance_of_the_new_search(write, problem):
    folder = write(
        ("finished", 0.6, 0.04, {}),  # was infeasible; below .1 - .02 now
        ("stopped", 0.7, 0.30, {}),
        ("failed", 0.8, 0.01, {}),
        ("running", 0.8, 0.01, {}),
    )

    (earlier,) = earlier_runs([folder], problem)

    said = [(one["status"], one["report"]["feasible"]) for one in earlier.trials]
    assert said == [("finished", True), ("stopped", False)]
    assert earlier.left_out == {"failed or unfinished": 2}
    assert "2 trials" in earlier.note()
    assert "2 failed or unfinished" in earlier.note()


def test_settings_that_this_search_could_not_propose_are_left_out_and_counted(write, problem):
    others = {"pruner": {"sparsity": 0.6}, "recovery": {"epochs": 7, "lr": 0.001}}
    folder = write(
        ("finished", 0.95, 0.04, {}),
        ("finished", 0.60, 0.04, {"settings": others}),  # epochs are fixed at 5
        ("finished", 0.60, 0.04, {"method": "adv_ft"}),
        ("finished", 0.60, 0.04, {}),
    )

    (earlier,) = earlier_runs([folder], problem)

    assert [one["trial"] for one in earlier.trials] == ["t0004"]
    assert earlier.left_out == {
        "with settings outside the ranges": 2,
        "of methods that are not searched": 1,
    }


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"data": "adult"}, "the same data set, got adult, not digits"),
        ({"group": "sex"}, "the same grouping, got sex"),
        ({"hashes": {"tune": "0123456789"}}, "the same rows in its splits, got {'tune': '012345"),
        ({"correction": {"name": "threshold"}}, "the same correction"),
        (
            {"objective": {"performance": "accuracy", "bias": "spd"}},
            "the same measure of",
        ),
    ],
)
def test_a_run_on_another_task_is_refused(write, problem, facts, message):
    folder = write(("finished", 0.6, 0.04, {}), **facts)

    with pytest.raises(UserError) as error:
        earlier_runs([folder], problem)

    assert str(error.value).startswith(f"warm start: {folder} must have the same")
    assert message in str(error.value)


def test_a_run_with_another_network_is_refused(write, problem):
    folder = write(("finished", 0.6, 0.04, {}))
    other = open_problem(Config.load("quick", [*SETTINGS, "model.name=mlp", "model.args={}"]))

    with pytest.raises(UserError, match=r"the same \[model\]"):
        earlier_runs([folder], other)


def test_a_run_that_pruned_by_other_groups_is_refused(write, problem):
    folder = write(("finished", 0.6, 0.04, {}))
    other = open_problem(Config.load("quick", [*SETTINGS, "prune_by.group=clusters:3"]))

    with pytest.raises(UserError, match=r"the same \[prune_by\], got None, not {'group': 'clus"):
        earlier_runs([folder], other)


def test_a_folder_without_a_run_is_refused(tmp_path, problem):
    with pytest.raises(UserError, match=r"warm start: .* must be the folder of a run"):
        earlier_runs([str(tmp_path)], problem)


def test_one_run_named_twice_is_refused(write, problem):
    folder = write(("finished", 0.6, 0.04, {}))

    with pytest.raises(UserError, match="each run must be named once"):
        earlier_runs([folder, f"{folder}/"], problem)


def searching(record, problem):
    space = problem.spaces["magnitude_retrain"]
    study = MethodStudy(space, Sampling("tpe", 0, 20), Target(0.08))
    base = {"seed": 0, "correction": {"name": "threshold"}}
    return MethodSearcher({"magnitude_retrain": study}, record, trials=20, **base)


class Unwritten(Record):
    """Takes events without writing them to a journal."""

    def add(self, event):
        self._apply(event)


def first_two(searching):
    return [searching.suggest(f"ray{number}")["settings"] for number in range(2)]


def test_a_resumed_search_learns_from_its_journal_what_the_live_one_was_told(
    write, problem, tmp_path
):
    told = [("finished", 0.5 + 0.01 * n, 0.04 + 0.01 * n, {}) for n in range(20)]
    (earlier,) = earlier_runs([write(*told)], problem)
    (tmp_path / "new").mkdir()
    with closing(Journal(tmp_path / "new")) as journal:
        Record(journal).add({"event": "warm_start", **earlier.facts()})
    live, resumed = Unwritten(), Unwritten()
    live.add({"event": "warm_start", **earlier.facts()})
    resumed.replay(read_events(tmp_path / "new" / "journal.jsonl"))

    assert not resumed.trials  # it has no trial yet: none counts, none can enter its front
    assert searching(resumed, problem).left == 20
    proposed = first_two(searching(live, problem))
    assert proposed == first_two(searching(resumed, problem))
    assert proposed[0]["pruner"]["sparsity"] == 0.9  # published settings come first all the same
    assert proposed[1] != first_two(searching(Unwritten(), problem))[1]


def test_a_study_that_was_told_of_earlier_trials_learns_from_the_first_proposal_on():
    """Only sparsities near .6 were feasible before."""
    study = MethodStudy(
        Space({"pruner.sparsity": Float(0.0, 1.0), "recovery.epochs": Int(1, 9)}),
        Sampling("tpe", 0, 40),
        Target(0.03),
    )
    for number in range(40):
        sparsity = number / 40
        feasible = abs(sparsity - 0.6) < 0.1
        bias = 0.01 if feasible else 0.2
        report = {"performance": 0.8, "bias": bias, "sparsity": sparsity, "feasible": feasible}
        said = {**report, "beats_trivial": True, "candidate": None, "dropped": []}
        spec = {"settings": {"pruner": {"sparsity": sparsity}, "recovery": {"epochs": 3}}}
        study.remember(TrialRecord(f"t{number}", "m", spec, [said], "finished"))

    proposed = [study.ask(f"new{number}")["pruner"]["sparsity"] for number in range(10)]

    assert sum(abs(sparsity - 0.6) < 0.15 for sparsity in proposed) >= 7
