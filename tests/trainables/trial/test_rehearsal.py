import pytest
import torch
from torch import nn

from spaces.compose import compose
from tests.trainables.made_data import made_prepared
from trainables.data.batches import TrialData
from trainables.evaluation.objective import Objective
from trainables.methods import METHODS
from trainables.models import build
from trainables.trial.rehearsal import ROWS, Rehearsal, excerpt
from trainables.trial.spec import Spec, correction_of


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


LONG = ("layerwise", "fairgrape", "distil_netaug", "random_perturbation", "distil_extgraft")


@pytest.mark.parametrize(
    "method",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in METHODS],
)
def test_an_ordinary_network_goes_through_every_method(method):
    net = build("mlp", (5,), 1, seed=0)
    rehearsal = Rehearsal(excerpt(made_prepared()), Objective())

    assert rehearsal.trouble(net, stages_of(method)) is None


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
