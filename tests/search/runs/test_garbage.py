"""What `fairfront gc` removes from a made-up run, and what it leaves."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.errors import UserError
from search.journal.journal import Journal, read_events
from search.journal.record import Record
from search.runs.folder import RunFolder
from search.runs.garbage import garbage, remove
from tests.search.front.test_build import (
    BY_SEX,
    DENSE,
    FACTS,
    FAIR,
    ONLY_FPR,
    WORSE,
    report,
    trial,
)

TRIALS = [
    trial("t1", report("t1", FAIR, 0.5)),  # on the front
    trial("t2", report("t2", WORSE, 0.4)),  # t1 is better and sparser
    trial("t3", report("t3", FAIR, 0.9), status="stopped"),
    trial("t4", report("t4", FAIR, 0.9), status="failed"),
    trial("t5", report("t5", WORSE, 0.3), status="running"),
    trial("t6", report("t6", BY_SEX, 0.7)),  # unfair, but the best: on the front of a tolerance
]
CONFIG = 'name = "made"\n[data]\nname = "adult"\ngroup = "sex"\n'


def make(folder, trials=TRIALS):
    """A run's folder with weights for every candidate and a checkpoint for every trial."""
    folder.mkdir()
    (folder / "config.toml").write_text(CONFIG)
    journal = Journal(folder)
    for event in ({**FACTS}, {**DENSE}, *(dict(event) for one in trials for event in one)):
        journal.append(event)
    journal.close()
    for part in ("candidates", "checkpoints", "ray/tune"):
        (folder / part).mkdir(parents=True)
    for start, *_ in trials:
        (folder / "candidates" / f"{start['trial']}c.safetensors").write_bytes(bytes(1000))
        (folder / "checkpoints" / f"{start['trial']}.pt").write_bytes(bytes(100))
    (folder / "candidates" / "strange.safetensors").write_bytes(bytes(1000))
    (folder / "candidates" / "t9c.partial-77").write_bytes(bytes(10))
    (folder / "ray" / "tune" / "state.json").write_bytes(bytes(5))
    return folder


def left(folder, part):
    return sorted(path.stem for path in (folder / part).iterdir())


def collect(folder, **options):
    with garbage(folder, **options) as found:
        remove(found)
    return found


def test_the_front_and_trials_that_go_on_stay_and_all_else_goes(tmp_path):
    folder = make(tmp_path / "run")

    found = collect(folder)

    assert left(folder, "candidates") == ["t1c", "t5c"]
    assert left(folder, "checkpoints") == ["t5"]
    assert not (folder / "ray").exists()
    assert found.judged == 2  # t2 and t6 finished; t3, t4 and the strange one did not
    assert collect(folder).paths == ()


@pytest.mark.parametrize(
    ("keep", "stays"),
    [("pareto", []), ("last", ["t7e"]), ("rounds", ["t7a", "t7b", "t7e"])],
)
def test_what_a_listed_trial_was_to_keep_stays_whatever_it_is_worth(keep, stays, tmp_path):
    rounds = [("a", 1), ("b", 2), ("d", 2), ("e", 2)]  # d and e: the final retraining
    reports = [
        {**report("t7", WORSE, 0.2, name, epoch=e), "round": number, "last": name == "e"}
        for e, (name, number) in enumerate(rounds, start=1)
    ]
    start, *others = trial("t7", *reports)
    start = {**start, "spec": {**start["spec"], "keep": keep}}
    folder = make(tmp_path / "run", [TRIALS[0], [start, *others]])
    for name, _ in rounds:
        (folder / "candidates" / f"t7{name}.safetensors").write_bytes(bytes(10))

    collect(folder)

    assert left(folder, "candidates") == ["t1c", *stays]


def test_the_front_of_any_tolerance_can_be_kept(tmp_path):
    folder = make(tmp_path / "run")

    collect(folder, keep="any-tolerance")

    assert left(folder, "candidates") == ["t1c", "t5c", "t6c"]


def test_the_checkpoints_of_stopped_trials_can_be_kept(tmp_path):
    folder = make(tmp_path / "run")

    collect(folder, keep_stopped=True)

    assert left(folder, "checkpoints") == ["t3", "t5"]
    assert left(folder, "candidates") == ["t1c", "t5c"]


def test_what_any_front_file_names_stays(tmp_path):
    folder = make(tmp_path / "run")
    front = {"points": [{"candidate": "t2c"}]}
    (folder / "front-tolerance-0.2.json").write_text(json.dumps(front))
    (folder / "confirmed.json").write_text(json.dumps({"points": [{"candidate": "t6c"}]}))

    collect(folder)

    assert left(folder, "candidates") == ["t1c", "t2c", "t5c", "t6c"]


