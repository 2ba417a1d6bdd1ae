"""Keeps torch's compiler out of processes that compile nothing: it takes two seconds to load."""

from __future__ import annotations

import sys

from torch.optim import Optimizer

_METHODS = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
_HIDDEN = "__dynamo_disable"  # where torch keeps the form of a method that its compiler leaves out


def leave_compiler_out() -> None:
    """Has optimizers made and saved without it.

    torch loads its compiler when the first optimizer is made, only to tell it to leave such
    methods alone. Here they stand for themselves; whoever compiles their own network loads it as
    always. Where torch does not look as we know it, or has loaded it, nothing is done.
    """
    if "torch._dynamo" in sys.modules:
        return
    for name in _METHODS:
        plain = getattr(getattr(Optimizer, name, None), "__wrapped__", None)
        if plain is not None and not hasattr(plain, _HIDDEN):
            setattr(plain, _HIDDEN, plain)
