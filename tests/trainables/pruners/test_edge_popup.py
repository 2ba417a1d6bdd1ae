"""Edge-popup: what learns (scores alone), where it starts, what it finds."""

import copy

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from tests.trainables.made_proxy import KEEP_TWO, SIZES, proxy_task
from tests.trainables.made_stages import advance, half_removed, same, small_net
from trainables.data.batches import scores_of
from trainables.masks import MaskedNet, Masks, prunable
from trainables.pruners.edge_popup import EdgePopup

QUICK = {"epochs": 3, "batch_size": 30, "sparsity": 0.5}


def run_to_end(settings, context):
    run = settings.start(context)
    return run, advance(run, context, run.epochs)


def accuracy(net, data):
    part = data.part("train")  # that the scores generalise from 150 rows is not asked
    right = (scores_of(net, data, "train") > 0.5) == part.labels.numpy().astype(bool)
    return float(right.mean())


def test_only_masks_and_statistics_change():
    net = small_net()
    before = copy.deepcopy(net.state_dict())
    context = made_context(net, made_data())
    run = EdgePopup(**QUICK).start(context)
    for epoch in range(3):
        advance(run, context, 1, epoch)
        result = run.result()
        left = result.net.state_dict()
        for name in before.keys() - {"3.running_mean", "3.running_var", "3.num_batches_tracked"}:
            mask = result.masks[name] if name in result.masks else torch.tensor(True)
            assert torch.equal(left[name], before[name] * mask)
    assert not torch.equal(left["3.running_mean"], before["3.running_mean"])
    assert same(net.state_dict(), before)


def test_a_removed_weight_can_be_anything_for_all_that_comes_out():
    context = made_context(small_net(), made_data())
    run, _ = run_to_end(EdgePopup(**QUICK), context)
    said = scores_of(run.result().net, context.data, "tune")
    with torch.no_grad():  # theta where it is removed: the mask has to hide it
        removed = ~run._masked.mask
        run._masked.weights.frozen[removed] = 1e6
    run._masked.set_mask(run._masked.mask)

    assert (scores_of(run.result().net, context.data, "tune") == said).all()


def test_it_begins_with_the_largest_weights_of_each_layer_of_the_newest_network():
    newest = half_removed(small_net(seed=3))
    context = made_context(small_net(seed=0), made_data(), incoming=[newest])
    masks = EdgePopup(**QUICK).start(context).result().masks

    for name, weight in prunable(newest.net).items():
        sizes = weight.detach().abs().flatten()
        threshold = sizes.sort(descending=True).values[int(masks[name].sum()) - 1]
        assert (sizes[masks[name].flatten()] >= threshold).all()


def test_of_an_untrained_network_only_the_architecture_is_used():
    settings = EdgePopup(**QUICK, weights="kaiming", score_init="kaiming")
    runs = [run_to_end(settings, made_context(small_net(seed), made_data()))[0] for seed in (0, 7)]

    assert same(*(run.result().net.state_dict() for run in runs))


@pytest.mark.parametrize("weights", ["kaiming", "constant"])
def test_a_sub_network_of_an_untrained_network_is_far_above_chance(weights):
    net = nn.Sequential(
        nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1)
    )
    context = made_context(net, made_data())
    settings = EdgePopup(
        epochs=10, batch_size=30, sparsity=0.5, weights=weights, score_init="kaiming"
    )
    run = settings.start(context)
    theta = run._masked.weights.frozen.clone()
    before = accuracy(run.result().net, context.data)
    advance(run, context, 10)

    assert before < 0.6
    assert accuracy(run.result().net, context.data) > 0.75
    assert torch.equal(run._masked.weights.frozen, theta)


@pytest.mark.parametrize("proxy", SIZES)
def test_a_feature_of_the_task_and_a_proxy_of_the_group_that_helps_are_both_kept(proxy):
    run, _ = run_to_end(EdgePopup(**KEEP_TWO), proxy_task(proxy))

    assert run.result().masks["0.weight"].tolist() == [[True, True, False]]


def test_losses_name_the_task_and_the_share_of_weights_that_changed_sides():
    context = made_context(small_net(), made_data())
    run = EdgePopup(**QUICK, score_init="kaiming", lr=2.0).start(context)
    before = run.result().masks
    (losses,) = advance(run, context, 1)
    after = run.result().masks

    sides = sum(int((before[name] != after[name]).sum()) for name in before)
    assert losses.keys() == {"loss", "changed"}
    assert losses["changed"] == sides / before.total > 0


def test_the_rate_falls_in_a_cosine_to_zero():
    context = made_context(small_net(), made_data())
    run = EdgePopup(**{**QUICK, "epochs": 4}, lr=0.2).start(context)
    rates = []
    for epoch in range(4):
        advance(run, context, 1, epoch)
        rates.append(run._scores.optimizer.param_groups[0]["lr"])

    assert rates == pytest.approx([0.2, 0.2 * (1 + 0.5**0.5) / 2, 0.1, 0.2 * (1 - 0.5**0.5) / 2])


def test_weights_of_one_size_cannot_rank_themselves():
    with pytest.raises(ValueError, match="edge_popup: score_init must be 'kaiming' where weights"):
        EdgePopup(weights="constant")


def test_the_result_can_be_trained_on():
    net = small_net()
    context = made_context(net, made_data())
    run, _ = run_to_end(EdgePopup(**QUICK), context)
    result: MaskedNet = run.result()

    assert all(parameter.requires_grad for parameter in result.net.parameters())
    assert isinstance(result.clone().masks, Masks)
