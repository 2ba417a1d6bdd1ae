"""The examples of docs/examples, run as their readers would, with fewer epochs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import fairfront
from search.cluster.connect import connected
from search.problem.problem import open_problem
from trainables.masks import prunable

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SHORT = [
    "search.trials=2",
    "search.methods=['adv_ft', 'magnitude_retrain']",
    "search.scheduler='none'",
    "space.adv_ft.recovery.epochs=3",
    "space.magnitude_retrain.recovery.epochs=2",
    "space.magnitude_retrain.pruner.sparsity=0.5",
    "search.concurrent=1",
    "tracking.enabled=false",
    "objective.tolerance=0.3",
]


@pytest.fixture(scope="module", autouse=True)
def _one_ray() -> Iterator[None]:
    """For all searches here: to start it takes longer than what they do."""
    with connected(None, cpus=2, gpus=False):
        yield


def _loans() -> pd.DataFrame:
    sys.path.insert(0, str(EXAMPLES / "own_data"))
    try:
        from loans import load as load_loans
    finally:
        sys.path.pop(0)
    frame: pd.DataFrame = load_loans(rows=3000)
    return frame


@pytest.fixture(scope="module")
def frame_run(tmp_path_factory: pytest.TempPathFactory) -> fairfront.RunResult:
    """One short search of the data frame example, through its TOML file."""
    config = fairfront.Config.load(
        EXAMPLES / "own_data" / "loans.toml",
        [*SHORT, "dense.max_epochs=10", "data.args={rows=3000}", "objective.tolerance=0.6"],
    )
    return fairfront.search(config, out=tmp_path_factory.mktemp("loans") / "run")


def test_a_plain_data_frame_is_searched_confirmed_and_exported(
    frame_run: fairfront.RunResult,
) -> None:
    assert frame_run.front["points"], "the loose tolerance leaves candidates on the front"
    confirmed = fairfront.confirm(frame_run.folder)
    chosen = next(point for point in confirmed["points"] if point["chosen"])
    model = fairfront.load(fairfront.export(frame_run.folder, "chosen"))
    frame = _loans().drop(columns="decision")

    decisions = model.predict(frame)

    assert set(np.unique(decisions)) <= {0, 1}
    assert chosen["test"] is not None
    assert chosen["test"]["performance"] is not None
    assert chosen["test"]["performance"] > 0.5
    assert model.card["test"] is not None
    assert model.card["test"]["performance"] == chosen["test"]["performance"]


def test_a_run_is_read_as_frames_and_resuming_a_complete_one_changes_nothing(
    frame_run: fairfront.RunResult,
) -> None:
    before = (frame_run.folder / "front.json").read_bytes()
    fairfront.resume(frame_run.folder)
    frames = fairfront.load_run(frame_run.folder)

    assert (frame_run.folder / "front.json").read_bytes() == before
    assert set(frames["trials"]["status"]) == {"finished"}
    assert len(frames["reports"]) == 3 + 1 + 2


def test_the_torchvision_network_of_the_example_is_built_and_can_be_pruned() -> None:
    config = fairfront.Config.load(EXAMPLES / "own_network" / "shufflenet.toml")

    net = open_problem(config).untrained()

    assert net.eval()(torch.zeros(2, 3, 8, 8)).shape == (2, 10)
    assert "conv1.0.weight" in prunable(net)


@pytest.mark.slow
def test_a_torchvision_network_of_the_users_own_is_searched(tmp_path: Path) -> None:
    config = fairfront.Config.load(
        EXAMPLES / "own_network" / "shufflenet.toml",
        [
            "search.trials=1",
            "search.methods=['adv_ft']",
            "search.scheduler='none'",
            "space.adv_ft.recovery.epochs=2",
            "dense.max_epochs=30",
            "tracking.enabled=false",
        ],
    )
    result = fairfront.search(config, out=tmp_path / "run")

    trials = fairfront.load_run(result.folder)["trials"]
    assert trials["status"].tolist() == ["finished"]
    assert trials["method"].tolist() == ["adv_ft"]


def test_data_and_network_can_be_handed_over_as_python_objects(tmp_path: Path) -> None:
    from torch import nn

    data = fairfront.from_frame(
        _loans(), label="decision", positive="granted", attributes=["region"], name="mine"
    )
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    config = fairfront.Config.load(
        EXAMPLES / "own_data" / "loans.toml", [*SHORT, "dense.max_epochs=10"]
    )
    before = [weight.clone() for weight in net.parameters()]

    result = fairfront.search(config, out=tmp_path / "run", data=data, model=net)

    assert {point["method"] for point in result.front["points"]} <= {"adv_ft", "magnitude_retrain"}
    trials = fairfront.load_run(result.folder)["trials"]
    assert (trials["status"] == "finished").all()
    for old, new in zip(before, net.parameters(), strict=True):
        assert np.array_equal(old.detach().numpy(), new.detach().numpy())
