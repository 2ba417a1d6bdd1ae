"""The importance of weights to groups, against slow sums over single rows and recorded batches."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.trainables.made_data import made_prepared
from tests.trainables.made_stages import half_removed, small_net
from trainables.data.batches import TrialData
from trainables.learning.group_importance import group_importance, importance_shares
from trainables.masks import Masks, prunable

CPU = torch.device("cpu")


def grouped(sizes, *, left_out=0, classes=2, weights=None):
    """Train rows with so many of each group; input 0 of a row is its number, weights are uneven.

    The last `left_out` rows are in the part of that name.
    """
    prepared = made_prepared(classes=classes, groups=len(sizes), weights=weights)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    train = prepared.parts["train"]
    take = np.resize(np.arange(len(train)), len(groups))
    fields = ("inputs", "labels", "units", "weights", "rows")
    whole = replace(
        train, crossing=groups, groups=groups, **{k: getattr(train, k)[take] for k in fields}
    )
    whole.inputs[:, 0] = np.arange(len(groups))
    kept = len(groups) - left_out
    parts = {**prepared.parts, "train": part_of(whole, slice(0, kept))}
    if left_out:
        parts["left_out"] = part_of(whole, slice(kept, None))
    return TrialData(replace(prepared, parts=parts), CPU)


def part_of(part, rows):
    fields = ("inputs", "labels", "crossing", "groups", "units", "weights", "rows")
    return replace(part, **{name: getattr(part, name)[rows] for name in fields})


def all_rows(data):
    parts = [data.part(name) for name in data.pruning_groups]
    groups = torch.cat(list(data.pruning_groups.values()))
    columns = zip(*((part.inputs, part.labels, part.weights) for part in parts), strict=True)
    return (*(torch.cat(column) for column in columns), groups)


def slow_gradient(net, data, rows):
    """The mean loss' gradients for the given rows, by `backward` on a copy in evaluation mode."""
    inputs, labels, weights, _ = all_rows(data)
    net = copy.deepcopy(net).eval()
    if data.n_classes == 2:
        loss = F.binary_cross_entropy_with_logits(
            net(inputs[rows])[:, 0], labels[rows].float(), reduction="none"
        )
    else:
        loss = F.cross_entropy(net(inputs[rows]), labels[rows], reduction="none")
    (loss * weights[rows]).mean().backward()
    return {name: weight.grad.clone() for name, weight in prunable(net).items()}


def slow_importance(net, masks, data, slices, score):
    """(layer -> (kept,) scores) of one group from the rows of each of its slices."""
    gradients = [slow_gradient(net, data, rows) for rows in slices]
    result = {}
    for name, weight in prunable(net).items():
        products = torch.stack([g[name] * weight.detach() for g in gradients]).double()
        scores = (products**2).mean(0) if score == "squares" else products.mean(0) ** 2
        result[name] = scores[masks[name]]
    return result


class _Recording(nn.Module):
    """Notes which rows go through a network together: input 0 is the row's number."""

    def __init__(self, net):
        super().__init__()
        self.net, self.seen = net, []

    def forward(self, inputs):
        self.seen.append(inputs[:, 0].long())
        return self.net(inputs)


def spiced(net):
    """Statistics of batch norm that differ from any batch's; the network in training mode."""
    with torch.no_grad():
        net[3].running_mean.uniform_(-1, 1)
        net[3].running_var.uniform_(0.5, 2)
        net[0].weight[:, 0] *= 0.01  # row numbers are large
    return net.train()


def measured(net, masks, data, **settings):
    defaults = {"share": 1.0, "batch_size": 16, "generator": torch.Generator().manual_seed(3)}
    return group_importance(net, masks, data, **defaults | settings)


