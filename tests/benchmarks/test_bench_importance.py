"""The importance pass for seven groups against a plain pass over the same samples, interleaved.

A plain pass takes one gradient per batch, in evaluation mode as well, and does nothing with it.
Both see 126 rows per batch, on one thread; the importance pass has 18 of each group. What a pass
costs however short it is (room for the sums, their products with the weights) is in the ratio:
half a second here, where a fifth of 9,000 images takes minutes.
"""

import statistics
import time

import numpy as np
import pytest
import torch

from tests.trainables.made_data import made_prepared
from trainables.data.batches import TrialData
from trainables.learning.group_importance import group_importance
from trainables.masks import Masks
from trainables.models.build import build
from trainables.modules import evaluating

GROUPS, BATCH, PAIRS = 7, 126, 3
LIMIT = 1.15  # times a plain pass


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def plain_pass(net, data, rows):
    part = data.part("train")
    weights = list(net.parameters())
    with evaluating(net):
        for taken in (torch.arange(rows) % len(part)).split(BATCH):
            logits = data.forward(net, data.normalise(part.inputs[taken]))
            torch.autograd.grad(data.head.loss(logits, part.labels[taken]), weights)


def cpu_seconds(call):
    begin = time.process_time()
    result = call()
    return time.process_time() - begin, result


@pytest.mark.benchmark
def test_importance_of_seven_groups_costs_little_more_than_a_plain_pass(capsys):
    data = TrialData(
        made_prepared(groups=GROUPS, shape=(3, 32, 32), dtype=np.uint8), torch.device("cpu")
    )
    net = build("resnet18", (3, 32, 32), 1, seed=0)
    masks = Masks.keep_all(net)

    def importance_pass(share=1.0):
        generator = torch.Generator().manual_seed(0)
        return group_importance(
            net, masks, data, share=share, generator=generator, batch_size=BATCH
        ).rows

    plain_pass(net, data, importance_pass(share=0.1))  # warm up
    times = []
    for _ in range(PAIRS):
        grouped, rows = cpu_seconds(importance_pass)
        plain, _ = cpu_seconds(lambda rows=rows: plain_pass(net, data, rows))
        times.append((plain, grouped))
    ratio = statistics.median(grouped / plain for plain, grouped in times)
    with capsys.disabled():
        plain, grouped = (statistics.median(side) for side in zip(*times, strict=True))
        print(
            f"\nresnet18, {GROUPS} groups, {rows} rows in batches of {BATCH}: plain {plain:.2f} s "
            f"of CPU, importance {grouped:.2f} s, ratio {ratio:.3f} (median of {PAIRS} pairs, "
            f"limit {LIMIT})"
        )
    assert ratio <= LIMIT
