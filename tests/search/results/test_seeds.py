"""The chosen settings, trained again with other seeds before test is opened."""

import json
import shutil
from types import SimpleNamespace

import pytest
import ray

from analysis.front_json import Front
from search.cluster.connect import connected
from search.config.config import Config
from search.engine.experiment import run
from search.journal.journal import Journal, read_events
from search.journal.record import Record
from search.problem.problem import open_problem
from search.results import confirm as confirming
from search.results import seeds as seeding
from search.results.confirm import confirm
from search.results.seeds import seed_specs
from search.runs.folder import RunFolder
from tests.typed_keys import mismatches

CONFIG = Config.load(
    "quick",
    [
        "seed=0",  # the names of the retrained trials count from it
        *["data.args={target='odd'}", "dense.max_epochs=2", "dense.check_every=1"],
        *["objective.performance='balanced_accuracy'", "objective.bias='aod'"],
        *["objective.tolerance=0.6", "search.methods=['adv_ft']", "search.trials=1"],
        *["search.concurrent=1", "space.adv_ft.recovery.epochs=2", "tracking.enabled=false"],
        "search.time_limit='1h'",
    ],
)


@pytest.fixture(scope="module", autouse=True)
def one_ray():
    """All that this module starts shares one Ray."""
    with connected(None, cpus=2, gpus=False):
        yield


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """One trial on digits with its front; nobody changes it."""
    return run(CONFIG, out=tmp_path_factory.mktemp("run") / "run").folder


@pytest.fixture(scope="module")
def confirmed(searched, tmp_path_factory):
    """A copy confirmed with two seeds; what the journal said last before test was opened."""
    folder = tmp_path_factory.mktemp("confirmed") / "run"
    shutil.copytree(searched, folder)
    before, evaluated, heard = [], confirming._evaluated, []

    def looking(*arguments):
        before.append(list(read_events(folder / "journal.jsonl"))[-1])
        return evaluated(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confirming, "_evaluated", looking)
        front = confirm(folder, seeds=2, listener=heard.append)
    return SimpleNamespace(folder=folder, front=front, before=before, heard=heard)


SPEC = {
    **{"trial": "t0007", "method": "adv_ft", "seed": 3, "settings": {"recovery": {"lr": 0.01}}},
    "correction": {"name": "threshold"},
}


def test_a_seed_s_spec_differs_in_nothing_but_its_name_and_seed():
    assert seed_specs(SPEC, 2) == [
        {**SPEC, "trial": "t0007-seed4", "seed": 4},
        {**SPEC, "trial": "t0007-seed5", "seed": 5},
    ]


def test_the_seeds_candidates_are_named_before_test_is_opened_and_then_confirmed(confirmed):
    rows = confirmed.front["seeds"]

    assert [(row["seed"], row["trial"]) for row in rows] == [
        (1, "t0001-seed1"),
        (2, "t0001-seed2"),
    ]
    (announced,) = confirmed.before
    assert announced["event"] == "confirm_start"
    assert announced["seeds"] == [row["candidate"] for row in rows]
    assert all(row["test"]["bias_interval"] is not None for row in rows)
    assert [row["kept_promise"] for row in rows] == [
        row["feasible"] and row["test"]["bias"] < 0.6 for row in rows
    ]
    spread = confirmed.front["spread"]
    mean = sum(row["test"]["performance"] for row in rows) / 2
    assert spread["test"]["performance"]["mean"] == pytest.approx(mean)
    assert (spread["seeds"], spread["judged"]) == (2, 2)
    assert json.loads((confirmed.folder / "confirmed.json").read_text()) == confirmed.front


def test_what_is_stored_has_the_keys_that_are_declared(confirmed):
    stored = (confirmed.folder / "confirmed.json").read_text("utf-8")

    assert mismatches(json.loads(stored), Front) == []


def test_other_seeds_give_other_networks(confirmed):
    names = [row["candidate"] for row in confirmed.front["seeds"]]
    chosen = next(point for point in confirmed.front["points"] if point["chosen"])

    assert len({chosen["candidate"], *names}) == 3
    assert {row["tune"]["performance"] for row in confirmed.front["seeds"]}


