"""Multilayer perceptrons for tables.

The tabular network of Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing
Neural Networks", NeurIPS 2020, and of Zhang, Gao, Huang, ECCV 2022: an input layer and ten hidden
layers of 32 units, each Linear -> ReLU -> Dropout -> BatchNorm in this order. We use one logit
where theirs has two outputs of which one is used.
"""

from __future__ import annotations

import math

from torch import nn


def mlp(
    input_shape: tuple[int, ...],
    outputs: int,
    *,
    width: int = 32,
    hidden: int = 10,  # layers after the input layer
    dropout: float = 0.2,
) -> nn.Module:
    """inputs -> `width`, then `hidden` layers width -> width, then a linear layer.

    With 98 inputs and one output it has 13,408 prunable weights.
    """
    widths = [math.prod(input_shape), *[width] * (hidden + 1)]
    layers: list[nn.Module] = [nn.Flatten()]
    for i, size in enumerate(widths[1:]):
        layers += [nn.Linear(widths[i], size), nn.ReLU()]
        layers += [nn.Dropout(dropout), nn.BatchNorm1d(size)]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def mlp_wide(
    input_shape: tuple[int, ...],
    outputs: int,
    *,
    width: int = 256,
    hidden: int = 2,
    dropout: float = 0.2,
) -> nn.Module:
    """Three layers of 256 units: keeps its accuracy at sparsities where the deep one dies."""
    return mlp(input_shape, outputs, width=width, hidden=hidden, dropout=dropout)
