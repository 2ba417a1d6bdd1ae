"""One masked step with noise against one plain training step, interleaved, on one thread.

Both see the same batch and use fused Adam. The plain step trains every parameter; the masked one
draws noise, writes theta * M, and moves the logits. At most 1.10 times the plain step is allowed.
"""

import copy
import statistics
import time

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainables.learning.flat_mask import DensityPull, FlatWeights, LogitSettings, MaskLogits
from trainables.learning.training import batch_statistics
from trainables.masks import prunable
from trainables.models.build import build

LIMIT = 1.10

CASES = [
    # model, input, outputs, batch, steps timed together, pairs
    ("mlp", (98,), 1, 256, 50, 15),
    ("resnet18", (3, 32, 32), 10, 64, 1, 9),
]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def plain_step(net, loss_of):
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)

    def step():
        optimizer.zero_grad()
        loss_of(net).backward()
        optimizer.step()

    return step


def masked_step(net, loss_of):
    net.requires_grad_(False)
    weights = prunable(net)
    for weight in weights.values():
        weight.requires_grad_(True)
    logits = MaskLogits(FlatWeights(weights), LogitSettings(initial=3.0, lr=0.05))
    pull = DensityPull(beta=5.0, keep_target=0.1)
    generator = torch.Generator().manual_seed(0)

    def step():
        logits.sample(generator)
        logits.step(loss_of(net), pull)

    return step


def milliseconds(step, repeats):
    begin = time.perf_counter()
    for _ in range(repeats):
        step()
    return 1e3 * (time.perf_counter() - begin) / repeats


@pytest.mark.benchmark
@pytest.mark.parametrize(("model", "shape", "outputs", "batch", "steps", "pairs"), CASES)
def test_a_masked_step_costs_at_most_a_tenth_more(
    capsys, model, shape, outputs, batch, steps, pairs
):
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(batch, *shape, generator=draw)
    labels = torch.randint(max(2, outputs), (batch,), generator=draw)

    def loss_of(net: nn.Module):
        logits = net(inputs)
        if outputs == 1:
            return F.binary_cross_entropy_with_logits(logits[:, 0], labels.float())
        return F.cross_entropy(logits, labels)

    net = build(model, shape, outputs, seed=0)
    masked_net = copy.deepcopy(net)
    with batch_statistics(masked_net):
        plain, masked = plain_step(net, loss_of), masked_step(masked_net, loss_of)
        for step in (plain, masked, plain, masked):
            milliseconds(step, steps)  # warm up
        times = [(milliseconds(plain, steps), milliseconds(masked, steps)) for _ in range(pairs)]
    ratio = statistics.median(second / first for first, second in times)
    with capsys.disabled():
        first, second = (statistics.median(side) for side in zip(*times, strict=True))
        print(
            f"\n{model}, batch {batch}: plain {first:.3f} ms, masked {second:.3f} ms, "
            f"ratio {ratio:.3f} (median of {pairs} pairs, limit {LIMIT})"
        )
    assert ratio <= LIMIT
