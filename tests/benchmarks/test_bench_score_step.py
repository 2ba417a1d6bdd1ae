"""One step of scores against one plain training step, and the choice of its mask, on one thread.

All see the same batch. The plain step trains every parameter by SGD with momentum, as the scores
are; the step of the scores is edge-popup's, which is faprune's without strength. At most 1.15
times the plain step is allowed, and a tenth of the step of the scores for choosing its mask and
writing the weights under it. Steps are timed in turns.
"""

import copy
import statistics
import time

import pytest
import torch
from torch import nn

from trainables.data.task import head_for
from trainables.learning.flat_mask import FlatWeights
from trainables.learning.mask_scores import MaskScores, ScoreSettings
from trainables.learning.training import batch_statistics, sgd
from trainables.masks import prunable
from trainables.models.build import build

STEP_LIMIT, MASK_LIMIT = 1.15, 0.1

CASES = [
    # model, input, classes, batch, steps timed together, turns
    ("mlp_wide", (98,), 2, 256, 20, 15),
    ("resnet18", (3, 32, 32), 10, 64, 1, 9),
]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def plain_step(net, inputs, loss_of):
    optimizer = sgd(net.train(), 0.1, weight_decay=5e-4)

    def step():
        optimizer.zero_grad()
        loss_of(net(inputs)).backward()
        optimizer.step()

    return step


def score_step(net, inputs, loss_of, scores):
    def step():
        scores.select()
        logits = net(inputs)
        at = logits.detach().requires_grad_()
        (slope,) = torch.autograd.grad(loss_of(at), at)
        scores.step(logits, slope)

    return step


def milliseconds(step, repeats):
    begin = time.perf_counter()
    for _ in range(repeats):
        step()
    return 1e3 * (time.perf_counter() - begin) / repeats


@pytest.mark.benchmark
@pytest.mark.parametrize(("model", "shape", "classes", "batch", "steps", "turns"), CASES)
def test_a_step_of_the_scores_costs_little_more_and_its_mask_a_tenth_of_it(
    capsys, model, shape, classes, batch, steps, turns
):
    draws = torch.Generator().manual_seed(0)
    inputs = torch.randn(batch, *shape, generator=draws)
    labels = torch.randint(classes, (batch,), generator=draws)
    head = head_for(classes)

    def loss_of(logits):
        return head.loss(logits, labels)

    net: nn.Module = build(model, shape, head.outputs, seed=0)
    masked = copy.deepcopy(net).requires_grad_(False)
    for weight in prunable(masked).values():
        weight.requires_grad_(True)
    flat = FlatWeights(prunable(masked))
    scores = MaskScores(flat, ScoreSettings(density=0.2, lr=0.1), draws)
    with batch_statistics(masked):
        sides = (
            plain_step(net, inputs, loss_of),
            score_step(masked, inputs, loss_of, scores),
            scores.select,
        )
        for side in sides:
            milliseconds(side, steps)  # warms up
        times = [[milliseconds(side, steps) for side in sides] for _ in range(turns)]
    to_plain = statistics.median(step / plain for plain, step, _ in times)
    of_mask = statistics.median(select / step for _, step, select in times)
    with capsys.disabled():
        plain, step, select = (statistics.median(side) for side in zip(*times, strict=True))
        print(
            f"\n{model}, batch {batch}: plain step {plain:.3f} ms, step of scores {step:.3f} ms, "
            f"ratio {to_plain:.3f} (limit {STEP_LIMIT}); its mask {select:.3f} ms, "
            f"share {of_mask:.3f} (limit {MASK_LIMIT}); medians of {turns} turns"
        )
    assert to_plain <= STEP_LIMIT
    assert of_mask <= MASK_LIMIT
