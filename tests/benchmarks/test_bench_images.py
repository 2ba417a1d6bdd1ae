"""Training steps and evaluation on images: as torch lays them out and as we do, in two precisions.

On a GPU the network is a ResNet-18, on a CPU the small convolutional one.
"""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.trainables.made_data import made_prepared
from trainables.data.batches import TrialData, logits_of
from trainables.learning.training import MaskedOptimizer, adam, train_epoch
from trainables.masks import Masks
from trainables.models.build import build

ROWS, SIZE, REPEATS = 2000, 128, 3
SHAPE = (3, 32, 32)
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def images():
    prepared = made_prepared(shape=SHAPE, dtype=np.uint8, classes=10)
    draw = np.random.default_rng(0)
    part = prepared.parts["train"]
    rows = replace(
        part,
        inputs=draw.integers(0, 256, (ROWS, *SHAPE), dtype=np.uint8),
        labels=draw.integers(0, 10, ROWS),
        crossing=np.zeros(ROWS, int),
        groups=np.zeros(ROWS, int),
        units=np.arange(ROWS),
        weights=np.ones(ROWS, np.float32),
        rows=np.arange(ROWS),
    )
    return replace(prepared, parts={**prepared.parts, "train": rows})


def per_second(work):
    """Images, at the best of several goes after one to warm up."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return ROWS / min(times)


class ChannelsFirst(TrialData):
    """Images as they come."""

    def normalise(self, inputs):
        return super().normalise(inputs).contiguous()


def speeds(data, network):
    net = build(network, SHAPE, 10, seed=0).to(DEVICE)
    optimizer = MaskedOptimizer(net, Masks.keep_all(net), adam(net, 1e-3))
    generator = torch.Generator().manual_seed(0)
    training = per_second(lambda: train_epoch(net, optimizer, data, "train", SIZE, generator))
    return training, per_second(lambda: logits_of(net, data, "train"))


@pytest.mark.benchmark
def test_images_learn_and_are_evaluated_faster_than_as_torch_lays_them_out(capsys, monkeypatch):
    prepared = images()
    network = "resnet18" if DEVICE.type == "cuda" else "convnet"
    ours = speeds(TrialData(prepared, DEVICE), network)
    mixed = speeds(TrialData(prepared, DEVICE, "bf16"), network)
    monkeypatch.setattr("trainables.data.batches._EVALUATION_ON_CPU", 2**22)
    plain = speeds(ChannelsFirst(prepared, DEVICE), network)
    with capsys.disabled():
        print(f"\n{network} on {DEVICE.type}, images/s in training and in evaluation:")
        for name, (training, evaluated) in (
            ("channels first, large batches in evaluation, float32", plain),
            ("channels last, evaluation in the cache's size, float32", ours),
            ("the same, learning in bfloat16", mixed),
        ):
            print(
                f"  {name:<56}{training:>8.0f} ({training / plain[0]:.2f}x)"
                f"{evaluated:>8.0f} ({evaluated / plain[1]:.2f}x)"
            )

    assert ours[0] > plain[0] and ours[1] > plain[1]
