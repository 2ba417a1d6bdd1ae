"""A trial as Ray sees it, without Ray: its own checkpoints, and errors that become reports."""

import dataclasses
import json
import resource
from contextlib import contextmanager

import pytest

from tests.trainables.made_data import made_prepared
from tests.trainables.trial.test_pipeline import LOOSE, trained_net
from trainables.trial.archive import Tolerances
from trainables.trial.names import checkpoint_path
from trainables.trial.trainable import FairPruning, Supplies, claimed_device

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


def test_a_worker_keeps_candidates_for_the_range_that_it_is_told(supplies):
    own = LOOSE.tolerance
    told = dataclasses.replace(supplies, tolerances=(own / 4, own)).open().tolerances

    assert told == Tolerances(own / 4, own, own, LOOSE.margin)
    assert supplies.open().tolerances == Tolerances.of(LOOSE)


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
    bench = made.bench
    made.reset_config({**CONFIG, "trial": "t0008"})
    assert steps(made, 1)[0]["trial"] == "t0008"
    assert made.bench is bench  # the data were opened once


@contextmanager
def files_of_at_most(size):
    """A disk without space, as the system tells of it: longer files cannot be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("what", ["a candidate", "a checkpoint"])
def test_a_full_disk_is_the_machine_s_fault_and_the_trial_goes_on_once_there_is_space(
    supplies, what
):
    expected = steps(worker(supplies, checkpoint_seconds=60.0), EPOCHS)
    made = worker(supplies, checkpoint_seconds=0.0 if what == "a checkpoint" else 60.0)
    steps(made, 1)  # of the pruner: it leaves no candidate

    with files_of_at_most(100):
        (report,) = steps(made, 1)

    assert report.keys() == {"trial", "unfit"}
    assert "File too large: " in report["unfit"]
    assert not list(supplies.folder.rglob("*.partial*"))
    again = steps(worker(supplies), EPOCHS)
    assert without_seconds(again) == without_seconds(expected)


def test_a_checkpoint_that_the_disk_cannot_read_is_no_failure_of_the_trial(supplies):
    made, path = worker(supplies), checkpoint_path(supplies.folder, "t0007")
    path.mkdir(parents=True)  # reading it is an error of the system, as of a broken disk

    (report,) = steps(made, 1)

    assert "Is a directory" in report["unfit"]


def test_a_machine_without_the_runs_folder_is_told_apart_from_a_trial_that_fails(supplies):
    blind = dataclasses.replace(supplies, folder=supplies.folder / "not shared")

    (report,) = steps(worker(blind), 1)
    assert "does not see the run's folder" in report["unfit"]
    assert not blind.folder.exists()


def test_a_machine_whose_torch_finds_no_device_is_unfit_for_trials_that_hold_one(
    supplies, monkeypatch
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    (report,) = steps(worker(dataclasses.replace(supplies, gpu=0.25)), 1)
    assert "its torch finds none" in report["unfit"]


@pytest.mark.parametrize(
    ("gpu", "device", "capped"), [(0, "cpu", []), (0.25, "cuda", [0.25]), (1, "cuda", [])]
)
def test_a_share_of_a_device_caps_the_memory_of_the_process_on_it(
    monkeypatch, gpu, device, capped
):
    asked = []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.set_per_process_memory_fraction", asked.append)

    assert claimed_device(gpu) == device
    assert asked == capped
