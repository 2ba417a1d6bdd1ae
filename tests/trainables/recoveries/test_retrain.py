import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from trainables.masks import MaskedNet, Masks
from trainables.recoveries.as_is import AsIs
from trainables.recoveries.retrain import Retrain


def pruned_linear():
    net = nn.Linear(5, 1)
    masks = Masks({"weight": torch.tensor([[True, True, False, True, False]])})
    masks.apply_(net)
    return MaskedNet(net, masks)


def retrained(data, masked, **settings):
    context = made_context(masked.net, data, incoming=[masked])
    run = Retrain(**settings).start(context)
    losses = [run.epoch(context.generator("epoch", i))["loss"] for i in range(run.epochs)]
    return run.result(), losses


def test_kept_weights_learn_and_removed_ones_stay_zero():
    result, losses = retrained(made_data(), pruned_linear(), epochs=10, lr=0.05)

    assert losses[-1] < losses[0]
    assert (result.net.weight[0, [2, 4]] == 0).all()
    assert result.net.weight[0, 0] > 0


def test_rows_without_weight_teach_nothing():
    only_ones = made_data(weights=lambda labels, groups: np.where(labels == 1, 2.0, 0.0))
    result, _ = retrained(only_ones, pruned_linear(), epochs=30, lr=0.5, learns_from="debias")

    with torch.no_grad():
        logits = result.net(only_ones.part("debias").inputs)
    assert (logits > 0).float().mean() > 0.9  # about half of the rows are of class 1


@pytest.mark.parametrize("part", ["train", "debias"])
def test_it_learns_from_the_part_that_was_asked_for(part, monkeypatch):
    data = made_data()
    seen = []
    epoch = data.epoch
    monkeypatch.setattr(
        data, "epoch", lambda name, *a, **k: seen.append(name) or epoch(name, *a, **k)
    )
    retrained(data, pruned_linear(), epochs=2, learns_from=part)

    assert seen == [part, part]
    assert Retrain(learns_from=part).learns_from == part


def test_the_newest_of_several_results_is_recovered():
    old, new = pruned_linear(), pruned_linear()
    context = made_context(old.net, made_data(), incoming=[old, new])

    assert AsIs().start(context).result() is new


@pytest.mark.parametrize("stage", [AsIs(), Retrain()])
def test_without_an_earlier_result_there_is_nothing_to_recover(stage):
    with pytest.raises(ValueError, match="needs the result of an earlier stage"):
        stage.start(made_context(nn.Linear(5, 1), made_data()))


@pytest.mark.parametrize(
    "bad", [{"epochs": 0}, {"lr": 0.0}, {"schedule": "x"}, {"learns_from": "tune"}]
)
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Retrain(**bad)
