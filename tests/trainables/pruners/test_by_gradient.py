"""What SNIP and GraSP share: the network that is scored, the rows, and the numbers that stay."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data, made_prepared
from trainables.data.batches import TrialData
from trainables.masks import prunable
from trainables.pruners.grasp import Grasp
from trainables.pruners.snip import Snip

BOTH = pytest.mark.parametrize("kind", [Snip, Grasp])


def net_of(seed, outputs=1):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = [nn.Linear(5, 9), nn.ReLU(), nn.BatchNorm1d(9), nn.Linear(9, 7), nn.Tanh()]
        return nn.Sequential(*first, nn.Linear(7, outputs)).eval()


def result_of(settings, context):
    run = settings.start(context)
    run.epoch(context.generator("epoch", 0))
    return run.result()


@BOTH
@pytest.mark.parametrize("sparsity", [0.0, 0.35, 0.9, 0.99])
def test_each_layer_or_all_together_keep_exactly_what_was_asked_for(kind, sparsity):
    context = made_context(net_of(0), made_data())
    by_hand = {
        name: math.ceil((1 - sparsity) * weight.numel() - 1e-9)
        for name, weight in prunable(context.dense).items()
    }

    per_layer = result_of(kind(sparsity=sparsity, scope="layer"), context).masks
    together = result_of(kind(sparsity=sparsity, scope="global"), context).masks

    assert {name: int(mask.sum()) for name, mask in per_layer.items()} == by_hand
    assert together.kept == sum(by_hand.values())
    assert all(bool(mask.any()) for mask in together.values())


class WithSpare(nn.Module):
    """Has a layer that no output depends on."""

    def __init__(self):
        super().__init__()
        self.spare, self.body = nn.Linear(4, 6), net_of(0)

    def forward(self, inputs):
        return self.body(inputs)


def test_a_layer_that_nothing_depends_on_keeps_one_weight():
    masks = result_of(Snip(sparsity=0.9), made_context(WithSpare(), made_data())).masks

    assert masks["spare.weight"].flatten().nonzero().flatten().tolist() == [0]
    assert masks.kept == 3 + 5 + 7 + 1  # the others keep what this layer leaves them


@BOTH
def test_a_random_copy_is_scored_and_the_mask_is_put_on_weights_from_before_the_training(kind):
    """As published. So the dense net's weights are neither looked at nor left."""
    settings = kind(sparsity=0.5, score_on="random", mask_on="pretrained")
    context = made_context(net_of(0), made_data(), initial=net_of(1))

    left = result_of(settings, context)
    other = result_of(settings, replace(context, dense=net_of(2)))

    assert left.masks == other.masks
    for name, weight in prunable(left.net).items():
        start = prunable(context.initial)[name]
        assert torch.equal(weight, start * left.masks[name])
    assert torch.equal(left.net[0].bias, context.initial[0].bias)
    assert settings.needs == {"initial"}


@BOTH
def test_of_a_random_copy_the_weights_do_not_matter_of_others_they_do(kind):
    """Biases and batch norms of a copy stay: here both networks have the same."""
    one, other = net_of(0), net_of(0)
    with torch.no_grad():
        for weight in prunable(other).values():
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(3)))
    contexts = [made_context(net, made_data()) for net in (one, other)]

    by_lot = [result_of(kind(sparsity=0.5, score_on="random"), c).masks for c in contexts]
    trained = [result_of(kind(sparsity=0.5, score_on="trained"), c).masks for c in contexts]

    assert by_lot[0] == by_lot[1]
    assert trained[0] != trained[1]


@BOTH
def test_pretrained_weights_are_scored_as_if_they_were_the_dense_net_s(kind):
    data = made_data()
    context = made_context(net_of(0), data, initial=net_of(1))

    scored = result_of(kind(score_on="pretrained"), context)
    expected = result_of(kind(score_on="trained"), made_context(net_of(1), data))

    assert scored.masks == expected.masks
    assert torch.equal(scored.net[0].bias, context.dense[0].bias)  # the mask is on the dense net


