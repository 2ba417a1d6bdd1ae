"""The bridge to Ray: who is proposed next, and what a resumed search does first."""

import time
from contextlib import closing

import pytest
from ray.tune.search import Searcher

from search.engine.progress import Limits
from search.engine.ray_searcher import MethodSearcher
from search.engine.study import MethodStudy, Target
from search.errors import MachineFault
from search.journal.journal import Journal, read_events
from search.journal.record import Record
from search.samplers.sampling import Sampling
from spaces.compose import compose
from trainables.methods import METHODS
from trainables.trial.spec import Spec

BASE = {"seed": 5, "correction": {"name": "threshold"}}
FREE = ("adv_ft", "magnitude_retrain")
FIXED = "dense_threshold"  # has nothing to search
REPORT = {
    **{"epoch": 1, "performance": 0.8, "bias": 0.01, "sparsity": 0.0, "feasible": True},
    **{"candidate": "c", "dropped": [], "beats_trivial": True},
}


def searcher(record, methods, trials, limits=None):
    studies = {
        name: MethodStudy(
            compose(METHODS[name].stages),
            Sampling("random", 0, trials),
            Target(0.03, sparsity=True),
        )
        for name in methods
    }
    return MethodSearcher(studies, record, trials=trials, **BASE, limits=limits)


@pytest.fixture
def record(tmp_path):
    with closing(Journal(tmp_path)) as journal:
        yield Record(journal)


def ask_all(searching, first=0):
    """Proposals until there are no more."""
    specs = []
    while (spec := searching.suggest(f"ray{first + len(specs)}")) != Searcher.FINISHED:
        specs.append(spec)
    return specs


def end(record, searching, number, status="finished"):
    trial = list(record.trials)[number]
    record.report({"trial": trial, **REPORT})
    record.end(trial, status)
    searching.on_trial_complete(f"ray{number}")


def test_methods_take_turns_until_the_budget_is_spent(record):
    specs = ask_all(searcher(record, FREE, 5))

    assert [spec["trial"] for spec in specs] == ["t0001", "t0002", "t0003", "t0004", "t0005"]
    assert [spec["method"] for spec in specs] == [*FREE, *FREE, FREE[0]]


def test_a_method_without_a_space_takes_one_trial_and_leaves_its_share_to_the_others(record):
    specs = ask_all(searcher(record, (FIXED, *FREE), 7))

    assert [spec["method"] for spec in specs] == [FIXED, *FREE, *FREE, *FREE]


@pytest.mark.parametrize("trials", [1, 2, 9])
def test_a_search_of_nothing_but_fixed_methods_ends_after_one_trial_each(record, trials):
    searching = searcher(record, (FIXED,), trials)
    assert searching.left == 1

    assert [spec["method"] for spec in ask_all(searching)] == [FIXED]
    assert searching.left == 0


def test_a_proposal_is_a_whole_spec_and_is_in_the_journal_before_it_runs(record, tmp_path):
    (spec,) = ask_all(searcher(record, ("magnitude_retrain",), 1))

    assert Spec.from_config(spec).to_config()["settings"]["pruner"]["sparsity"] == 0.9
    assert {key: spec[key] for key in BASE} == BASE
    (event,) = read_events(tmp_path / "journal.jsonl")
    assert (event["event"], event["trial"], event["spec"]) == ("trial_start", "t0001", spec)
    assert event["learns_from"] == Spec.from_config(spec).learns_from


def test_what_is_left_falls_with_every_proposal(record):
    searching = searcher(record, (FIXED, *FREE), 4)
    left = [searching.left]
    for number in range(4):
        searching.suggest(f"ray{number}")
        left.append(searching.left)

    assert left == [4, 3, 2, 1, 0]


