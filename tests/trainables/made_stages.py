"""A small network, and a stage on it advanced as the pipeline does it."""

import copy

import torch
from torch import nn

from trainables.masks import MaskedNet, Masks, prunable
from trainables.stage import derived_seed


def small_net(seed=0, inputs=5, outputs=1):
    """With dropout and batch normalisation: global randomness and buffers take part."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(inputs, 8), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(8), nn.Linear(8, outputs)
    )


def half_removed(net):
    """A copy of the network without every other weight of each layer."""
    net = copy.deepcopy(net)
    masks = Masks(
        {k: torch.arange(w.numel()).view(w.shape) % 2 == 0 for k, w in prunable(net).items()}
    )
    masks.apply_(net)
    return MaskedNet(net, masks)


def advance(run, context, epochs, start=0):
    """The losses of `epochs` epochs from epoch `start` on."""
    losses = []
    for epoch in range(start, start + epochs):
        torch.manual_seed(derived_seed(context.seed, epoch))  # as the pipeline does: dropout
        losses.append(run.epoch(context.generator("epoch", epoch)))
    return losses


def same(first, second):
    """Whether two states hold equal tensors, in the same order."""
    return all(torch.equal(a, b) for a, b in zip(first.values(), second.values(), strict=True))
