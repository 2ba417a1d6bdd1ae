"""Networks of several rounds of one FairGRAPE trial, confirmed and exported each on its own."""

import numpy as np
import pytest

from search.config.config import Config
from search.journal.journal import read_events
from search.problem.opening import open_data
from search.problem.problem import open_problem
from search.results.confirm import confirm
from search.runs.export import export, load
from tests.search.made_run import made_run
from trainables.corrections import decision_from_dict
from trainables.evaluation.counts import counts_from_dict

CONFIG = Config.load(
    "quick",
    [
        *["data.args={target='odd'}", "dense.max_epochs=4", "dense.check_every=1"],
        *["objective.performance='accuracy'", "objective.bias='spd'", "objective.tolerance=0.6"],
        *["search.methods=['fairgrape']", "tracking.enabled=false"],
    ],
)
ROUNDS = 4
PRUNER = {
    **{"kappa": 0.5, "sparsity": 1 - 0.5**ROUNDS, "round_epochs": 1, "lr": 1e-3},
    **{"final_epochs": 1, "final_lr": 1e-4, "share": 0.5, "batch_size": 64},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("confirmed") / "run"
    folder = made_run(path, CONFIG, {"fairgrape": {"pruner": PRUNER}})
    folder.write_front()
    return folder


@pytest.fixture(scope="module")
def confirmed(run):
    return confirm(run.path)


@pytest.fixture(scope="module")
def reports(run):
    """Candidate -> the journal's report of it."""
    told = (event for event in read_events(run.journal) if event["event"] == "report")
    return {event["candidate"]: event for event in told if event["candidate"]}


def test_networks_of_several_rounds_are_named_before_test_is_opened(run, confirmed, reports):
    names = [point["candidate"] for point in confirmed["points"]]

    rounds = {reports[name]["round"] for name in names}
    assert len(rounds) >= 3
    assert confirmed["between_rounds"] == sum(reports[n]["round"] < ROUNDS for n in names) >= 2
    (told,) = (event for event in read_events(run.journal) if event["event"] == "confirm_start")
    assert told["front"] == names


def test_each_network_is_that_of_its_round(run, confirmed, reports):
    for point in confirmed["points"]:
        report = reports[point["candidate"]]
        facts = run.candidates.facts(point["candidate"])

        assert (facts["epoch"], point["epoch"]) == (report["epoch"], report["epoch"])
        density = 0.5 ** report["round"]
        assert point["test"]["sparsity"] == report["sparsity"] == facts["sparsity"]
        assert point["test"]["sparsity"] == pytest.approx(1 - density, abs=0.01)


def test_an_exported_network_decides_as_was_counted_on_tune_and_confirmed_on_test(
    run, confirmed, reports, tmp_path
):
    parts, raw = open_problem(CONFIG).prepared.parts, open_data(CONFIG).inputs
    decided = set()

    for point in confirmed["points"]:
        report = reports[point["candidate"]]
        model = load(export(run.path, point["candidate"], tmp_path / point["candidate"]))
        predicted = {name: model.predict(raw[parts[name].rows]) for name in ("tune", "test")}
        for name, predictions in predicted.items():
            part = parts[name]
            accuracy = (predictions == part.labels).mean()
            rates = [predictions[part.groups == group].mean() for group in (0, 1)]
            assert point[name]["performance"] == pytest.approx(accuracy)
            assert point[name]["bias"] == pytest.approx(abs(rates[0] - rates[1]))
        recorded = decision_from_dict(report["decision"]).decide(
            counts_from_dict(report["counts"]["tune"])
        )
        table = np.zeros_like(recorded.array)
        np.add.at(table, (parts["tune"].crossing, parts["tune"].labels, predicted["tune"]), 1)
        assert (recorded.array == table).all()
        decided.add(predicted["test"].tobytes())

    assert len(decided) == len(confirmed["points"])  # else one could stand for another unseen