def test_a_resumed_search_takes_up_unfinished_trials_first_and_then_what_is_left(record, tmp_path):
    live = searcher(record, FREE, 6)
    specs = [live.suggest(f"ray{number}") for number in range(4)]
    end(record, live, 0)
    end(record, live, 2, "stopped")

    again = Record(record._journal)
    again.replay(read_events(tmp_path / "journal.jsonl"))
    resumed = searcher(again, FREE, 6)
    assert resumed.left == 2 + 2
    proposed = ask_all(resumed, first=10)

    assert proposed[:2] == [specs[1], specs[3]]
    assert [spec["trial"] for spec in proposed[2:]] == ["t0005", "t0006"]
    starts = [e["trial"] for e in read_events(tmp_path / "journal.jsonl") if "spec" in e]
    assert starts == [f"t000{number}" for number in range(1, 7)]


def test_a_resumed_search_proposes_what_the_undisturbed_one_would_have(record, tmp_path):
    live = searcher(record, FREE, 6)
    for number in range(4):
        live.suggest(f"ray{number}")
        end(record, live, number)

    class Unwritten(Record):
        """Stands beside the live record without writing to its journal."""

        def add(self, event):
            self._apply(event)

    other = Unwritten()
    other.replay(read_events(tmp_path / "journal.jsonl"))
    resumed = searcher(other, FREE, 6)

    assert [resumed.suggest(f"ray{n}") for n in (4, 5)] == [
        live.suggest(f"ray{n}") for n in (4, 5)
    ]


def test_a_complete_search_has_nothing_left(record):
    live = searcher(record, FREE, 2)
    ask_all(live)
    for number in range(2):
        end(record, live, number)

    resumed = searcher(record, FREE, 2)
    assert resumed.left == 0
    assert resumed.suggest("ray9") == Searcher.FINISHED
    assert searcher(record, FREE, 3).left == 1  # more trials were asked for


def test_past_the_deadline_nothing_is_proposed_and_nothing_is_written(record, tmp_path):
    late = searcher(record, FREE, 4, Limits(record, deadline=time.monotonic() - 1))

    assert late.suggest("ray0") == Searcher.FINISHED
    assert not list(read_events(tmp_path / "journal.jsonl"))
    soon = Limits(record, deadline=time.monotonic() + 60)
    assert searcher(record, FREE, 4, soon).suggest("ray0") != "FINISHED"


def test_a_trial_that_was_cut_off_is_not_told_to_its_study(record):
    searching = searcher(record, ("adv_ft",), 2)
    searching.suggest("ray0")
    record.report({"trial": "t0001", **REPORT})

    searching.on_trial_complete("ray0")

    assert record.trials["t0001"].status == "running"
    assert searching._studies["adv_ft"]._pending.keys() == {"t0001"}


def test_a_worker_that_died_too_often_fails_its_trial(record):
    searching = searcher(record, ("adv_ft",), 2)
    searching.suggest("ray0")

    searching.on_trial_complete("ray0", error=True)
    searching.end_dead()

    assert record.trials["t0001"].status == "failed"
    assert "died" in record.trials["t0001"].reason
    assert not searching._studies["adv_ft"]._pending


def test_workers_that_die_before_any_report_of_three_trials_in_a_row_blame_the_machine(record):
    searching = searcher(record, FREE, 8)
    names = [searching.suggest(f"ray{number}")["trial"] for number in range(6)]

    for number in range(2):
        searching.on_trial_complete(f"ray{number}", error=True)
    assert record.count("running") == 6  # it is not known yet who is to blame
    record.report({"trial": names[2], **REPORT})
    searching.on_trial_result("ray2", {})
    assert [record.trials[name].status for name in names[:2]] == ["failed"] * 2

    for number in (3, 4):
        searching.on_trial_complete(f"ray{number}", error=True)
    with pytest.raises(MachineFault, match="3 trials in a row"):
        searching.on_trial_complete("ray5", error=True)
    assert record.count("running") == 4


def test_a_worker_that_dies_repeatedly_after_reports_fails_its_trial_at_once(record):
    searching = searcher(record, FREE, 4)
    name = searching.suggest("ray0")["trial"]
    record.report({"trial": name, **REPORT})

    searching.on_trial_complete("ray0", error=True)

    assert record.trials[name].status == "failed"