@pytest.mark.parametrize("score", ["squares", "mean"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("left_out", [0, 9])
def test_importance_is_that_of_slow_gradients_of_the_same_rows_group_by_group(
    score, classes, left_out
):
    uneven = lambda labels, groups: 0.5 + labels.astype(np.float32)  # noqa: E731
    data = grouped([40, 25, 9], left_out=left_out, classes=classes, weights=uneven)
    pruned = half_removed(spiced(small_net(outputs=1 if classes == 2 else classes)))
    recording = _Recording(pruned.net)
    masks = Masks({f"net.{name}": mask for name, mask in pruned.masks.items()})
    importance = measured(recording, masks, data, score=score, share=0.6)
    *_, groups = all_rows(data)

    assert importance.groups == ("a", "b", "c")
    assert importance.rows == sum(len(rows) for rows in recording.seen)
    assert {len(rows) for rows in recording.seen} == {16 // 3}
    for group in range(3):
        slices = [rows for rows in recording.seen if bool((groups[rows] == group).all())]
        assert len(slices) == len(recording.seen) / 3, "equally many rows of every group"
        expected = slow_importance(pruned.net, pruned.masks, data, slices, score)
        for name, scores in expected.items():
            layer = importance.layers[f"net.{name}"]
            assert layer.dtype == np.float32
            assert layer.shape == (3, int(pruned.masks[name].sum()))
            np.testing.assert_allclose(layer[group], scores, rtol=1e-3, atol=1e-12)


@pytest.mark.parametrize("score", ["squares", "mean"])
def test_over_all_rows_importance_depends_on_no_draw(score):
    data = grouped([30, 30])
    net = spiced(small_net())
    masks = Masks.keep_all(net)
    # one row of each group at a time, or all at once: the same whatever the order
    size = 2 if score == "squares" else 60
    importance = measured(net, masks, data, batch_size=size, score=score)
    first, second = torch.arange(30), torch.arange(30, 60)

    assert importance.rows == 60
    for group, rows in enumerate((first, second)):
        slices = list(rows) if score == "squares" else [rows]
        slices = [row.reshape(-1) for row in slices]
        for name, scores in slow_importance(net, masks, data, slices, score).items():
            np.testing.assert_allclose(
                importance.layers[name][group], scores, rtol=1e-3, atol=1e-12
            )


def test_a_small_group_is_passed_again_and_takes_as_many_rows_as_a_large_one():
    data = grouped([50, 7])
    recording = _Recording(spiced(small_net()))
    importance = measured(recording, Masks.keep_all(recording), data, batch_size=8, share=0.7)
    rows = torch.cat(recording.seen)
    taken = torch.bincount(rows, minlength=57)

    # .7 of 57 rows are 39.9: five batches of 4 + 4
    assert importance.rows == len(rows) == 40
    assert taken[:50].tolist().count(1) == 20
    assert taken[50:].sum() == 20
    assert set(taken[50:].tolist()) == {2, 3}


def test_without_groups_all_rows_are_one_and_with_one_group_nothing_else_happens():
    one, three = grouped([57]), grouped([40, 9, 8])
    net = spiced(small_net())
    masks = Masks.keep_all(net)
    of_group = measured(net, masks, one)
    of_all = measured(net, masks, one, by_group=False)
    whatever_group = measured(net, masks, three, by_group=False)

    assert of_all.groups == ("all",)
    for name in masks:
        np.testing.assert_array_equal(of_group.layers[name], of_all.layers[name])
        assert whatever_group.layers[name].shape[0] == 1


def test_the_network_is_left_as_it_was():
    net = spiced(small_net())
    net[4].weight.requires_grad_(False)
    before = copy.deepcopy(net.state_dict())
    importance = measured(net, Masks.keep_all(net), grouped([40, 20]))

    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(module.training for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not net[4].weight.requires_grad
    assert importance.layers["4.weight"].min() >= 0
    assert importance.layers["4.weight"].max() > 0


def test_the_same_generator_gives_the_same_and_another_one_another():
    net, data = spiced(small_net()), grouped([40, 20])
    masks = Masks.keep_all(net)
    first, again = (measured(net, masks, data, share=0.3).layers for _ in range(2))
    other = measured(net, masks, data, share=0.3, generator=torch.Generator().manual_seed(4))

    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not all(np.array_equal(first[name], other.layers[name]) for name in first)


def test_images_in_channels_last_memory_have_their_weights_in_order():
    prepared = made_prepared(shape=(3, 8, 8), dtype=np.uint8)
    data = TrialData(prepared, CPU)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1)
    )
    importance = measured(net, Masks.keep_all(net), data, by_group=False, batch_size=150)
    part = data.part("train")
    logits = net(data.normalise(part.inputs))[:, 0]
    F.binary_cross_entropy_with_logits(logits, part.labels.float()).backward()

    for name, weight in prunable(net).items():
        expected = (weight.grad * weight).detach().square().contiguous().flatten()
        np.testing.assert_allclose(importance.layers[name][0], expected, rtol=1e-3, atol=1e-12)


def test_shares_are_those_of_the_groups_in_each_layer_and_zero_where_nothing_matters():
    net, data = spiced(small_net()), grouped([40, 20])
    with torch.no_grad():
        net[4].weight.zero_()  # no weight of either layer changes the loss
    masks = Masks.keep_all(net)
    generator = torch.Generator().manual_seed(0)
    nothing = importance_shares(net, masks, data, share=1.0, generator=generator, batch_size=8)

    assert nothing == {"0.weight": [0.0, 0.0], "4.weight": [0.0, 0.0]}
    live = spiced(small_net())
    importance = measured(live, masks, data, batch_size=8)
    generator = torch.Generator().manual_seed(3)
    shares = importance_shares(live, masks, data, share=1.0, generator=generator, batch_size=8)
    for name, layer in importance.layers.items():
        expected = layer.astype(float).sum(1) / layer.astype(float).sum()
        np.testing.assert_allclose(shares[name], expected, rtol=1e-12)
        assert sum(shares[name]) == pytest.approx(1)
