"""What the front is compared with is fitted beside a search, kept in its folder and confirmed."""

import json
from contextlib import closing
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from search.config.config import Config
from search.engine.references_beside import ReferencesBeside
from search.errors import UserError
from search.front.build import build_front
from search.front.view import view_of
from search.journal.journal import Journal, read_events
from search.journal.record import Record
from search.problem.problem import open_problem
from search.problem.references import are_asked_for, notes_on_references
from search.results.confirm import confirm
from search.results.report import price_of_fairness
from search.runs.folder import RunFolder
from tests.made_tables import made_table
from tests.search.made_run import made_run
from trainables.data import from_frame
from trainables.evaluation.intervals import simultaneous_level
from trainables.evaluation.measures import find_measure
from trainables.references.models import load_models

FRAME = {"group": "sex", "label": "decision", "positive": "granted", "attributes": ["sex"]}
CONFIG = Config.model_validate(
    {
        "name": "loans",
        "data": {**FRAME, "missing": "impute"},
        "model": {"name": "mlp", "args": {"hidden": 2}},
        "dense": {"name": "erm", "max_epochs": 12},
        "objective": {"bias": "spd", "tolerance": 0.2},
        "tracking": {"enabled": False},
    }
)
SETTINGS = {"magnitude_retrain": {"pruner": {"sparsity": 0.5}, "recovery": {"epochs": 2}}}
DATA = from_frame(
    made_table(4000),
    name="loans",
    label="decision",
    positive="granted",
    attributes=["sex"],
    missing="impute",
)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIRFRONT_LEDGER", str(tmp_path_factory.mktemp("ledger") / "ledger.jsonl"))
        yield


@pytest.fixture(scope="module")
def searched(tmp_path_factory, ledger):
    """A search without Ray, beside which references were fitted by a process of their own."""
    opened = partial(open_problem, data=DATA)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.search.made_run.open_problem", opened)
        path = tmp_path_factory.mktemp("run") / "run"
        folder = made_run(path, CONFIG, SETTINGS)
    problem = open_problem(CONFIG, DATA)
    heard = []
    beside = ReferencesBeside(folder, problem, folder.dense(problem.untrained()), heard.append)
    without = build_front(folder.facts(), read_events(folder.journal), view_of(folder.facts()))
    with closing(Journal(path)) as journal:
        record = Record(journal)
        record.replay(read_events(folder.journal))
        beside.start()
        beside.follow(record)  # nothing is waited for
        assert "references" not in folder.journal.read_text()
        beside.finish(record)
        beside.close()
    return SimpleNamespace(
        folder=folder, front=folder.write_front(), without=without, heard=heard, problem=problem
    )


def test_the_journal_has_counts_of_held_back_and_tune_and_none_of_test(searched):
    (event,) = [e for e in read_events(searched.folder.journal) if e["event"] == "references"]

    assert [model["name"] for model in event["models"]] == [
        *("logistic regression", "gradient boosting", "reductions")
    ]
    assert all(model["counts"].keys() == {"held_back", "tune"} for model in event["models"])
    assert event["models"][2]["fitted_for"] == "spd at 0.2"
    (note,) = searched.heard
    assert note["text"].startswith("references, of them feasible on tune: ")
    assert "logistic regression, group thresholds" in note["text"]


def test_the_front_is_that_without_them_but_for_its_references(searched):
    front, without = searched.front, searched.without

    assert len(front["references"]) == 7
    assert {**front, "references": []} == {**without, "references": []}
    assert front["references"][:2] == without["references"]


def test_a_reference_s_performance_is_that_of_its_predictions_row_by_row(searched):
    """On tune, decided by hand from the stored models."""
    models = load_models(searched.folder.path / "references.npz")
    tune = searched.problem.prepared.parts["tune"]
    by_label = {one["label"]: one["tune"] for one in searched.front["references"]}

    chances = models["reductions"].scores(tune.inputs)
    recalls = [
        np.mean(np.where(label, chances, 1 - chances)[tune.labels == label]) for label in (0, 1)
    ]
    rates = [chances[tune.groups == group].mean() for group in (0, 1)]
    assert by_label["reductions"]["performance"] == pytest.approx(np.mean(recalls))
    assert by_label["reductions"]["bias"] == pytest.approx(abs(rates[0] - rates[1]))
    scores = models["gradient boosting"].scores(tune.inputs)
    reached = [
        (np.mean(scores[tune.labels == 1] > at) + np.mean(scores[tune.labels == 0] <= at)) / 2
        for at in np.arange(1001) / 1000
    ]
    found = by_label["gradient boosting"]["performance"]
    assert min(abs(one - found) for one in reached) < 1e-12


def test_a_later_session_fits_them_only_where_they_are_missing(searched, tmp_path):
    events = list(read_events(searched.folder.journal))
    again = ReferencesBeside(searched.folder, searched.problem, None)
    elsewhere = ReferencesBeside(RunFolder(tmp_path), searched.problem, None)

    for event in events:
        again.replay(event)
        elsewhere.replay(event)

    assert not again._wanted
    assert elsewhere._wanted  # its folder has lost the models


