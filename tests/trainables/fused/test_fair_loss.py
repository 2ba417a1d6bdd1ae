"""The closed forms of cross-entropy, soft bias and critic beside those that autograd takes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.task import head_for
from trainables.fused.fair_loss import ClosedFairLoss
from trainables.learning.adversaries import BiasAdversary
from trainables.learning.fair_loss import MEASURES, Multiplier, SoftBias

KNOWN = [measure for measure in MEASURES if ClosedFairLoss.knows(measure)]


def test_the_odds_measures_and_spd_have_a_closed_form():
    assert set(KNOWN) == {"eod", "aod", "abs_aod", "deo_sum", "deo_max", "deo_mean", "spd"}
    assert SoftBias("di", torch.full((2, 2), 0.25)).closed_form() is None


def critic_of(width, fused):
    return BiasAdversary(
        width,
        1,
        lr=1e-3,
        generator=torch.Generator().manual_seed(0),
        device=torch.device("cpu"),
        fused=fused,
    )


@settings(max_examples=150)
@given(
    measure=st.sampled_from(KNOWN),
    kinds=st.integers(2, 4),
    rows=st.integers(2, 40),  # few enough that cells are empty
    source=st.sampled_from(["soft", "critic", "nothing"]),
    slope=st.sampled_from([0.0, 20.0]),
    seed=st.integers(0, 2**20),
    no_prior=st.booleans(),
)
def test_a_loss_and_its_gradients_are_those_of_the_parts(
    measure, kinds, rows, source, slope, seed, no_prior
):
    draw = torch.Generator().manual_seed(seed)
    priors = torch.rand(kinds, 2, generator=draw) + 0.1
    if no_prior:
        priors[0, 1] = 0.0
    soft, head = SoftBias(measure, priors / priors.sum()), head_for(2)
    times = Multiplier(slope, tolerance=0.05, delta=0.02)
    logits = 3 * torch.randn(rows, 1, generator=draw)
    features = torch.randn(rows, 5, generator=draw)
    labels = torch.randint(2, (rows,), generator=draw)
    groups = torch.randint(kinds, (rows,), generator=draw)
    weights = torch.rand(rows, generator=draw)

    def slow(logits, features):
        task, scores = head.loss(logits, labels, weights), head.scores(logits)
        bias = soft(scores, labels, groups)
        if source == "critic":
            critic = critic_of(5, False)
            error = critic.learn(features, scores, bias)
            return times(critic.predict(features, scores)) * task, (task, bias, error)
        return times(bias) * task if source == "soft" else task, (task, bias, torch.zeros(()))

    def fast(logits, features):
        loss = ClosedFairLoss(
            *soft.closed_form(),
            bias_from=source,
            slope=slope,
            limit=times.limit,
            critic=critic_of(5, True).closed_form() if source == "critic" else None,
        )
        said = loss(logits, labels, groups, weights, features if source == "critic" else None)
        return said, (loss.terms.task, loss.terms.bias, loss.terms.error)

    ends = []
    for form in (fast, slow):
        given_ones = [one.clone().requires_grad_() for one in (logits, features)]
        said, terms = form(*given_ones)
        slopes = torch.autograd.grad(1.3 * said, given_ones, allow_unused=True)
        zeros = [torch.zeros_like(one) for one in given_ones]
        slopes = [zero if one is None else one for one, zero in zip(slopes, zeros, strict=True)]
        ends.append(
            (
                said.detach(),
                *slopes,
                torch.stack([torch.as_tensor(one).detach().float() for one in terms]),
            )
        )

    for mine, theirs in zip(*ends, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_critic_predicts_and_learns_as_layer_by_layer(outputs):
    critics = [
        BiasAdversary(
            9,
            outputs,
            lr=1e-3,
            generator=torch.Generator().manual_seed(0),
            device=torch.device("cpu"),
            fused=fused,
        )
        for fused in (True, False)
    ]
    draw = torch.Generator().manual_seed(1)
    for _ in range(5):
        features = torch.randn(33, 9, generator=draw)
        shape = (33,) if outputs == 1 else (33, outputs)
        scores, bias = torch.rand(shape, generator=draw), torch.rand((), generator=draw)
        ends = []
        for critic in critics:
            error = critic.learn(features, scores, bias)
            inputs = [one.clone().requires_grad_() for one in (features, scores)]
            said = critic.predict(*inputs)
            ends.append((error, said.detach(), *torch.autograd.grad(2 * said, inputs)))
        for mine, theirs in zip(*ends, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)
