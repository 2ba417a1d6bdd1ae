"""Networks of the user's own take a step of all that is searched, before anything is trained."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from search.cluster.shipping import check_sendable
from search.config.config import Config
from search.errors import UserError
from search.problem.problem import open_problem
from search.problem.rehearsal import rehearse
from trainables.data import Attribute, FairData


def rows(n=1200):
    draw = np.random.default_rng(0)
    inputs = draw.normal(size=(n, 3))
    return FairData(
        name="rows",
        inputs=inputs.astype(np.float32),
        labels=(inputs[:, 0] > 0).astype(np.int64),
        classes=("no", "yes"),
        attributes={"letter": Attribute(draw.integers(0, 2, n), ("a", "b"))},
    )


def rehearsed(net, method="magnitude_retrain", dense="given"):
    config = {
        "name": "rehearsed",
        "data": {"group": "letter"},
        "dense": {"name": dense},
        "search": {"methods": [method]},
    }
    problem = open_problem(Config.model_validate(config), rows(), net)
    rehearse(problem, problem.untrained())


class Net(nn.Module):
    """Fails in training mode where it is `stubborn`, and for a float64 signal where `narrow`."""

    def __init__(self, stubborn=False, narrow=False):
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 1)
        self.stubborn, self.narrow = stubborn, narrow

    def forward(self, inputs):
        if self.stubborn and self.training:
            raise RuntimeError("it has learned enough")
        hidden = torch.relu(self.first(inputs))
        return self.last(hidden @ torch.eye(4)) if self.narrow else self.last(hidden)


def test_a_network_that_goes_through_everything_is_let_through():
    for method in ("magnitude_retrain", "adv_ft", "snip"):
        rehearsed(Net(), method, "erm")


@pytest.mark.parametrize(
    ("net", "dense", "message"),
    [
        (Net(stubborn=True), "erm", r"failed in \[dense\], erm: RuntimeError: it has learned"),
        (Net(stubborn=True), "given", "magnitude_retrain, retrain: RuntimeError: it has learned"),
        (Net(narrow=True), "given", "failed in magnitude_retrain, magnitude: RuntimeError"),
    ],
)
def test_what_a_network_fails_in_is_named(net, dense, message):
    with pytest.raises(UserError, match=message):
        rehearsed(net, dense=dense)


def test_where_a_network_of_ours_fails_too_the_rows_are_to_blame(monkeypatch):
    monkeypatch.setattr("search.problem.rehearsal.build", lambda *_, **__: Net(stubborn=True))

    rehearsed(Net(stubborn=True))


def test_a_network_that_cannot_be_sent_to_workers_is_refused():
    net = Net()
    net.lock = threading.Lock()  # which no pickle takes
    with pytest.raises(UserError, match=r"\[model\] the network must be one that can be pickled"):
        check_sendable(net)
