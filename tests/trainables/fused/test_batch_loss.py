"""The loss of a batch and its gradients in one go, beside autograd in float64."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.trainables.fused.slow_layers import drawn_net, next_seed, slow_features
from trainables.data.task import head_for
from trainables.fused.adam import FlatAdam
from trainables.fused.batch_loss import BatchLoss, CompiledCritic
from trainables.fused.leaf import Leaf
from trainables.learning.adversaries import UNIT, BiasCritic
from trainables.learning.cells import Cells
from trainables.learning.fair_loss import MEASURES, Multiplier, SoftBias
from trainables.learning.training import batch_statistics

KNOWN = [measure for measure in MEASURES if BatchLoss.knows(measure)]


def test_the_odds_measures_and_spd_have_a_closed_form():
    assert set(KNOWN) == {"eod", "aod", "abs_aod", "deo_sum", "deo_max", "deo_mean", "spd"}
    assert SoftBias("di", torch.full((2, 2), 0.25)).closed_form() is None


def drawn_rows(rows, kinds, draw, inputs=7):
    return SimpleNamespace(
        inputs=torch.randn(rows, inputs, generator=draw, dtype=torch.float64),
        labels=torch.randint(2, (rows,), generator=draw),
        groups=torch.randint(kinds, (rows,), generator=draw),
        weights=torch.rand(rows, generator=draw, dtype=torch.float64),
    )


def drawn_mix(kinds, draw):
    """(groups, 2) the share of the labels in each group."""
    priors = torch.rand(kinds, 2, generator=draw, dtype=torch.float64) + 0.1
    return priors / priors.sum(1, keepdim=True)


def slow_bias(measure, scores, labels, groups, mix):
    """The soft bias, cell by cell."""

    def rate(group, label):
        cell = scores[(groups == group) & (labels == label)]
        return cell.mean() if len(cell) else None

    values, zero = [], scores.sum() * 0.0
    for pair in combinations(range(len(mix)), 2):
        rates = [[rate(group, label) for label in (0, 1)] for group in pair]
        if measure == "spd":
            terms = [
                (sign * share, one)
                for sign, of_group, group in zip((1, -1), rates, pair, strict=True)
                for one, share in zip(of_group, mix[group], strict=True)
                if share > 0
            ]
            known = all(one is not None for _, one in terms)
            values.append(sum((share * one for share, one in terms), zero) if known else zero)
            continue
        gaps = torch.stack(
            [zero if a is None or b is None else a - b for a, b in zip(*rates, strict=True)]
        )
        values.append(
            {
                "eod": gaps[1],
                "aod": gaps.mean(),
                "abs_aod": gaps.abs().mean(),
                "deo_mean": gaps.abs().mean(),
                "deo_sum": gaps.abs().sum(),
                "deo_max": gaps.abs().max(),
            }[measure]
        )
    return values[0] if len(values) == 1 else torch.stack(values).abs().max()


def critic_of(width, kinds):
    """A critic in float64 and its optimizer; its last layer says something from the start."""
    draw = torch.Generator().manual_seed(0)
    critic = BiasCritic(width, 1, 2 * kinds, 6, draw).double()
    torch.nn.init.normal_(critic.of_batch[-1].weight, generator=draw)
    return critic, torch.optim.Adam(critic.parameters(), lr=1e-3, fused=True)


def slow_critic(features, scores, batch, kinds, bias):
    """A step of the critic as autograd has it; its error, and what it predicts then."""
    critic, optimizer = critic_of(features.shape[1], kinds)
    cells = Cells.of(2 * batch.groups + batch.labels, torch.arange(2 * kinds))
    error = F.mse_loss(critic(features.detach(), scores.detach(), cells), bias.detach())
    error.backward()
    optimizer.step()
    return error.detach(), critic(features, scores, cells)


@settings(max_examples=60)
@given(
    measure=st.sampled_from(KNOWN),
    kinds=st.integers(2, 4),
    rows=st.sampled_from([2, 3, 10, 17, 64, 300]),  # so few that cells are empty, and more
    depth=st.integers(1, 4),
    rate=st.sampled_from([0.0, 0.2]),
    training=st.booleans(),
    source=st.sampled_from(["soft", "critic", "nothing"]),
    slope=st.sampled_from([0.0, 20.0]),
    seed=st.integers(0, 2**20),
    no_prior=st.booleans(),
)
def test_loss_terms_and_gradients_are_those_of_the_parts(
    measure, kinds, rows, depth, rate, training, source, slope, seed, no_prior
):
    draw = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = drawn_net(depth, 5, rate, 0.8, draw, outputs=1).double().train(training)
    batch = drawn_rows(rows, kinds, draw)
    mix, head = drawn_mix(kinds, draw), head_for(2)
    if no_prior:
        mix[0] = torch.tensor([1.0, 0.0])
    times = Multiplier(slope, tolerance=0.05, delta=0.02)

    torch.manual_seed(seed)
    features, nearest = slow_features(net, batch.inputs, next_seed())
    assume(nearest > 1e-9)
    logits = net[-1](features)
    task, scores = head.loss(logits, batch.labels, batch.weights), head.scores(logits)
    bias, error, factor = slow_bias(measure, scores, batch.labels, batch.groups, mix), 0.0, 1.0
    predicted = bias
    if source == "critic":
        error, predicted = slow_critic(features, scores, batch, kinds, bias)
        factor = times(predicted)
    elif source == "soft":
        factor = times(bias)
    slow = factor * task

    critic = None
    if source == "critic":
        critic = CompiledCritic(FlatAdam.of(critic_of(5, kinds)[1]), 6, UNIT)
    at_once = BatchLoss(
        measure, mix, bias_from=source, slope=slope, limit=times.limit, critic=critic
    )
    torch.manual_seed(seed)
    assert at_once.begin(net)
    fast = at_once(batch)

    terms = torch.tensor(at_once.terms, dtype=torch.float64)
    wanted = torch.stack(
        [torch.as_tensor(one).detach() for one in (slow, task, bias, error, predicted)]
    )
    assert fast.item() == terms[0]
    torch.testing.assert_close(terms, wanted.double(), rtol=1e-9, atol=1e-12)
    ends = [
        torch.cat([g.flatten() for g in torch.autograd.grad(1.3 * loss, net.parameters())])
        for loss in (fast, slow)
    ]
    assert float((ends[0] - ends[1]).abs().max()) <= 1e-9 * float(ends[1].abs().max())


def test_without_a_way_back_the_loss_is_the_same_and_the_critic_still_learns():
    draw = torch.Generator().manual_seed(0)
    net, batch = drawn_net(2, 5, 0.0, 1.0, draw, outputs=1).double(), drawn_rows(20, 2, draw)
    mix = drawn_mix(2, draw)
    ends = []
    for learning in (True, False):
        adam = FlatAdam.of(critic_of(5, 2)[1])
        critic = CompiledCritic(adam, 6, UNIT)
        loss = BatchLoss("aod", mix, bias_from="critic", slope=9.0, critic=critic)
        assert loss.begin(net)
        with torch.set_grad_enabled(learning):
            said = loss(batch)
        assert said.requires_grad == learning
        ends.append((said.detach(), adam.values.clone()))

    torch.testing.assert_close(*ends, rtol=0, atol=0)


def test_steps_of_the_critic_on_one_batch_are_those_of_autograd():
    draw = torch.Generator().manual_seed(0)
    net, batch = drawn_net(2, 5, 0.0, 1.0, draw, outputs=1).double(), drawn_rows(20, 2, draw)
    mix, slow, cell = drawn_mix(2, draw), critic_of(5, 2), 2 * batch.groups + batch.labels
    adam = FlatAdam.of(critic_of(5, 2)[1])
    compiled = CompiledCritic(adam, 6, UNIT, steps=3)
    loss = BatchLoss("aod", mix, bias_from="critic", slope=9.0, critic=compiled)
    assert loss.begin(net)
    loss(batch)

    features, _ = slow_features(net, batch.inputs, 0)
    scores = torch.sigmoid(net[-1](features).squeeze(1))
    bias = slow_bias("aod", scores, batch.labels, batch.groups, mix).detach()
    (critic, optimizer), errors = slow, []
    for _ in range(3):
        said = critic(features.detach(), scores.detach(), Cells.of(cell, torch.arange(4)))
        error = F.mse_loss(said, bias)
        errors.append(error.item())
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    last = critic(features, scores, Cells.of(cell, torch.arange(4))).item()
    assert loss.terms.error == pytest.approx(errors[0], rel=1e-6)
    assert loss.terms.judged == pytest.approx(last, rel=1e-6)
    assert errors[2] < errors[1] < errors[0]


def test_each_batch_of_a_pass_drops_other_values():
    draw = torch.Generator().manual_seed(0)
    net, batch = drawn_net(2, 5, 0.5, 1.0, draw, outputs=1).train(), drawn_rows(20, 1, draw)
    batch.inputs, batch.weights = batch.inputs.float(), batch.weights.float()
    loss = BatchLoss()
    said = []
    for _ in range(2):
        torch.manual_seed(0)
        with batch_statistics(net):
            assert loss.begin(net)
            said.append([loss(batch).item() for _ in range(3)])

    assert said[0] == said[1]
    assert len(set(said[0])) == 3


@pytest.mark.parametrize("source", ["soft", "critic"])
def test_gradients_at_a_leaf_are_those_that_autograd_hands_out(source):
    ends = []
    for at_once in (True, False):
        torch.manual_seed(0)
        draw = torch.Generator().manual_seed(0)
        net, batch = drawn_net(2, 5, 0.2, 1.0, draw, outputs=1).train(), drawn_rows(20, 2, draw)
        batch.inputs, batch.weights = batch.inputs.float(), batch.weights.float()
        adam = FlatAdam.of(torch.optim.Adam(net.parameters()))
        names = [name for name, _ in net.named_parameters()]
        starts = dict(zip(names, adam.starts.values(), strict=True))
        leaf = Leaf.of(net, adam.values, starts)
        of_critic = FlatAdam.of(torch.optim.Adam(critic_of(5, 2)[0].float().parameters()))
        critic = CompiledCritic(of_critic, 6, UNIT) if source == "critic" else None
        loss = BatchLoss(
            "aod", drawn_mix(2, draw), bias_from=source, slope=9.0, limit=0.01, critic=critic
        )
        assert loss.begin(net, leaf)
        if at_once:
            ends.append((loss.slopes(batch).copy(), loss.terms))
        else:
            loss(batch).backward()
            ends.append((leaf.tensor.grad.numpy(), loss.terms))

    (mine, terms), (theirs, others) = ends
    assert np.array_equal(mine, theirs)
    assert terms == others
    assert terms.loss > terms.task


def test_what_the_critic_judges_is_what_it_predicts_and_teaches_it_nothing():
    draw = torch.Generator().manual_seed(0)
    net, batch = drawn_net(2, 5, 0.0, 1.0, draw, outputs=1).double(), drawn_rows(20, 2, draw)
    critic, optimizer = critic_of(5, 2)
    adam = FlatAdam.of(optimizer)
    mix, before = drawn_mix(2, draw), adam.values.clone()
    compiled = CompiledCritic(adam, 6, UNIT)
    loss = BatchLoss("aod", mix, bias_from="critic", slope=9.0, critic=compiled)
    assert loss.begin(net)
    bias, predicted = loss.judged(batch)

    features, _ = slow_features(net, batch.inputs, 0)
    scores = torch.sigmoid(net[-1](features).squeeze(1))
    cells = Cells.of(2 * batch.groups + batch.labels, torch.arange(4))
    assert predicted == pytest.approx(critic(features, scores, cells).item(), rel=1e-9)
    assert bias == pytest.approx(slow_bias("aod", scores, batch.labels, batch.groups, mix).item())
    torch.testing.assert_close(adam.values, before, rtol=0, atol=0)


def test_only_parameters_that_ask_for_it_get_a_gradient():
    draw = torch.Generator().manual_seed(0)
    net, batch = drawn_net(2, 5, 0.0, 1.0, draw, outputs=1).double(), drawn_rows(20, 2, draw)
    net.requires_grad_(False)
    net[5].weight.requires_grad_(True)
    loss = BatchLoss()
    assert loss.begin(net)
    loss(batch).backward()

    assert [name for name, one in net.named_parameters() if one.grad is not None] == ["5.weight"]


@pytest.mark.parametrize("change", ["hook on the last layer", "hook within", "three outputs"])
def test_what_it_does_not_fit_is_refused(change):
    net = drawn_net(2, 5, 0.0, 1.0, torch.Generator(), outputs=3 if "outputs" in change else 1)
    if "hook" in change:
        net[-1 if "last" in change else 2].register_forward_hook(lambda *_: None)

    assert not BatchLoss().begin(net)