def test_all_intervals_hold_at_once_those_of_the_seeds_included(searched, confirmed, tmp_path):
    alone = tmp_path / "run"
    shutil.copytree(searched, alone)
    without = confirm(alone)

    wide, narrow = (
        next(point for point in front["points"] if point["chosen"])["test"]["bias_interval"]
        for front in (confirmed.front, without)
    )
    assert wide[0] <= narrow[0]
    assert wide[1] >= narrow[1]
    assert wide != narrow
    assert "seeds" not in without


def test_a_seed_trained_again_gives_the_reports_of_a_trial_of_that_seed(searched, tmp_path):
    """With the seed of the search itself, the retraining is the trial."""
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(searched, folder.path)
    (point,) = [point for point in folder.front()["points"] if point["chosen"]]
    spec = folder.candidates.facts(point["candidate"])["spec"]
    problem = open_problem(folder.config())
    supplies = seeding.Supplies(
        problem.prepared.sealed(),
        folder.dense(problem.untrained()),
        problem.objective,
        True,
        tmp_path,
        fused=problem.config.model.fused,
    )

    reports = seeding._whole_trial(supplies, spec)

    told = [e for e in read_events(folder.journal) if e["event"] == "report"]
    keys = ("epoch", "performance", "bias", "candidate", "losses")
    assert [[r[k] for k in keys] for r in reports] == [[r[k] for k in keys] for r in told]


def test_seeds_that_have_ended_are_not_trained_again_after_a_kill(confirmed, monkeypatch):
    """Killed after the seeds, before test was opened: all that confirm left is their journal."""
    folder = confirmed.folder.parent / "killed"
    shutil.copytree(confirmed.folder, folder)
    (folder / "confirmed.json").unlink()
    front = json.loads((folder / "front.json").read_text())
    for key in ("seeds", "spread"):
        del front[key]
    (folder / "front.json").write_text(json.dumps(front))

    def started(*_, **__):
        raise AssertionError("a seed was trained again")

    monkeypatch.setattr(seeding, "connected", started)

    assert confirm(folder, seeds=2)["seeds"] == confirmed.front["seeds"]


def test_seeds_added_after_the_opening_have_values_on_tune_alone(confirmed, monkeypatch):
    folder = confirmed.folder.parent / "later"
    shutil.copytree(confirmed.folder, folder)

    def opened(*_):
        raise AssertionError("test was opened again")

    monkeypatch.setattr(confirming, "_evaluated", opened)
    front = confirm(folder, seeds=3)

    assert front["seeds"][:2] == confirmed.front["seeds"]
    added = front["seeds"][2]
    assert (added["seed"], added["test"], added["kept_promise"]) == (3, None, None)
    assert added["tune"]["performance"] > 0.5
    assert (front["spread"]["seeds"], front["spread"]["judged"]) == (3, 2)
    assert front["points"] == confirmed.front["points"]
    assert confirm(folder, seeds=2) == front


def test_a_seed_that_breaks_down_is_part_of_the_spread(tmp_path):
    """Its reason is kept, it promised nothing, and the other seeds go on."""

    @ray.remote
    def breaks():
        raise FloatingPointError("loss must stay finite, got nan")

    spec = seed_specs(SPEC, 1)[0]
    journal = Journal(tmp_path)
    record = Record(journal)
    seeding._write_down(record, spec, lambda: ray.get(breaks.remote()))
    journal.close()
    events = list(read_events(tmp_path / "journal.jsonl"))

    (end,) = [event for event in events if event["event"] == "trial_end"]
    row = seeding._row(spec, end["reason"], [])

    assert record.trials[spec["trial"]].status == "failed"
    assert row["failure"] == "FloatingPointError: loss must stay finite, got nan"
    assert (row["candidate"], row["feasible"], row["tune"]) == (None, False, None)
    assert confirming._kept_promise(row, None, None) is False