def test_the_price_of_fairness_is_not_slowed_by_them(searched, monkeypatch):
    def judged(dense, models, *rest):
        assert models is None
        return [{"tune": {"performance": 1.0, "bias": 0.0, "sparsity": 0.0}}]

    monkeypatch.setattr("search.front.build.judged_references", judged)

    assert len(price_of_fairness(searched.folder.path, [0.1, 0.2])) == 2


def test_models_that_are_others_than_the_search_s_are_refused_before_test_is_opened(
    searched, tmp_path
):
    path = searched.folder.path / "references.npz"
    content = path.read_bytes()
    try:
        path.write_bytes(content + b"\0")
        with pytest.raises(UserError, match=r"references.npz must be the one that the search"):
            confirm(searched.folder.path, data=DATA)
        path.unlink()
        with pytest.raises(UserError, match=r"references.npz is missing; `fairfront resume"):
            confirm(searched.folder.path, data=DATA)
    finally:
        path.write_bytes(content)
    assert "confirm_start" not in searched.folder.journal.read_text()


@pytest.fixture(scope="module")
def confirmed(searched):
    return confirm(searched.folder.path, data=DATA)


def test_confirm_names_them_before_it_opens_test_along_with_the_front(searched, confirmed):
    events = list(read_events(searched.folder.journal))
    (models,) = [event for event in events if event["event"] == "references"]
    (named,) = [event for event in events if event["event"] == "confirm_start"]

    assert named["references"] == models["digest"]
    assert [event["event"] for event in events][-2:] == ["confirm_start", "confirm"]
    assert confirmed["opening"] == 1


def test_on_test_they_are_judged_as_every_point_at_the_level_that_counts_them(searched, confirmed):
    problem, models = searched.problem, load_models(searched.folder.path / "references.npz")
    test = problem.prepared.parts["test"]
    chances = models["reductions"].scores(test.inputs)
    by_label = {one["label"]: one["test"] for one in confirmed["references"]}
    rates = [chances[test.groups == group].mean() for group in (0, 1)]
    together = len(confirmed["points"]) + 1 + len(confirmed["references"])

    assert by_label["reductions"]["bias"] == pytest.approx(abs(rates[0] - rates[1]))
    assert by_label["reductions"]["measures"]["spd"] == pytest.approx(rates[0] - rates[1])
    assert all(values is not None for values in by_label.values())
    wide = by_label["dense net"]["performance_interval"]
    narrow = confirmed["references"][0]["tune"]["performance_interval"]
    assert wide[1] - wide[0] > narrow[1] - narrow[0]
    assert simultaneous_level(0.95, together) > 0.99
    for before, after in zip(searched.front["references"], confirmed["references"], strict=True):
        assert {**after, "test": None} == before


def test_what_is_no_table_of_two_classes_says_why_it_has_none():
    digits = open_problem(Config.load("quick"))
    odd = open_problem(Config.load("quick", ["data.args={target='odd'}", "objective.bias='aod'"]))

    (of_classes,) = notes_on_references(digits.config, digits.prepared, "bias_amplification")
    (of_images,) = notes_on_references(odd.config, odd.prepared, "aod")

    assert of_classes.endswith("they are for two classes, got 10")
    assert "they are for tables" in of_images
    assert of_classes in digits.notes()
    assert of_classes in digits.with_reference(0.1).facts()["notes"]


def test_a_measure_without_a_constraint_is_said_to_have_no_reductions_approach(searched):
    notes = notes_on_references(CONFIG, searched.problem.prepared, "worst_group_drop")

    assert notes == ["references: the reductions approach has no constraint for worst_group_drop"]
    assert notes_on_references(CONFIG, searched.problem.prepared, "spd") == []
    assert find_measure("worst_group_drop").against_dense


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, True),
        ({"search": {"references": False}}, False),
        ({"search": {"recording": True, "scheduler": "none"}}, False),
        ({"trials": [{"name": "one", "method": "adv_ft"}]}, False),
        ({"trials": [{"name": "one", "method": "adv_ft"}], "search": {"references": True}}, True),
    ],
)
def test_they_are_fitted_unless_trials_are_listed_or_recorded_or_the_file_says_otherwise(
    changes, asked
):
    config = Config.model_validate({"name": "loans", "data": FRAME, **changes})

    assert are_asked_for(config) == asked


def test_a_process_that_fails_is_told_of_and_fails_no_search(searched, monkeypatch, caplog):
    def broken(task, folder):
        (folder / "rows.npz").write_bytes(b"no such thing")

    monkeypatch.setattr("search.engine.references_beside.save_task", broken)
    dense = searched.folder.dense(searched.problem.untrained())
    monkeypatch.setattr(RunFolder, "confirmation", lambda self: None)
    beside = ReferencesBeside(searched.folder, searched.problem, dense)
    before = searched.folder.journal.read_text()

    beside.start()
    beside.finish(Record())
    beside.close()

    assert "references: not fitted: " in caplog.text
    assert searched.folder.journal.read_text() == before
    assert json.loads(before.splitlines()[0])["event"] == "experiment"
