import copy

import pytest
import torch
from torch import nn

from spaces.compose import compose
from tests.trainables.made_data import made_prepared
from trainables.data.batches import TrialData
from trainables.evaluation.objective import Objective
from trainables.methods import METHODS, correction_of
from trainables.models.build import build
from trainables.models.plain_network import plain
from trainables.stage import Context
from trainables.trial.rehearsal import ROWS, Rehearsal, excerpt
from trainables.trial.spec import Spec


def stages_of(method):
    settings = compose(METHODS[method].stages)
    spec = Spec.from_config(
        {
            "trial": "t0001",
            "method": method,
            "seed": 0,
            "settings": settings.published_nested(),
            "correction": correction_of(method, {"name": "threshold"}),
        }
    )
    return [(stage.name, stage.settings) for stage in spec.stages]


def test_an_excerpt_has_a_few_rows_of_each_label_in_each_group():
    prepared = made_prepared()
    few = excerpt(prepared)

    assert few.parts.keys() == prepared.parts.keys()
    for name, part in few.parts.items():
        whole = prepared.parts[name]
        for group in (0, 1):
            for label in (0, 1):
                here = (part.groups == group) & (part.labels == label)
                there = (whole.groups == group) & (whole.labels == label)
                assert here.sum() == min(ROWS, there.sum())
        assert (whole.inputs[part.rows] == part.inputs).all()
    TrialData(few, torch.device("cpu"))


CPU = torch.device("cpu")
LONG = ("layerwise", "fairgrape", "distil_netaug", "random_perturbation", "distil_extgraft")


@pytest.mark.parametrize(
    "method",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in METHODS],
)
def test_an_ordinary_network_goes_through_every_method(method):
    net = build("mlp", (5,), 1, seed=0)
    rehearsal = Rehearsal(excerpt(made_prepared()), Objective())

    assert rehearsal.trouble(net, stages_of(method)) is None


@pytest.mark.parametrize("method", [name for name in METHODS if name not in LONG])
def test_what_does_not_learn_stays_as_it_is_in_every_method(method):
    net = build("mlp", (5,), 1, seed=0)
    net[1].requires_grad_(False)
    net, _ = plain("net", net)
    data, left = TrialData(excerpt(made_prepared()), CPU), []
    for name, settings in stages_of(method):
        start, dense = (copy.deepcopy(net) for _ in range(2))
        context = Context(
            start, start, dense.eval(), tuple(left), data, Objective(), CPU, len(left)
        )
        run = settings.start(context)
        run.epoch(context.generator("epoch", 0))
        left.append(run.result().clone())
        after = dict(left[-1].net.named_parameters())
        for key in ("1.weight", "1.bias"):
            assert torch.equal(after[key], net.get_parameter(key)), name
        assert "1.weight" not in left[-1].masks


class Stubborn(nn.Module):
    """Can be judged, but does not learn."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(5, 4), nn.Linear(4, 1)

    def forward(self, rows):
        if self.training:
            raise RuntimeError("no training\nwith this network")
        return self.out(torch.relu(self.layer(rows)))


def test_what_goes_wrong_is_told_with_its_stage():
    rehearsal = Rehearsal(excerpt(made_prepared()), Objective())
    told = rehearsal.trouble(Stubborn(), stages_of("magnitude_retrain"))

    assert told == "retrain: RuntimeError: no training"


class Exploding(Stubborn):
    def forward(self, rows):
        return self.out(torch.relu(self.layer(rows))) * float("inf")


def test_a_loss_that_is_not_finite_is_not_the_networks_fault():
    rehearsal = Rehearsal(excerpt(made_prepared()), Objective())

    assert rehearsal.trouble(Exploding(), stages_of("magnitude_retrain")) is None