@BOTH
@pytest.mark.parametrize("where", ["score_on", "mask_on"])
def test_without_weights_from_before_the_training_they_are_refused_by_name(kind, where):
    settings = kind(**{where: "pretrained"})
    context = replace(made_context(net_of(0), made_data()), initial=None)

    with pytest.raises(ValueError, match=f"{kind.name}: needs the network's initial weights"):
        settings.start(context)
    assert kind().needs == frozenset()
    assert kind(score_on="random").start(context)


@BOTH
@pytest.mark.parametrize("where", ["score_on", "mask_on"])
def test_scores_of_other_layers_than_those_that_get_the_mask_are_refused(kind, where):
    context = made_context(net_of(0, outputs=6), made_data(), initial=net_of(1))

    with pytest.raises(ValueError, match=f"{kind.name}: .* networks of the same layers"):
        kind(**{where: "pretrained"}).start(context)
    assert kind(score_on="pretrained", mask_on="pretrained").start(context)


def data_with(change, classes=2):
    prepared = made_prepared(classes=classes, groups=3)
    train = prepared.parts["train"]
    inputs, labels = train.inputs.copy(), train.labels.copy()
    largest = int(np.bincount(train.groups).argmax())
    change(inputs, labels, train.groups == largest)
    parts = {**prepared.parts, "train": replace(train, inputs=inputs, labels=labels)}
    return TrialData(replace(prepared, parts=parts), torch.device("cpu"))


@BOTH
def test_scores_of_minorities_take_no_row_of_the_largest_group(kind):
    """Its rows are not numbers: whoever takes one of them fails."""

    def spoil(inputs, labels, of_largest):
        inputs[of_largest] = np.nan

    context = made_context(net_of(0), data_with(spoil))

    assert result_of(kind(minority_only=True), context).masks.kept
    with pytest.raises(FloatingPointError, match=f"{kind.name}: score must stay finite, got nan"):
        result_of(kind(), context)


@BOTH
def test_without_minorities_their_scores_are_refused(kind):
    context = made_context(net_of(0), made_data(groups=1))

    with pytest.raises(ValueError, match=f"{kind.name}: minority_only needs at least 2 groups"):
        kind(minority_only=True).start(context)


@pytest.mark.parametrize(
    "settings", [Grasp(minority_only=True), Snip(balanced=True, batch_size=9)]
)
def test_a_class_without_a_row_to_score_on_is_named(settings):
    def relabel(inputs, labels, of_largest):
        labels[:] = np.where(of_largest & settings.minority_only, 2, labels % 2)

    context = made_context(net_of(0, outputs=3), data_with(relabel, classes=3))

    with pytest.raises(ValueError, match="every class must have rows to score on, class 2 has 0"):
        result_of(settings, context)


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        (Snip(batch_size=20), 20),
        (Snip(batch_size=20, balanced=True), 3 * 6),  # as many of each of three classes
        (Snip(batch_size=2, balanced=True), 3),
        (Snip(batch_size=400), 400),  # of 150 rows some are taken three times
        (Grasp(samples_per_class=10), 2 * 3 * 10),  # once for g, once for H g
    ],
)
def test_it_is_charged_the_rows_that_the_network_sees(settings, rows):
    net = net_of(0, outputs=3)
    seen = []
    counted = copy.deepcopy(net)
    counted[0].register_forward_hook(_Counting(seen))
    context = made_context(counted, made_data(classes=3))
    run = settings.start(context)
    run.epoch(context.generator("epoch", 0))

    assert run.samples == rows
    assert sum(len(batch) for batch in seen) == rows


class _Counting:
    """A hook that copies of a network share."""

    def __init__(self, seen):
        self.seen = seen

    def __deepcopy__(self, memo):
        return self

    def __call__(self, module, inputs, output):
        self.seen.append(output)


@BOTH
@pytest.mark.parametrize(
    "bad", [{"sparsity": 1.0}, {"scope": "all"}, {"score_on": "given"}, {"mask_on": "random"}]
)
def test_settings_out_of_range_are_refused(kind, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        kind(**bad)
