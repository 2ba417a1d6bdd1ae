"""A task with a known answer: which of three inputs a pruner should drop, and for whose sake."""

import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data

# Settings under which one of three weights has to go; without momentum none overshoots
KEEP_TWO = {"epochs": 20, "batch_size": 50, "sparsity": 1 / 3, "momentum": 0.0}
SIZES = {"at first kept": (1.0, 0.95, 0.9), "at first removed": (1.0, 0.9, 0.95)}


def proxy_task(proxy):
    """A network with one layer, whose inputs are a feature of the label, of the group, and noise.

    The label goes with the group in four rows of five. So the second input helps to tell the
    label, and tells the group. By the size of its weight it is `proxy`, a key of SIZES.
    """
    data = made_data(shape=(3,))
    part = data.part("train")
    draws = torch.Generator().manual_seed(0)
    labels = part.labels
    other = torch.rand(len(labels), generator=draws) < 0.2
    part.groups.copy_(torch.where(other, 1 - labels, labels))
    signs = [2.0 * labels - 1, 2.0 * part.groups - 1, torch.zeros(len(labels))]
    noise = torch.randn(part.inputs.shape, generator=draws)
    part.inputs.copy_(torch.stack(signs, 1) + 0.7 * noise)
    net = nn.Sequential(nn.Linear(3, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([SIZES[proxy]]))
        net[0].bias.zero_()
    return made_context(net, data)
