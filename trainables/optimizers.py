"""torch's optimizers as they are, without torch's compiler.

torch wraps their methods for `torch.compile`, and the first step imports that compiler: seconds of
every process that trains. Nothing here is compiled by it, so these go without the wrappers.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.optim import Optimizer


class _Uncompiled(Optimizer):
    """Steps take no gradients of themselves, so `differentiable` is not for these."""

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)


class Adam(_Uncompiled, torch.optim.Adam):
    """`torch.optim.Adam`."""

    step: Any = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class SGD(_Uncompiled, torch.optim.SGD):
    """`torch.optim.SGD`."""

    step: Any = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))
