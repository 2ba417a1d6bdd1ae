"""The hidden layers of `mlp` in a slow obvious form, with the draws of the compiled loops."""

import numpy as np
import torch
from torch.nn import functional as F


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


def slow_answer(net, inputs, seed):
    """(n, outputs), and the smallest distance of any unit from the kink of its ReLU."""
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
    return net[-1](values), nearest
