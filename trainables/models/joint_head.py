"""A last layer over (class, group) pairs that answers for the classes alone.

Inference with prior shift of domain-discriminative training: Wang et al., "Towards Fairness in
Visual Recognition: Effective Strategies for Bias Mitigation", CVPR 2020, arXiv:1911.11834.
Networks that have such a layer are saved with a description of it.
"""

from __future__ import annotations

import copy
from typing import Literal, TypedDict

import torch
from torch import Tensor, nn

from trainables.live_units import Readout
from trainables.models.last_layer import with_layer

Over = Literal["sum", "max"]  # how the pairs of a class become one score


class JointReadout(Readout):
    """(n, classes * groups) joint logits to class logits; pair (y, d) is column y * groups + d.

    The logit of class y is log sum_d p(y, d | x) / P(y, d), or with "max" that of the largest
    term, up to a constant. Softmax over these logits gives p(y | x) for data in which every pair
    is equally frequent. P are the shares of the pairs in the training rows, kept as the buffer
    `log_prior`; zeros leave them out. Two classes have one logit: that of class 1 minus that of
    class 0.
    """

    log_prior: Tensor  # (classes * groups,)

    def __init__(self, classes: int, groups: int, over: Over) -> None:
        super().__init__()
        self.classes, self.groups, self.over = classes, groups, over
        self.register_buffer("log_prior", torch.zeros(classes * groups))

    def forward(self, joint: Tensor) -> Tensor:
        pairs: Tensor = (joint - self.log_prior).unflatten(-1, (self.classes, self.groups))
        logits: Tensor = pairs.logsumexp(-1) if self.over == "sum" else pairs.amax(-1)
        return logits[..., 1:] - logits[..., :1] if self.classes == 2 else logits


class JointHead(nn.Sequential):
    """A Linear over the pairs, then their readout."""

    def __init__(self, joint: nn.Linear, readout: JointReadout) -> None:
        super().__init__()
        self.joint = joint
        self.readout = readout


class Structure(TypedDict):
    """What tells a network with a JointHead from the architecture that it was trained from."""

    joint_head: str  # name of the layer that it stands for
    classes: int
    groups: int
    over: Over


def described(net: nn.Module) -> Structure | None:
    """How this network differs from the architecture that it was trained from; see `rebuilt`.

    None for a network without a JointHead.
    """
    for name, module in net.named_modules():
        if isinstance(module, JointHead):
            return {
                "joint_head": name,
                "classes": module.readout.classes,
                "groups": module.readout.groups,
                "over": module.readout.over,
            }
    return None


def rebuilt(net: nn.Module, description: Structure | None) -> nn.Module:
    """The network to load weights into that were saved beside `description`.

    It is `net` itself where that has such a last layer already. Otherwise it is a copy with
    another last layer, whose weights mean nothing yet.
    """
    own = described(net)
    if own == description:
        return net
    net = copy.deepcopy(net)
    if own is not None:
        net = with_layer(net, own["joint_head"], _plain(net.get_submodule(own["joint_head"])))
    if description is None:
        return net
    name = description["joint_head"]
    classes, groups = description["classes"], description["groups"]
    layer = net.get_submodule(name)
    if not isinstance(layer, nn.Linear):
        kind = type(layer).__name__
        raise ValueError(f"joint head: {name} must be a Linear layer of the network, got {kind}")
    joint = _like(layer, classes * groups)
    readout = JointReadout(classes, groups, description["over"]).to(layer.weight.device)
    return with_layer(net, name, JointHead(joint, readout))


def _plain(head: nn.Module) -> nn.Linear:
    if not isinstance(head, JointHead):
        raise TypeError(f"joint head: expected a JointHead, got {type(head).__name__}")
    classes = head.readout.classes
    return _like(head.joint, 1 if classes == 2 else classes)


def _like(layer: nn.Linear, outputs: int) -> nn.Linear:
    """A Linear layer like `layer` with other `outputs`: zeros, so that no weights are drawn."""
    fresh = nn.Linear(layer.in_features, outputs, bias=layer.bias is not None, device="meta")
    fresh = fresh.to_empty(device=layer.weight.device).to(layer.weight.dtype)
    with torch.no_grad():
        for parameter in fresh.parameters():
            parameter.zero_()
    return fresh
