"""Where training starts from: a file of weights that were learned for another task."""

import pytest
import torch

from search.config.config import Config
from search.errors import UserError
from search.problem.problem import open_problem
from trainables.models.build import build


@pytest.fixture
def file(tmp_path):
    """Of the network for digits, but of seven classes."""
    path = tmp_path / "seven.pt"
    torch.save(build("convnet", (3, 8, 8), 7, seed=5).state_dict(), path)
    return path


def problem(file, dense):
    experiment = {
        "name": "start",
        "data": {"name": "digits", "group": "domain"},
        "model": {"name": "convnet", "weights": str(file)},
        "dense": {"name": dense},
        "objective": {"performance": "accuracy", "bias": "bias_amplification"},
    }
    return open_problem(Config.model_validate(experiment))


def test_training_starts_from_another_tasks_weights_with_a_last_layer_of_its_own(file):
    net = problem(file, "erm").untrained()
    loaded = torch.load(file, weights_only=True)

    assert net[-1].out_features == 10
    assert torch.equal(net[0].weight, loaded["0.weight"])


def test_a_network_that_is_given_as_trained_has_the_tasks_classes(file):
    with pytest.raises(UserError, match=r"weight must have shape \(10, 128\), got \(7, 128\)"):
        problem(file, "given").untrained()
