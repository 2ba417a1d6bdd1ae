"""The hidden layers of `mlp` in a slow obvious form, with the draws of the compiled loops."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from trainables.models.mlp import mlp


def mixed(bits):
    """lowbias32, on a numpy array of uint32."""
    bits = bits ^ (bits >> np.uint32(16))
    bits = bits * np.uint32(0x7FEB352D)
    bits = bits ^ (bits >> np.uint32(15))
    bits = bits * np.uint32(0x846CA68B)
    return bits ^ (bits >> np.uint32(16))


def kept_by_dropout(seed, layer, units, rows, rate):
    """(rows, units) whether each value stays."""
    low, high = np.uint32(seed & 0xFFFFFFFF), np.uint32(seed >> 32)
    unit = np.arange(units, dtype=np.uint32)
    keys = mixed(mixed(unit + low) ^ np.array([high + np.uint32(layer)]))
    drawn = mixed(keys[None, :] + np.arange(rows, dtype=np.uint32)[:, None])
    return drawn >= np.uint32(rate * 2.0**32)


def drawn_net(depth, width, rate, density, draw, inputs=7, outputs=2):
    """An mlp with `depth` hidden layers whose parameters and statistics are all drawn."""
    net = mlp((inputs,), outputs, width=width, hidden=depth - 1, dropout=rate)
    with torch.no_grad():
        for module in net:
            if isinstance(module, nn.Linear):
                mask = torch.rand(module.weight.shape, generator=draw) < density
                module.weight.normal_(generator=draw).mul_(mask / width**0.5)
                module.bias.normal_(generator=draw)
            if isinstance(module, nn.BatchNorm1d):
                module.weight.uniform_(0.5, 2.0, generator=draw)
                module.bias.normal_(generator=draw)
                module.running_mean.normal_(generator=draw)
                module.running_var.uniform_(0.5, 2.0, generator=draw)
    return net


def next_seed():
    """What the next pass will draw from torch's global stream, which is left as it is."""
    with torch.random.fork_rng():
        return int(torch.randint(2**62, ()))


def slow_answer(net, inputs, seed):
    """(n, outputs), and the smallest distance of any unit from the kink of its ReLU."""
    features, nearest = slow_features(net, inputs, seed)
    return net[-1](features), nearest


def slow_features(net, inputs, seed):
    """(n, width) what goes into the last layer, and that distance."""
    values, nearest = inputs, np.inf
    modules = list(net)[1:-1]
    for layer in range(len(modules) // 4):
        linear, _, dropout, norm = modules[4 * layer : 4 * layer + 4]
        products = F.linear(values, linear.weight, linear.bias)
        nearest = min(nearest, float(products.detach().abs().min()))
        values = F.relu(products)
        if dropout.training and dropout.p > 0:
            kept = kept_by_dropout(seed, layer, values.shape[1], len(values), dropout.p)
            values = values * torch.from_numpy(kept).to(values.dtype) / (1 - dropout.p)
        if norm.training:
            mean, variance = values.mean(0), values.var(0, unbiased=False)
        else:
            mean, variance = norm.running_mean, norm.running_var
        values = (values - mean) / (variance + norm.eps).sqrt() * norm.weight + norm.bias
    return values, nearest
