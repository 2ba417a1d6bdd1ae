"""Copies of a network whose weights were never trained.

Random networks as in Ramanujan et al., "What's Hidden in a Randomly Weighted Neural Network?",
CVPR 2020, arXiv:1911.13299. Their networks have neither biases nor affine batch norms. Here
biases are 0 and batch norms multiply by 1 and add 0, which is the same function as long as nobody
trains them, and leaves files of weights that any network of the architecture loads.
"""

from __future__ import annotations

import copy
import math
from typing import Literal

import torch
from torch import Tensor, nn

from trainables.masks import prunable
from trainables.models.build import initialised_by

FreshWeights = Literal["kaiming", "constant"]


def fresh_copy(
    who: str, net: nn.Module, weights: FreshWeights, density: float, generator: torch.Generator
) -> nn.Module:
    """A copy of `net`, whose architecture alone is used, with new weights.

    Prunable weights have the standard deviation sqrt(2 / (inputs * density)), so that a network
    that keeps the share `density` of them hands on signals of their usual size: they are normal
    (He et al., ICCV 2015), or all of that size with a random sign. Other parameters start as
    torch's layers start them, biases at 0. What does not learn in `net` stays as it is there.
    Raises ValueError, naming `who`, for parameters that no layer of torch's says how to start.
    """
    place = next(net.parameters()).device
    fresh = copy.deepcopy(net).cpu()
    with initialised_by(int(torch.randint(2**62, (), generator=generator))), torch.no_grad():
        started = _reset(fresh)
        for weight in prunable(fresh).values():
            _draw(weight, weights, density, generator)
            started.add(id(weight))
        for own, given in zip(fresh.parameters(), net.parameters(), strict=True):
            if not given.requires_grad:
                own.copy_(given)
                started.add(id(own))
    for name, parameter in fresh.named_parameters():
        if id(parameter) not in started:
            raise ValueError(
                f"{who}: every parameter must belong to a layer of torch's to be drawn anew, "
                f"{name} of {type(net).__name__} does not"
            )
    return fresh.to(place)


def _reset(net: nn.Module) -> set[int]:
    """Starts every layer anew, its biases at 0; the ids of the parameters that were started."""
    started: set[int] = set()
    for module in net.modules():
        named = [getattr(module, name, None) for name in ("reset_parameters", "_reset_parameters")]
        for start in filter(callable, named):
            start()
            for name, parameter in module.named_parameters(recurse=False):
                if name.endswith("bias"):
                    parameter.zero_()
                started.add(id(parameter))
    return started


def _draw(
    weight: Tensor, weights: FreshWeights, density: float, generator: torch.Generator
) -> None:
    std = math.sqrt(2.0 / (weight[0].numel() * density))
    weight.normal_(generator=generator)
    if weights == "constant":
        weight.sign_()
    weight.mul_(std)
