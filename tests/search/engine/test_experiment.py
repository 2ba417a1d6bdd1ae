"""One small search on digits from end to end: searched, confirmed, exported, read again."""

import json
import shutil
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import fairfront
from search.config.config import Config
from search.engine import driver, machines
from search.engine.experiment import run
from search.errors import UserError
from search.journal.journal import read_events
from search.journal.opening_ledger import ledger_path
from search.problem.opening import open_data
from search.problem.problem import open_problem
from search.results import confirm as confirming
from search.results.confirm import confirm
from search.runs.export import export, load
from search.runs.folder import RunFolder
from trainables.corrections import decision_from_dict
from trainables.data.batches import TrialData, scores_of
from trainables.evaluation.counting import count_predictions
from trainables.evaluation.measures import MEASURES
from trainables.evaluation.report import evaluate

CONFIG = Config.load(
    "quick",
    [
        *["data.args={target='odd'}", "dense.max_epochs=2", "dense.check_every=1"],
        *["objective.performance='balanced_accuracy'", "objective.bias='aod'"],
        *["objective.tolerance=0.6", "correction.name='group_thresholds'"],
        *["search.methods=['dense_threshold', 'adv_ft', 'magnitude_retrain']"],
        *["search.trials=4", "search.concurrent=2", "space.adv_ft.recovery.epochs=2"],
        *["space.magnitude_retrain.recovery.epochs=2", "tracking.enabled=false"],
        *["space.magnitude_retrain.pruner.sparsity=[0.5, 0.9]", "search.time_limit='1h'"],
    ],
)
VALUES = {"performance", "bias", "bias_interval", "sparsity", "measures"}


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The run as `search` leaves it; nobody changes it."""
    heard = []
    result = run(CONFIG, out=tmp_path_factory.mktemp("run") / "run", on_event=heard.append)
    return SimpleNamespace(folder=result.folder, front=result.front, heard=heard)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIRFRONT_LEDGER", str(tmp_path_factory.mktemp("ledger") / "ledger.jsonl"))
        yield ledger_path()


@pytest.fixture(scope="module")
def confirmed(searched, ledger, tmp_path_factory):
    """A copy of the run, confirmed; what journal and ledger said when test was opened."""
    folder = tmp_path_factory.mktemp("confirmed") / "run"
    shutil.copytree(searched.folder, folder)
    at_opening, evaluated = [], confirming.evaluated_on_test

    def looking(*arguments, **named):
        at_opening.append((events(folder)[-1], openings(ledger)))
        return evaluated(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confirming, "evaluated_on_test", looking)
        front = confirm(folder)
    return SimpleNamespace(folder=folder, front=front, at_opening=at_opening)


def events(folder):
    return list(read_events(folder / "journal.jsonl"))


def openings(ledger):
    return [json.loads(line) for line in ledger.read_text().splitlines()]


def stored(folder):
    return json.loads((folder / "front.json").read_text())


def test_every_trial_runs_to_its_end_and_is_written_down_once(searched):
    found = events(searched.folder)

    kinds = [event["event"] for event in found]
    assert kinds[:2] == ["experiment", "dense"]
    assert kinds[-1] == "search_end"
    starts = {e["trial"]: e["method"] for e in found if e["event"] == "trial_start"}
    assert starts == {
        **{"t0001": "dense_threshold", "t0002": "adv_ft", "t0003": "magnitude_retrain"},
        "t0004": "adv_ft",
    }
    ends = [(e["trial"], e["status"]) for e in found if e["event"] == "trial_end"]
    assert sorted(ends) == [(trial, "finished") for trial in starts]
    epochs = [(e["trial"], e["epoch"]) for e in found if e["event"] == "report"]
    assert sorted(epochs) == [
        *[("t0001", 1), ("t0001", 2), ("t0002", 1), ("t0002", 2)],
        *[("t0003", 1), ("t0003", 2), ("t0003", 3), ("t0004", 1), ("t0004", 2)],
    ]


def test_the_listener_hears_what_the_journal_says(searched):
    passing = ("status", "note", "underway")
    heard = [event for event in searched.heard if event["event"] not in passing]

    assert json.loads(json.dumps(heard)) == events(searched.folder)
    assert [e for e in searched.heard if e["event"] == "status"][-1]["done"] == 4
    notes = [e["text"] for e in searched.heard if e["event"] == "note"]
    assert searched.heard[0]["event"] == "note"
    assert any(text.startswith("test, at worst, ") for text in notes)


def test_front_json_has_the_promised_format(searched):
    front = stored(searched.folder)

    assert front == searched.front
    assert front["name"] == "quick"
    assert (
        front["objective"].items()
        >= {
            **{"performance": "balanced_accuracy", "bias": "aod", "tolerance": 0.6},
            **{"margin": 0.02, "sparsity": True, "group": "domain"},
        }.items()
    )
    assert 0 < front["hypervolume"] < 1
    assert front["dense"].keys() == {"tune", "test"}
    assert front["dense"]["tune"].keys() >= VALUES
    assert front["dense"]["test"] is None
    assert front["points"]
    for point in front["points"]:
        assert point.keys() >= {
            *{"candidate", "trial", "epoch", "method", "settings", "needs_group", "tune", "test"},
            *{"feasible", "chosen", "claim"},
        }
        assert point["tune"].keys() >= VALUES
        assert point["tune"]["measures"].keys() == MEASURES.keys()
        assert point["tune"]["bias"] == abs(point["tune"]["measures"]["aod"])
        low, high = point["tune"]["bias_interval"]
        assert 0 <= low <= point["tune"]["bias"] <= high
        assert (point["test"], point["claim"]) == (None, None)
        assert (point["feasible"], point["needs_group"]) == (True, True)
    assert sum(point["chosen"] for point in front["points"]) == 1


def test_the_folder_holds_the_resolved_config_and_what_reading_it_again_needs(searched):
    resolved = Config.load(searched.folder / "config.toml")
    objective = resolved.objective.model_copy(update={"reference": None})
    data = resolved.data.model_copy(update={"min_cell_of": None})
    left_open = {"objective": objective, "data": data}
    assert resolved.model_copy(update=left_open) == CONFIG
    assert resolved.data.min_cell_of in ("cells", "groups")
    assert resolved.objective.reference == tuple(searched.front["objective"]["reference"])
    names = {path.name for path in searched.folder.iterdir()}
    assert names >= {"config.toml", "journal.jsonl", "front.json", "front.csv", "candidates"}
    kept = {path.stem for path in (searched.folder / "candidates").iterdir()}
    assert kept >= {point["candidate"] for point in searched.front["points"]}


def test_a_folder_that_holds_a_run_is_refused_and_left_alone(searched):
    before = (searched.folder / "journal.jsonl").read_bytes()

    with pytest.raises(UserError, match=r"holds a run already; `fairfront resume .*run`"):
        run(CONFIG, out=searched.folder)
    assert (searched.folder / "journal.jsonl").read_bytes() == before


def test_a_run_is_read_as_frames(searched):
    frames = fairfront.load_run(searched.folder)

    assert frames.keys() == {"front", "trials", "reports"}
    assert frames["trials"]["status"].tolist() == ["finished"] * 4
    assert frames["trials"]["reports"].tolist() == [2, 2, 3, 2]
    assert len(frames["reports"]) == 9
    assert len(frames["front"]) >= len(searched.front["points"])


def test_no_worker_gets_the_test_part(tmp_path, monkeypatch):
    class Sent(Exception):
        pass

    def caught(trainable, supplies):
        raise Sent(supplies)

    for room in (driver, machines):
        monkeypatch.setattr(room, "connected", lambda *_, **__: nullcontext())
    monkeypatch.setattr(driver, "Forgiving", lambda record: None)  # asks Ray for its machines
    monkeypatch.setattr(driver.tune, "with_parameters", caught)

    with pytest.raises(Sent) as error:
        run(CONFIG, out=tmp_path / "run")
    (supplies,) = error.value.args
    assert set(supplies.prepared.parts) == {"train", "early_stop", "debias", "held_back", "tune"}


def test_the_points_are_named_and_the_opening_is_noted_before_test_is_opened(
    searched, confirmed, ledger
):
    ((event, entries),) = confirmed.at_opening

    points = searched.front["points"]
    assert event["event"] == "confirm_start"
    assert event["front"] == [point["candidate"] for point in points]
    assert event["chosen"] == next(point["candidate"] for point in points if point["chosen"])
    (facts,) = [e for e in events(searched.folder) if e["event"] == "experiment"]
    assert [(e["test"], e["run"]) for e in entries] == [(facts["hashes"]["test"], facts["run"])]
    assert [e["event"] for e in events(confirmed.folder)][-2:] == ["confirm_start", "confirm"]


def test_confirming_adds_test_values_and_changes_nothing_that_was_said_before(searched, confirmed):
    assert stored(confirmed.folder) == confirmed.front
    assert confirmed.front["opening"] == 1
    for before, after in zip(searched.front["points"], confirmed.front["points"], strict=True):
        assert after["test"].keys() == before["tune"].keys()
        claim = after["claim"]
        assert (claim["verdict"] == "broke") == (after["test"]["bias"] >= 0.6)
        assert claim["certified_at"] > after["test"]["bias"]
        assert {**after, "test": None, "claim": None} == before
    claims = confirmed.front["claims"]
    assert (claims["error_rate"], claims["level"], claims["certify"]) == (0.05, 0.025, "front")
    certified = [p for p in confirmed.front["points"] if p["claim"]["verdict"] == "certified"]
    given = confirmed.front["handed_over"]
    assert given in [point["candidate"] for point in certified] or (given, certified) == (None, [])
    assert confirmed.front["dense"]["tune"] == searched.front["dense"]["tune"]
    assert confirmed.front["dense"]["test"].keys() >= VALUES


def test_confirming_again_shows_what_is_stored_and_opens_nothing(confirmed, ledger, monkeypatch):
    journal, entries = events(confirmed.folder), openings(ledger)

    def opened(*_):
        raise AssertionError("the data were opened")

    monkeypatch.setattr(confirming, "reopened", opened)

    assert confirm(confirmed.folder) == confirmed.front
    assert events(confirmed.folder) == journal
    assert openings(ledger) == entries


def test_another_run_on_the_same_test_rows_is_their_second_opening(
    searched, confirmed, ledger, tmp_path
):
    folder = tmp_path / "run"
    shutil.copytree(searched.folder, folder)
    start, *others = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    other = json.dumps({**json.loads(start), "run": "another"}) + "\n"
    (folder / "journal.jsonl").write_text("".join([other, *others]))

    again = confirm(folder)

    assert again["opening"] == 2
    assert (again["claims"]["level"], confirmed.front["claims"]["level"]) == (0.0125, 0.025)
    for first, second in zip(confirmed.front["points"], again["points"], strict=True):
        assert {**first, "claim": None} == {**second, "claim": None}
        assert first["claim"]["certified_at"] <= second["claim"]["certified_at"]
    assert [entry["run"] for entry in openings(ledger)][1:] == ["another"]


def test_an_exported_model_predicts_exactly_the_confirmed_test_counts(confirmed, tmp_path):
    problem = open_problem(CONFIG)
    test = problem.prepared.parts["test"]
    raw = open_data(CONFIG).inputs[test.rows]
    together = len(confirmed.front["points"]) + 1 + len(confirmed.front["references"])
    run = RunFolder(confirmed.folder)
    of_dense = run.dense(problem.untrained())
    decision = decision_from_dict(run.dense_event()["decision"])
    dense = decision.predict(
        scores_of(of_dense, TrialData(problem.prepared, torch.device("cpu")), "test")
    )

    for point in confirmed.front["points"]:
        model = load(export(confirmed.folder, point["candidate"], tmp_path / point["candidate"]))
        predicted = model.predict(raw, test.groups)
        counts = count_predictions(predicted, test.labels, test.groups, 2, 2, dense)

        found = evaluate(counts, problem.objective, level=1 - 0.05 / together)
        assert {**found, "sparsity": point["tune"]["sparsity"]} == point["test"]
        assert model.masks.sparsity == point["test"]["sparsity"]
        assert model.card["test"] == point["test"]


def test_a_model_that_needs_the_group_takes_names_and_refuses_to_go_without(confirmed):
    model = load(export(confirmed.folder, "chosen"))
    raw = open_data(CONFIG).inputs[:50]
    groups = np.arange(50) % 2

    by_name = model.predict(raw, np.array(["grey", "colour"])[groups])

    assert model.card["groups"] == ["grey", "colour"]
    assert by_name.tolist() == model.predict(raw, groups).tolist()
    with pytest.raises(ValueError, match="group"):
        model.predict(raw)
    with pytest.raises(ValueError, match="'gray'; did you mean 'grey'"):
        model.predict(raw[:1], ["gray"])


@pytest.mark.parametrize("name", ["0123456789abcdef", ""])
def test_only_one_candidate_of_the_front_can_be_exported_by_its_name(searched, name):
    with pytest.raises(UserError, match="export: unknown candidate"):
        export(searched.folder, name)


def test_where_nothing_was_feasible_nothing_chosen_can_be_exported(searched, tmp_path):
    run_folder = tmp_path / "run"
    shutil.copytree(searched.folder, run_folder)
    front = json.loads((run_folder / "front.json").read_text(encoding="utf-8"))
    for point in front["points"]:
        point["chosen"] = False
    (run_folder / "front.json").write_text(json.dumps(front), encoding="utf-8")

    with pytest.raises(UserError, match="no chosen network: none was feasible"):
        export(run_folder, "chosen")
