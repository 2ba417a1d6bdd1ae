"""The closed forms of cross-entropy, soft bias and critic beside those that autograd takes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.task import head_for
from trainables.fused.fair_terms import FairTerms
from trainables.learning.adversaries import BiasAdversary
from trainables.learning.fair_loss import MEASURES, SoftBias

KNOWN = [measure for measure in MEASURES if FairTerms.knows(measure)]


def test_the_odds_measures_and_spd_have_a_closed_form():
    assert set(KNOWN) == {"eod", "aod", "abs_aod", "deo_sum", "deo_max", "deo_mean", "spd"}
    assert SoftBias("di", torch.full((2, 2), 0.25)).closed_form() is None


@settings(max_examples=150)
@given(
    measure=st.sampled_from(KNOWN),
    kinds=st.integers(2, 4),
    rows=st.integers(2, 40),  # few enough that cells are empty
    seed=st.integers(0, 2**20),
    no_prior=st.booleans(),
)
def test_terms_and_their_gradients_are_those_of_the_parts(measure, kinds, rows, seed, no_prior):
    draw = torch.Generator().manual_seed(seed)
    priors = torch.rand(kinds, 2, generator=draw) + 0.1
    if no_prior:
        priors[0, 1] = 0.0
    soft, head = SoftBias(measure, priors / priors.sum()), head_for(2)
    logits = 3 * torch.randn(rows, 1, generator=draw)
    labels = torch.randint(2, (rows,), generator=draw)
    groups = torch.randint(kinds, (rows,), generator=draw)
    weights, slopes = torch.rand(rows, generator=draw), torch.rand(rows, generator=draw)

    ends = []
    for closed in (soft.closed_form(), None):
        given_logits = logits.clone().requires_grad_()
        if closed is None:
            task, scores = head.loss(given_logits, labels, weights), head.scores(given_logits)
            bias = soft(scores, labels, groups)
        else:
            task, scores, bias = closed(given_logits, labels, groups, weights)
        (1.3 * task + 2.1 * bias + (scores * slopes).sum()).backward()
        ends.append((task.detach(), scores.detach(), bias.detach(), given_logits.grad))

    for mine, theirs in zip(*ends, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


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
