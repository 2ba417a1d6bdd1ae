"""What stages that train weights share: optimizers, masks that hold, one epoch, schedules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from trainables.data.batches import TrialData
from trainables.fused.adam import FlatAdam
from trainables.fused.batch_loss import BatchLoss
from trainables.fused.leaf import Leaf
from trainables.masks import Masks
from trainables.modules import modules_of, set_learning
from trainables.optimizers import SGD, Adam
from trainables.stage import State, snapshot


@contextmanager
def batch_statistics(net: nn.Module) -> Iterator[None]:
    """`net` in training mode, without updates of the running statistics of its batch norms.

    They normalise by the statistics of each batch. Where the running ones are estimated anew
    before every evaluation, it would be wasted work to update them in training.
    """
    modules = modules_of(net)
    tracking = [m for m in modules if isinstance(m, _BatchNorm) and m.track_running_stats]
    set_learning(net)
    for norm in tracking:
        object.__setattr__(norm, "track_running_stats", False)  # `nn.Module`'s own way is slow
    try:
        yield
    finally:
        for norm in tracking:
            object.__setattr__(norm, "track_running_stats", True)


Schedule = Literal["cosine", "constant", "steps"]


def adam(net: nn.Module, lr: float, weight_decay: float = 0.0) -> Adam:
    """Adam over all parameters; fused, since a small network's step is overhead."""
    return Adam(_trained(net), lr=lr, weight_decay=weight_decay, fused=True)


def sgd(net: nn.Module, lr: float, momentum: float = 0.9, weight_decay: float = 0.0) -> SGD:
    """Stochastic gradient descent over all parameters, fused."""
    return SGD(_trained(net), lr=lr, momentum=momentum, weight_decay=weight_decay, fused=True)


def _trained(net: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in net.parameters() if parameter.requires_grad]


class MaskedOptimizer:
    """An optimizer of `net` that leaves removed weights at exactly 0.

    Before a step it sets their gradients to 0, so that their moments stay 0 too. After the step it
    sets the weights to 0: neither weight decay nor momentum nor rounding can bring one back.
    """

    def __init__(
        self, net: nn.Module, masks: Masks, optimizer: Optimizer, *, fused: bool = False
    ) -> None:
        """With `fused`, Adam's steps on a CPU are one compiled loop."""
        masks.apply_(net)
        self.optimizer = optimizer
        # Masks are kept as factors of the weights' own type, which is several times faster than
        # bool masks. Masks that keep everything are left out.
        self._masked = [
            (weight, masks[name].to(weight.device, weight.dtype))
            for name, weight in masks.check(net).items()
            if not bool(masks[name].all())
        ]
        self._flat = FlatAdam.of(optimizer, self._masked) if fused else None
        self.leaf: Leaf | None = None  # of all weights, where a batch's gradients can go at once
        if self._flat is not None:
            starts = self._flat.starts
            named = {name: starts.get(id(one), -1) for name, one in net.named_parameters()}
            self.leaf = Leaf.of(net, self._flat.values, named)

    def set_lr(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def step(self, loss: Tensor | NDArray[Any]) -> None:
        """One step down the gradient of `loss`, or down one that is given flat at the `leaf`."""
        if isinstance(loss, Tensor):
            self._forget()
            loss.backward()
            self.follow()
        elif self._flat is None or not self._flat.step_down(loss):
            self._forget()
            if self.leaf is None:
                raise ValueError("optimizer: only one with a leaf takes a flat gradient")
            self.leaf.tensor.grad = torch.from_numpy(loss)
            self.follow()

    def _forget(self) -> None:
        if self.leaf is not None:
            self.leaf.tensor.grad = None
        for group in self.optimizer.param_groups:  # as zero_grad does, which costs more
            for parameter in group["params"]:
                parameter.grad = None

    def follow(self) -> None:
        """One step down the gradients that the weights hold."""
        slopes = None if self.leaf is None else self.leaf.tensor.grad
        if self._flat is not None and self._flat.step(slopes):
            return
        if self._flat is not None and slopes is not None:
            self._flat.hand_out(slopes)
        with torch.no_grad():
            for weight, mask in self._masked:
                if weight.grad is not None:
                    weight.grad.mul_(mask)
            self.optimizer.step()
            for weight, mask in self._masked:
                weight.mul_(mask)

    def state_dict(self) -> State:
        return snapshot(self.optimizer.state_dict())

    def load_state_dict(self, state: State) -> None:
        self.optimizer.load_state_dict(snapshot(state))  # torch would keep the very tensors
        if self._flat is not None:
            self._flat.renew()


class MeanLoss:
    """The mean of a loss over the rows of an epoch.

    It is summed up on the device: to read it after each batch would stop the device each time.
    """

    def __init__(self) -> None:
        self._total: Tensor | float | None = None
        self._rows = 0

    def add(self, loss: Tensor | float, rows: int) -> None:
        """`loss` is the mean over `rows` rows."""
        part = (loss if isinstance(loss, float) else loss.detach().double()) * rows
        self._total = part if self._total is None else self._total + part
        self._rows += rows

    def value(self) -> float:
        """The mean per row; NaN where nothing was added."""
        return math.nan if self._total is None else float(self._total) / self._rows


def train_epoch(
    net: nn.Module,
    optimizer: MaskedOptimizer,
    data: TrialData,
    part: str,
    size: int,
    generator: torch.Generator,
) -> float:
    """One pass over `part` in training mode; the mean loss per row."""
    set_learning(net)
    at_once, mean = BatchLoss(), MeanLoss()
    compiled = data.fused and data.n_classes == 2 and at_once.begin(net, optimizer.leaf)
    for batch in data.epoch(part, size, generator, augment=data.augment):
        slopes = at_once.slopes(batch) if compiled else None
        if slopes is not None:
            optimizer.step(slopes)
            mean.add(at_once.terms.loss, len(batch))
            continue
        if compiled:
            loss = at_once(batch)
        else:
            loss = data.head.loss(data.forward(net, batch.inputs), batch.labels, batch.weights)
        optimizer.step(loss)
        mean.add(loss, len(batch))
    return mean.value()


def schedule_factor(schedule: Schedule, progress: float, warmup: float = 0.0) -> float:
    """What a learning rate is multiplied by at `progress`, a share of the training in [0, 1).

    During the first share `warmup` the factor rises linearly from 0 to 1. What is left goes by
    the schedule. "cosine" falls from 1 as (1 + cos(pi * progress)) / 2, "constant" stays 1.
    "steps" is 1, then 1/10, then 1/100, for 13, 3 and 3 nineteenths: the three stages of
    FairGRAPE's retraining (Lin, Kim, Joo, ECCV 2022, released code).
    """
    if progress < warmup:
        return progress / warmup
    through = (progress - warmup) / (1.0 - warmup)
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * through))
    if schedule == "steps":
        return 1.0 if through < 13 / 19 else 0.1 if through < 16 / 19 else 0.01
    return 1.0
