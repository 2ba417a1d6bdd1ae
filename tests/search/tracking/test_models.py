"""What a confirmed run leaves in MLflow: values, cards and the chosen model as safe files."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from search.config.config import Config
from search.results.confirm import confirm
from search.runs.export import card_of, load
from search.tracking.mirror import sync
from search.tracking.stores import default_uri
from tests.search.made_journal import look
from tests.search.made_run import made_run

pytestmark = pytest.mark.slow  # a confirmed run and two mirrors: half a minute

CONFIG = Config.load(
    "quick",
    [
        *["data.args={target='odd'}", "dense.max_epochs=2", "dense.check_every=1"],
        *["objective.performance='balanced_accuracy'", "objective.bias='aod'"],
        *["objective.tolerance=0.6", "search.methods=['magnitude_retrain']"],
    ],
)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A search of one real trial, confirmed, and what MLflow knows of it."""
    path = tmp_path_factory.mktemp("confirmed") / "run"
    settings = {"pruner": {"sparsity": 0.5}, "recovery": {"epochs": 2}}
    folder = made_run(path, CONFIG, {"magnitude_retrain": settings})
    folder.write_front()
    front = confirm(path)
    assert sync(path, timeout=300)
    chosen = next(point for point in front["points"] if point["chosen"])
    return SimpleNamespace(front=front, chosen=chosen, now=look(default_uri(path)))


def files(told, run):
    folder = Path(told.now.client.download_artifacts(run.info.run_id, ""))
    return folder, {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_chosen_model_lies_in_the_runs_of_its_trial_and_of_its_search(told):
    for run in (told.now.trials["t0001"], told.now.parent):
        folder, names = files(told, run)
        assert {"model/model.safetensors", "model/card.json"} <= names
        assert {Path(name).suffix for name in names} <= {
            *(".safetensors", ".json", ".toml", ".png", ".csv", ".html"),
        }
        model = load(folder / "model")
        assert model.card["candidate"] == told.chosen["candidate"]
        assert model.masks.sparsity == pytest.approx(told.chosen["tune"]["sparsity"])


def test_every_point_of_the_front_has_its_card(told):
    folder, names = files(told, told.now.trials["t0001"])
    cards = {name for name in names if name.startswith("cards/")}

    assert cards == {f"cards/{point['candidate']}.json" for point in told.front["points"]}
    assert card_of(folder / "model")["test"] == told.chosen["test"]


def test_confirmed_values_and_intervals_are_metrics_and_the_verdict_a_tag(told):
    run, test = told.now.trials["t0001"].data, told.chosen["test"]

    assert run.tags["fairfront.chosen"] == "true"
    assert run.tags["fairfront.verdict"] == told.chosen["claim"]["verdict"]
    assert run.metrics["test/bias"] == pytest.approx(test["bias"], abs=1e-6)
    assert run.metrics["test/bias_high"] == pytest.approx(test["bias_interval"][1], abs=1e-6)
    assert run.metrics["test/performance_low"] == pytest.approx(
        test["performance_interval"][0], abs=1e-6
    )
    parent = told.now.parent.data
    assert parent.tags["fairfront.chosen_trial"] == "t0001"
    assert parent.metrics["opening"] == told.front["opening"]
    assert parent.metrics["chosen/test/bias"] == run.metrics["test/bias"]