def test_where_nothing_is_feasible_the_closest_stay(tmp_path):
    trials = [trial("t0", report("t0", ONLY_FPR, 0.2)), trial("t2", report("t2", BY_SEX, 0.7))]
    folder = make(tmp_path / "run", trials)

    collect(folder)

    assert left(folder, "candidates") == ["t0c", "t2c"]


def test_of_confirmed_seeds_only_the_chosen_candidates_stay(tmp_path):
    folder = make(tmp_path / "run")
    seeds = RunFolder(folder).seeds.path / "candidates"
    seeds.mkdir(parents=True)
    for name in ("chosen", "earlier"):
        (seeds / f"{name}.safetensors").write_bytes(bytes(10))
    collect(folder)
    assert left(folder / "seeds", "candidates") == ["chosen", "earlier"]
    confirmed = {"points": [], "seeds": [{"candidate": "chosen"}, {"candidate": None}]}
    (folder / "confirmed.json").write_text(json.dumps(confirmed))

    collect(folder)

    assert left(folder / "seeds", "candidates") == ["chosen"]


@pytest.mark.parametrize(
    ("ended", "stay"),
    [
        ([], 3),
        ([("search_end", {"left": 2})], 3),
        ([("search_end", {"left": 0})], 0),
        ([("search_end", {"left": 0}), ("confirm_start", {}), ("confirm", {})], 0),
        ([("search_end", {"left": 0}), ("trial_start", {"trial": "t9"})], 3),  # it was extended
    ],
)
def test_results_that_trials_shared_stay_until_the_search_is_complete(tmp_path, ended, stay):
    folder = make(tmp_path / "run")
    (folder / "stages").mkdir()
    for name in ("a.safetensors", "a.lock", "b.lock", "c.partial-77"):
        (folder / "stages" / name).write_bytes(bytes(10))
    journal = Journal(folder)
    for kind, facts in ended:
        journal.append({"event": kind, **{"method": "adv_ft", "spec": {}, **facts}})
    journal.close()

    found = collect(folder)

    assert len(found.stages) == 3 - stay
    assert len(list((folder / "stages").iterdir())) == stay  # half-written files always go


def test_a_run_that_is_being_written_is_left_alone(tmp_path):
    folder = make(tmp_path / "run")
    journal = Journal(folder)

    with pytest.raises(UserError, match="is being written by process"), garbage(folder):
        pass
    journal.close()


def test_a_dry_run_says_what_would_be_freed_and_removes_nothing(tmp_path):
    folder = make(tmp_path / "run")

    said = CliRunner().invoke(app, ["gc", str(folder), "--dry-run"])

    assert said.exit_code == 0
    assert "Would free: 5.5 kB" in said.output  # 5 candidates, 5 checkpoints, 15 bytes
    assert len(left(folder, "candidates")) == 8
    done = CliRunner().invoke(app, ["gc", str(folder)])
    assert "Freed: 5.5 kB" in done.output
    assert "2 of these candidates" in done.output
    assert left(folder, "candidates") == ["t1c", "t5c"]


def test_the_end_of_a_search_drops_what_stopped_and_failed_trials_left(tmp_path):
    """Stopped trials keep their checkpoints: an audit goes on from there."""
    reports = [[dict(event) for event in one] for one in TRIALS]
    for event in (event for one in reports for event in one if event.get("candidate")):
        event["candidate"] = f"{event['trial'][1]:0>16}"  # names as a search gives them
    folder = RunFolder(make(tmp_path / "run", reports))
    for start, *_ in TRIALS:
        weights = folder.path / "candidates" / f"{start['trial']}c.safetensors"
        weights.rename(weights.with_stem(f"{start['trial'][1]:0>16}"))
    record = Record()
    record.replay(read_events(folder.journal))

    folder.tidy(record.trials.values())

    stay = [f"{number:0>16}" for number in (1, 2, 5, 6)]
    assert left(folder.path, "candidates") == [*stay, "strange", "t9c"]
    assert left(folder.path, "checkpoints") == ["t3", "t5"]
    assert not (folder.path / "ray").exists()


@pytest.mark.parametrize("name", ["checkpoints", "candidates", "stages", "seeds/candidates"])
def test_nothing_is_removed_through_a_link(tmp_path, tmp_path_factory, name):
    folder = make(tmp_path / "run")
    mine = tmp_path_factory.mktemp("mine")
    for file in ("net.pt", "net.safetensors", "a.lock"):
        (mine / file).write_text("mine")
    path = folder / name
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(mine)

    with (
        pytest.raises(UserError, match="must be a folder of the run, is a link to"),
        garbage(folder) as rubbish,
    ):
        remove(rubbish)
    assert len(list(mine.iterdir())) == 3
