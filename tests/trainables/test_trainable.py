"""A trial as Ray sees it, without Ray: its own checkpoints, and errors that become reports."""

import json

import pytest

from tests.trainables.made_data import made_prepared
from tests.trainables.test_pipeline import LOOSE, trained_net
from trainables.candidates import checkpoint_path
from trainables.trainable import FairPruning, Supplies

CONFIG = {
    "trial": "t0007",
    "method": "magnitude_retrain",
    "seed": 1,
    "settings": {
        "pruner": {"sparsity": 0.5},
        "recovery": {"epochs": 4, "lr": 0.1, "batch_size": 16},
    },
    "correction": {"name": "threshold"},
}
EPOCHS = 5


@pytest.fixture
def supplies(tmp_path):
    return Supplies(made_prepared(), trained_net(2), LOOSE, sparsity=True, folder=tmp_path)


def worker(supplies, config=CONFIG, checkpoint_seconds=0.0):
    """What a Ray actor holds; setting up is all that Ray's own constructor would add."""
    made = object.__new__(FairPruning)
    made.checkpoint_seconds = checkpoint_seconds
    made.setup(config, supplies)
    return made


def steps(made, number):
    return [json.loads(made.step()["report"]) for _ in range(number)]


def without_seconds(reports):
    return [{k: v for k, v in report.items() if k != "seconds"} for report in reports]


@pytest.mark.parametrize("died_after", range(1, EPOCHS))
def test_a_worker_that_dies_is_replaced_by_one_that_goes_on_from_the_last_checkpoint(
    supplies, died_after
):
    expected = steps(worker(supplies, checkpoint_seconds=60.0), EPOCHS)
    assert not checkpoint_path(supplies.folder, "t0007").exists()

    steps(worker(supplies), died_after)
    again = steps(worker(supplies), EPOCHS - died_after + 1)

    # The checkpoint is written before an epoch: the one that was under way is repeated.
    assert without_seconds(again) == without_seconds(expected[died_after - 1 :])


def test_a_checkpoint_is_written_only_when_enough_work_would_be_lost(supplies):
    made, path = (
        worker(supplies, checkpoint_seconds=60.0),
        checkpoint_path(supplies.folder, "t0007"),
    )
    steps(made, 2)
    assert not path.exists()

    made.checkpoint_seconds = 0.0
    steps(made, 1)

    assert [file.name for file in path.parent.iterdir()] == ["t0007.pt"]


def test_an_error_of_a_trial_becomes_its_last_report_and_the_worker_takes_the_next_trial(supplies):
    broken = {**CONFIG, "trial": "t0001", "settings": {"pruner": {"sparsity": 2}}}
    made = worker(supplies, broken)

    (report,) = steps(made, 1)
    assert report["trial"] == "t0001"
    assert report["failure"].startswith("ValidationError: ")

    assert made.reset_config(CONFIG)
    assert steps(made, 1)[0]["epoch"] == 1
    world = made.world
    made.reset_config({**CONFIG, "trial": "t0008"})
    assert steps(made, 1)[0]["trial"] == "t0008"
    assert made.world is world  # the data were opened once
